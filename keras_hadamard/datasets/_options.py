"""The checked arguments of the loader."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keras_hadamard._core.checks import near, one_of, positive_int, received
from keras_hadamard.datasets._kinds import COLUMN_KINDS
from keras_hadamard.datasets.arrays import TASKS


@dataclass(frozen=True)
class Options:
    """The arguments of `load_arrays` that concern rows and columns."""

    target: Any = None
    kinds: Mapping[str, str] | None = None
    shares: Sequence[float] = (0.15, 0.15)
    group: str | None = None
    time: str | None = None
    task: str | None = None
    seed: int = 0
    limit: int | None = None

    def __post_init__(self) -> None:
        if (
            isinstance(self.seed, bool)
            or not isinstance(self.seed, int)
            or not (0 <= self.seed < 2**32)
        ):
            raise received("`seed` to be an integer in [0, 2**32)", seed=self.seed)
        if self.limit is not None:
            positive_int("limit", self.limit)
        if self.task is not None:
            one_of("task", self.task, TASKS)
        if self.target is not None and not isinstance(self.target, (str, list, tuple)):
            raise received("`target` to be a name or a list of names", target=self.target)
        if not isinstance(self.kinds or {}, Mapping):
            raise received("`kinds` to be a dictionary from column to kind", kinds=self.kinds)
        for name, kind in (self.kinds or {}).items():
            one_of(f"the kind of {name!r}", kind, COLUMN_KINDS)
        try:
            validation, test = (float(share) for share in self.shares)
        except (TypeError, ValueError):
            validation = test = 0.0
        if not (0 < validation < 1 and 0 < test < 1 and validation + test < 1):
            raise received(
                "`shares` of validation and test that leave some for train",
                shares=self.shares,
            )
        if self.group is not None and self.time is not None:
            raise received("`group` or `time`, not both", group=self.group, time=self.time)

    def check_columns(self, columns: Sequence[str], targets: Sequence[str]) -> None:
        """Raises if a named column does not exist."""
        named: list[tuple[str, str | None]] = [("kinds", name) for name in self.kinds or {}]
        named += [("group", self.group), ("time", self.time)]
        for option, name in named:
            if name is not None and name not in columns:
                raise received(
                    f"`{option}` to name a column{near(name, columns)}",
                    **{option: name},
                    columns=list(columns)[:50],
                )
            if name in targets:
                raise received(f"`{option}` not to name a target", **{option: name})

    @property
    def share_of(self) -> dict[str, float]:
        return dict(zip(("validation", "test"), map(float, self.shares), strict=True))
