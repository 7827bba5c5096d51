"""The folder of a run: whose it is, and that one process at a time writes there."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from keras_hadamard._version import __version__
from keras_hadamard.search.files import is_draft, write_json
from keras_hadamard.search.problem import Problem
from keras_hadamard.search.settings import SearchError

MANIFEST, STATE = "run.json", ".state"
FORMAT = 2


def identity(problem: Problem) -> dict[str, Any]:
    """What makes two commands the same search. The number of trials and the budget may grow."""
    settings = problem.settings
    names = [f.name for f in fields(settings) if f.metadata.get("identity")]
    own = {name: _plain(getattr(settings, name)) for name in names}
    # What the data is called may change, and what it is by the name may too.
    own |= {"dataset": problem.data.name, "test": None, "data": fingerprint(problem.data)}
    return {**own, "version": __version__}


def _plain(value: Any) -> Any:
    """A value as JSON gives it back."""
    return json.loads(json.dumps(value, default=str))


def fingerprint(data: Any) -> str:
    """A hash of the arrays: the same file name may hold other data tomorrow."""
    digest = hashlib.sha256()
    for split in (data.train, data.validation, data.test):
        for name, array in [*sorted(split.inputs.items()), ("", split.targets)]:
            array = np.ascontiguousarray(array)
            digest.update(f"{name}{array.shape}{array.dtype}".encode())
            digest.update(array.reshape(-1).view("uint8").data)
    return digest.hexdigest()[:16]


def differences(known: dict[str, Any], own: dict[str, Any]) -> str:
    """In what a known search differs from this one."""
    differing = [name for name in own if known[name] != own[name]]
    return ", ".join(f"{n} {known[n]!r} is now {own[n]!r}" for n in differing)


def prepare(folder: Path, wanted: dict[str, Any], derived: dict[str, Any]) -> dict[str, Any]:
    """Claims a new folder, or returns the manifest of the run that is continued there.

    `derived` is what the first start worked out from its number of trials, which must not change
    when that number is raised.
    """
    if folder.exists() and not folder.is_dir():
        raise SearchError(f"{folder} is a file, not a folder for a run.")
    if not (folder / MANIFEST).exists():
        if folder.exists() and not all(is_draft(p) for p in folder.iterdir()):
            raise SearchError(f"{folder} is not empty and holds no search; choose another --out.")
        manifest = {"format": FORMAT, **wanted, "derived": derived}
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / MANIFEST, manifest)
        return manifest
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        if manifest["format"] != FORMAT:
            raise ValueError(f"its format is {manifest['format']!r} and not {FORMAT}")
        changes = differences(manifest, wanted)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise SearchError(
            f"{folder / MANIFEST} cannot be read as a search's; choose another --out. "
            f"Received: {error}"
        ) from error
    if changes:
        raise SearchError(f"{folder} holds another search ({changes}); choose another --out.")
    return dict(manifest)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the folder; the system lets go of the lock however the process ends."""
    try:
        import fcntl
    except ImportError:  # no such locks on this system
        yield
        return
    with open(folder / MANIFEST) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SearchError(f"Another search is running in {folder}.") from error
        yield
