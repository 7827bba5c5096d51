"""Argument checks of all levels: what was expected, and what was received."""

import difflib
import numbers
from collections.abc import Iterable
from typing import Any


def received(expected: str, **got: Any) -> ValueError:
    """The form of all errors: what was expected, then `Received: name=value`."""
    values = ", ".join(f"{name}={value!r}" for name, value in got.items())
    return ValueError(f"Expected {expected}. Received: {values}")


def positive_int(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 1:
        raise received(f"`{name}` to be a positive integer", **{name: value})
    return int(value)


def fraction(name: str, value: Any) -> float:
    """A rate in [0, 1), as in dropout."""
    if not _is_real(value) or not 0 <= value < 1:
        raise received(f"`{name}` to be a number in [0, 1)", **{name: value})
    return float(value)


def positive_number(name: str, value: Any) -> float:
    if not _is_real(value) or not value > 0:
        raise received(f"`{name}` to be a positive number", **{name: value})
    return float(value)


def non_negative(name: str, value: Any) -> float:
    if not _is_real(value) or not value >= 0:
        raise received(f"`{name}` to be a number that is not negative", **{name: value})
    return float(value)


def _is_real(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def one_of(name: str, value: Any, choices: Iterable[Any]) -> Any:
    choices = tuple(choices)
    if value not in choices:
        raise received(f"`{name}` to be one of {choices}{near(value, choices)}", **{name: value})
    return value


def near(value: Any, choices: Iterable[Any]) -> str:
    """A hint with similarly spelt names, or nothing."""
    names = [choice for choice in choices if isinstance(choice, str)]
    found = difflib.get_close_matches(str(value), names)
    return f" (did you mean {' or '.join(map(repr, found))}?)" if found else ""
