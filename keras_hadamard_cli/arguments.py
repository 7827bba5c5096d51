"""Types of arguments, checked before anything heavy is imported."""

import re
from argparse import ArgumentTypeError

ALGORITHMS = ("random", "bayesian", "hyperband", "grid")
SPACES = ("fusion", "gating", "attention", "token_mixer", "pruning")
DEFAULT_SPACES = SPACES[:2]
COSTS = ("parameters", "macs", "exported")
STRATEGIES = ("mirrored", "multiworker")
DOMAINS = ("fusion", "high_order", "modulation", "pairwise", "shared")
PRECISIONS = ("float32", "float16", "dynamic", "int8")

_SECONDS = {None: 1, "s": 1, "m": 60, "min": 60, "h": 3600}


def positive(text: str) -> int:
    if not re.fullmatch(r"[+]?\d+", text) or int(text) < 1:
        raise ArgumentTypeError(f"expected a positive integer. Received: {text!r}")
    return int(text)


def positives(text: str) -> tuple[int, ...]:
    return tuple(positive(part.strip()) for part in text.split(","))


def natural(text: str) -> int:
    if not re.fullmatch(r"[+]?\d+", text):
        raise ArgumentTypeError(f"expected an integer that is not negative. Received: {text!r}")
    return int(text)


def not_negative(text: str) -> float:
    if not re.fullmatch(r"[+]?(\d+\.?\d*|\.\d+)", text):
        raise ArgumentTypeError(f"expected a number that is not negative. Received: {text!r}")
    return float(text)


def weight(text: str) -> tuple[str, float]:
    """A cost and what twice of it is worth, such as `parameters=0.01`."""
    name, _, value = text.partition("=")
    if name not in COSTS:
        raise ArgumentTypeError(f"expected one of {', '.join(COSTS)}, and =W. Received: {text!r}")
    return name, not_negative(value)


def address(text: str) -> str:
    """A host and a port such as `10.0.0.5:8476`."""
    if not re.fullmatch(r".+:\d{1,5}", text):
        raise ArgumentTypeError(f"expected an address host:port. Received: {text!r}")
    return text


def seconds(text: str) -> float:
    """A time such as `600`, `90s`, `10m` or `1.5h`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|min|h)?", text.strip())
    value = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    if value <= 0:
        raise ArgumentTypeError(f"expected a time such as 600, 10m or 1h. Received: {text!r}")
    return value


def spaces(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names or not set(names) <= set(SPACES):
        raise ArgumentTypeError(f"expected some of {','.join(SPACES)}. Received: {text!r}")
    return names
