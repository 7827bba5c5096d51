"""Errors of checkpoints that do not fit a model: one cause, not every weight affected."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from keras_hadamard._core.checks import received
from keras_hadamard.models._checkpoint import Entry

# The maximum number of names of a kind to list.
LISTED = 5
FRESH = "`from_torch(..., head='fresh')`, which loads all but the classifier"


def check_names(model: str, wanted: set[str], given: set[str], top: set[str]) -> None:
    """Raises if the names differ: names the architecture, the depth, the classifier or the names.

    Args:
        model: The name of the architecture.
        wanted: The names that the model needs.
        given: Those that the checkpoint has.
        top: Those of the model's classifier.
    """
    missing, unknown = wanted - given, given - wanted
    if not missing and not unknown:
        return
    kinds = set(map(_kind, wanted))
    if len(kinds & set(map(_kind, given))) * 2 < len(kinds):
        raise received(
            f"a checkpoint of {model}, with names like {_listed(wanted)}", names=_listed(given)
        )
    ours, theirs = _up_to(wanted), _up_to(given)
    # The outermost difference: one more block means more of everything in it.
    differing = [part for part in sorted(ours) if theirs.get(part, ours[part]) != ours[part]]
    if differing:
        level = min(part.count(".") for part in differing)
        parts = [part for part in differing if part.count(".") == level][:LISTED]
        raise received(
            f"as many blocks in the checkpoint as in this {model} (its variant and arguments say "
            "how many)",
            checkpoint="up to " + ", ".join(f"{part}.{theirs[part]}" for part in parts),
            model="up to " + ", ".join(f"{part}.{ours[part]}" for part in parts),
        )
    if not unknown and missing <= top:
        raise received(
            f"a checkpoint with a classifier; pass `include_top=False`, or use {FRESH}",
            missing=_listed(missing),
        )
    raise received(
        f"a checkpoint with exactly the names of this {model}",
        missing=_listed(missing),
        unknown=_listed(unknown),
    )


def of_shapes(
    unfit: list[Entry], shapes: Mapping[str, tuple[int, ...]], top: list[Entry]
) -> ValueError:
    """The error for weights of other shapes: names the number of classes, or the shapes."""
    theirs = {entry.name: shapes[entry.name] for entry in unfit}
    if all(entry in top and theirs[entry.name] for entry in unfit):
        classes, ours = theirs[unfit[0].name][0], unfit[0].variable.shape[-1]
        if classes != ours:
            return received(
                f"the checkpoint's {classes} classes and the model's {ours} to be the same; pass "
                f"`classes={classes}`, or use {FRESH}",
                checkpoint=classes,
                model=ours,
            )
    first = {entry.name: tuple(entry.variable.shape) for entry in unfit[:LISTED]}
    more = len(theirs) - len(first)
    return received(
        f"shapes that fit those of the model (its variant and arguments define them): {first}"
        + (f", and {more} more" if more > 0 else ""),
        **{name: theirs[name] for name in first},
    )


def _kind(name: str) -> str:
    """A name without its numbers, which is the same for one weight in every block."""
    return re.sub(r"\d+", "#", name)


def _listed(names: Iterable[str]) -> list[str]:
    """One name of each kind for a few kinds, and the number of further names."""
    names = sorted(names)
    first = list({_kind(name): name for name in reversed(names)}.values())[-LISTED:][::-1]
    more = len(names) - len(first)
    return first + ([f"and {more} more"] if more else [])


def _up_to(names: Iterable[str]) -> dict[str, int]:
    """The last number of all numbered parts, by the prefix of the number."""
    last: dict[str, int] = {}
    for name in names:
        parts: list[Any] = name.split(".")
        for i, part in enumerate(parts):
            if i and part.isdigit():
                before = ".".join(parts[:i])
                last[before] = max(last.get(before, 0), int(part))
    return last
