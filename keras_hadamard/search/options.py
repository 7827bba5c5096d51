"""Kinds of options: how a value is read from a command line, and which values are taken.

The command line reads this file and the settings without the rest of the package, whose import is
that of Keras: only the standard library is imported here.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, field
from dataclasses import dataclass as _dataclass
from typing import Any

_SECONDS = {None: 1, "s": 1, "m": 60, "min": 60, "h": 3600}
# With the seeds of finalists added, NumPy's limit of 2**32 is far.
LIMIT = 2**31


@_dataclass(frozen=True)
class Kind:
    """What an option takes: said in words, checked, and read from text.

    `read` raises a ValueError for text that it cannot read.
    """

    expected: str
    check: Callable[[Any], bool]
    read: Callable[[str], Any] = str
    metavar: str | None = None
    choices: tuple[str, ...] | None = None
    # The option may be given several times; `read` makes a pair of each.
    repeated: bool = False
    flag: bool = False


def option(kind: Kind, help: str, default: Any = MISSING, **about: Any) -> Any:
    """A field of the settings with all that is known of the option.

    Args:
        kind: `Kind` of its values; None is taken as well where that is the default.
        help: What it is for, as a phrase: command line and docstring show it.
        default: The default.
        about: `flag`, its name on the command line, where that is not the field's; `identity`,
            whether another value makes another search (True), `shown`, what the help calls the
            default.
    """
    return field(default=default, metadata={"kind": kind, "help": help, "identity": True, **about})


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def at_least(least: int) -> Kind:
    """Integers from `least` on."""
    words = {0: "an integer that is not negative", 1: "a positive integer"}
    return Kind(
        words.get(least, f"an integer of at least {least}"),
        lambda value: _is_int(value) and least <= value < LIMIT,
        int,
        "N",
    )


def one_of(*choices: str) -> Kind:
    """One of some names."""
    return Kind(f"one of {', '.join(choices)}", lambda value: value in choices, choices=choices)


def some_of(*choices: str) -> Kind:
    """Some of some names, with commas between them."""
    return Kind(
        f"some of {', '.join(choices)}",
        lambda value: bool(value) and set(value) <= set(choices),
        _names,
        "NAMES",
    )


def pairs(
    names: tuple[str, ...] | None, values: Kind | tuple[str, ...], expected: str, metavar: str
) -> Kind:
    """A dict, given as `name=value` once for each."""

    def fits(name: Any, value: Any) -> bool:
        known = isinstance(name, str) and (names is None or name in names)
        return known and (values.check(value) if isinstance(values, Kind) else value in values)

    def read(text: str) -> tuple[str, Any]:
        name, _, value = text.rpartition("=")
        pair = name, values.read(value) if isinstance(values, Kind) else value
        if not fits(*pair):
            raise ValueError
        return pair

    def check(value: Any) -> bool:
        return isinstance(value, Mapping) and all(fits(n, v) for n, v in value.items())

    return Kind(expected, check, read, metavar, repeated=True)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|min|h)?", text.strip())
    if match is None:
        raise ValueError
    return float(match[1]) * _SECONDS[match[2]]


def _shares(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


NATURAL = at_least(0)
POSITIVE = at_least(1)
NUMBER = Kind("a positive number", lambda v: _is_number(v) and v > 0, float, "X")
WEIGHT = Kind("a number that is not negative", lambda v: _is_number(v) and v >= 0, float, "W")
SECONDS = Kind(
    "a positive time such as 600, 10m or 1h", lambda v: _is_number(v) and v > 0, _seconds, "TIME"
)
TEXT = Kind("a text that is not empty", lambda v: isinstance(v, str) and bool(v), metavar="NAME")
NAMES = Kind(
    "names",
    lambda v: bool(v) and all(isinstance(n, str) and n for n in v),
    _names,
    "NAME[,NAME]",
)
PATH = Kind("a path", lambda v: bool(str(v)), metavar="DIR")
FILE = Kind("a file", lambda v: v is not None, metavar="FILE")
SWITCH = Kind("True or False", lambda v: isinstance(v, bool), flag=True)
SHARES = Kind(
    "the shares of validation and test, each above 0 and below 1 in sum",
    lambda v: len(v) == 2 and all(_is_number(s) and s > 0 for s in v) and sum(v) < 1,
    _shares,
    "V,T",
)
