"""Types of arguments, checked before anything heavy is imported."""

import re
from argparse import ArgumentTypeError

DOMAINS = ("fusion", "high_order", "modulation", "pairwise", "shared")
PRECISIONS = ("float32", "float16", "dynamic", "int8")


def positive(text: str) -> int:
    if not re.fullmatch(r"[+]?\d+", text) or int(text) < 1:
        raise ArgumentTypeError(f"expected a positive integer. Received: {text!r}")
    return int(text)


def positives(text: str) -> tuple[int, ...]:
    return tuple(positive(part.strip()) for part in text.split(","))
