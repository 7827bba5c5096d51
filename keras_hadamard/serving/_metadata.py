"""Metadata that `export` writes beside what the SavedModel says itself."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from keras_hadamard._version import __version__

_FILE = Path("assets.extra", "keras_hadamard.json")
XLA_FLAG = "--xla_cpu_compilation_enabled"


@dataclass(frozen=True)
class ExportMetadata:
    """Whether XLA compiles the version, and whether requests carry what is not yet processed."""

    xla: bool = False
    preprocessing: bool = False


def write_metadata(path: Path, metadata: ExportMetadata) -> None:
    content = {"keras_hadamard": __version__, **asdict(metadata)}
    if metadata.xla:
        content["server"] = f"start it with {XLA_FLAG}"
    (path / _FILE).parent.mkdir(exist_ok=True)
    (path / _FILE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_metadata(path: Path) -> ExportMetadata:
    """The metadata of a version, or the default of one that `export` did not write.

    Raises:
        ValueError: If it cannot be read.
    """
    if not (path / _FILE).is_file():
        return ExportMetadata()
    try:
        content = json.loads((path / _FILE).read_text("utf-8"))
        return ExportMetadata(content["xla"] is True, content["preprocessing"] is True)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{_FILE.name} cannot be read: {error!r}") from error
