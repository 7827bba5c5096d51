"""Report of a check."""

from dataclasses import dataclass
from pathlib import Path

from keras_hadamard.serving._metadata import XLA_FLAG

_WORDS = {True: "ok", False: "FAIL", None: "skip"}


@dataclass(frozen=True)
class CheckItem:
    """One item of a check.

    Args:
        name: String, what was looked at.
        passed: Boolean, or None where it could not be looked at.
        detail: String, what was found, in one line.

    Example:

    >>> from keras_hadamard.serving import CheckItem
    >>> print(CheckItem("signature", True, "serving_default(features) -> score"))
    ok    signature      serving_default(features) -> score
    """

    name: str
    passed: bool | None
    detail: str

    def __str__(self) -> str:
        return f"{_WORDS[self.passed]:<6}{self.name:<15}{self.detail}"


@dataclass(frozen=True)
class CheckReport:
    """Whether a SavedModel runs on a stock TF Serving, item by item.

    Args:
        path: `pathlib.Path` of the SavedModel.
        version: Integer, the version that a server gives it, or None where its directory has no
            number for a name.
        items: Tuple of `CheckItem`s.
        xla: Boolean, whether the version is for a server with XLA, as its metadata says. Defaults
            to `False`.

    Example:

    >>> from pathlib import Path
    >>> from keras_hadamard.serving import CheckItem, CheckReport
    >>> report = CheckReport(Path("m/1"), 1, (CheckItem("batch 8", False, "does not load"),))
    >>> print(report)
    m/1 does not run on a stock TF Serving
    FAIL  batch 8        does not load
    >>> report.ok
    False
    """

    path: Path
    version: int | None
    items: tuple[CheckItem, ...]
    xla: bool = False

    @property
    def ok(self) -> bool:
        """Whether nothing failed. An item that was skipped for want of data does not fail."""
        return all(item.passed is not False for item in self.items)

    def __str__(self) -> str:
        verdict = "runs" if self.ok else "does not run"
        server = f"TF Serving started with {XLA_FLAG}" if self.xla else "a stock TF Serving"
        return "\n".join([f"{self.path} {verdict} on {server}", *map(str, self.items)])
