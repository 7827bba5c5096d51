"""What `export` says about a version, beside what the SavedModel says itself."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from keras_hadamard._version import __version__

_FILE = Path("assets.extra", "keras_hadamard.json")
XLA_FLAG = "--xla_cpu_compilation_enabled"


@dataclass(frozen=True)
class Label:
    """Whether XLA compiles the version, and whether requests carry what is not yet processed."""

    xla: bool = False
    preprocessing: bool = False


def write_label(path: Path, label: Label) -> None:
    said = {"keras_hadamard": __version__, **asdict(label)}
    if label.xla:
        said["server"] = f"start it with {XLA_FLAG}"
    (path / _FILE).parent.mkdir(exist_ok=True)
    (path / _FILE).write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


def read_label(path: Path) -> Label:
    """The label of a version, or that of one of other origin.

    Raises:
        ValueError: If it cannot be read.
    """
    if not (path / _FILE).is_file():
        return Label()
    try:
        said = json.loads((path / _FILE).read_text("utf-8"))
        return Label(said["xla"] is True, said["preprocessing"] is True)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{_FILE.name} cannot be read: {error!r}") from error
