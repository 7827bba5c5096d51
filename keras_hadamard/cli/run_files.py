"""What `keras-hadamard convert` knows of a search by the folder of its run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_hadamard_cli.errors import InputError

# The most rows of test that a file is judged on. Four times as many rows calibrate eight bits.
_TEST_ROWS = 500
_CALIBRATING = 4


@dataclass(frozen=True)
class RunFiles:
    """A run's best model, and its data as that model takes them.

    `examples` and `targets` are None where the data is not there any more, and `notes` say why.
    """

    model: Path
    labels: tuple[str, ...]
    examples: dict[str, np.ndarray] | None
    targets: np.ndarray | None
    notes: tuple[str, ...]


def run_files(folder: Path, int8: bool, given: bool) -> RunFiles:
    """Reads a run's folder; its data only where no examples are `given`."""
    from keras_hadamard.search.rebuild import load_run
    from keras_hadamard.search.settings import SearchError

    try:
        run = load_run(folder)
    except SearchError as error:
        raise InputError(str(error)) from error
    model = folder / "best.keras"
    if not model.is_file():
        raise InputError(f"{folder} holds no best.keras: its search has not ended.")
    facts = run.facts
    labels = facts.classes if facts.task in ("binary", "multiclass") else ()
    notes = [_takes(folder, facts.inputs)]
    if given:
        return RunFiles(model, labels, None, None, tuple(notes))
    data, missing = _data(run.settings, folder)
    if missing:
        if int8:
            raise InputError(f"Eight bits need examples: {missing}; give --examples FILE.npz.")
        notes.append(f"compared on random inputs: {missing}")
    if data is None:
        return RunFiles(model, labels, None, None, tuple(notes))
    examples, targets = _rows(data, int8)
    return RunFiles(model, labels, examples, targets, tuple(notes))


def _takes(folder: Path, inputs: dict[str, str]) -> str:
    """What the file takes, which is not what the served model takes."""
    maker = "as preprocessing.keras makes them" if (folder / "preprocessing.keras").exists() else ""
    shapes = ", ".join(f"{name} ({shape})" for name, shape in inputs.items())
    return " ".join(f"takes arrays {maker} as best.keras does: {shapes}".split())


def _data(settings: Any, folder: Path) -> tuple[Any, str]:
    """The data set that the run names, or why there is none."""
    import json

    from keras_hadamard.search.problem import load
    from keras_hadamard.search.run_folder import MANIFEST, fingerprint
    from keras_hadamard.search.settings import SearchError

    try:
        data = load(settings)
    except (SearchError, ImportError, OSError) as error:
        return None, f"the data of the run, {settings.dataset}, cannot be read ({error})"
    known = json.loads((folder / MANIFEST).read_text("utf-8")).get("data")
    if fingerprint(data) != known:
        return None, f"{settings.dataset} is not what it was at the time of the search"
    return data, ""


def _rows(data: Any, int8: bool) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Rows of test, behind those of training and validation that calibrate eight bits.

    The last fifth of the examples is what a file is judged on.
    """
    count = min(len(data.test), _TEST_ROWS)
    parts = [(data.test, count)]
    if int8:
        fitted = [data.train, data.validation]
        count = max(1, min(count, sum(map(len, fitted)) // _CALIBRATING))
        # As many of each split as it has a share of their rows.
        share = _CALIBRATING * count / sum(map(len, fitted))
        train = min(len(data.train), round(share * len(data.train)))
        parts = [
            (data.train, train),
            (data.validation, min(len(data.validation), _CALIBRATING * count - train)),
            (data.test, count),
        ]
    generator = np.random.default_rng(0)
    drawn = [(split, generator.permutation(len(split))[:n]) for split, n in parts]
    examples = {
        name: np.concatenate([split.inputs[name][rows] for split, rows in drawn])
        for name in data.inputs
    }
    return examples, np.concatenate([split.targets[rows] for split, rows in drawn])
