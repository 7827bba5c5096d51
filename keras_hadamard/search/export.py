"""The best model as files: `best.keras`, `preprocessing.keras`, `serving/`, `best.tflite`."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import keras

from keras_hadamard.search.calibration import calibrated
from keras_hadamard.search.deployment import deploy
from keras_hadamard.search.files import digest, drafted
from keras_hadamard.search.problem import Problem
from keras_hadamard.search.raw_examples import raw_examples
from keras_hadamard.search.settings import SearchError

# Files whose content the records remember.
BEST, PREPROCESSING, SERVING = "best.keras", "preprocessing.keras", "serving"
DEPLOYED = "best.tflite"


def rehearse(problem: Problem, model: keras.Model) -> str | None:
    """Exports a model to nowhere, so that what fails then fails before hours of training.

    Returns:
        What of the check failed, if something did: then a search still has its `best.keras`.

    Raises:
        SearchError: If it cannot be saved, exported or checked.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            model, _ = _finished(problem, model)
            model.save(Path(folder, BEST))
            report = _export(problem, model, Path(folder, SERVING))
        except Exception as error:
            said = " ".join(f"{type(error).__name__}: {error}".split())
            raise SearchError(
                f"The model of the first trial cannot be exported, so that none could: {said}"
            ) from error
    failed = [f"{item.name}: {item.detail}" for item in report.items if item.passed is False]
    return f"not for a stock TF Serving: {'; '.join(failed)}" if failed else None


def write_best(problem: Problem, source: Path, folder: Path) -> dict[str, Any]:
    """Writes the files of the best model; returns what the records remember of them."""
    from keras_hadamard import serving

    try:
        model = keras.models.load_model(source)
    except Exception as error:
        raise SearchError(
            f"{source} cannot be read as a model; delete it to have it trained again. "
            f"Received: {type(error).__name__}: {error}"
        ) from error
    model, found = _finished(problem, model)
    check = _export(problem, model, folder / SERVING)
    preprocessing = serving.preprocessing_of(problem.data)
    for name, one in ((BEST, model), (PREPROCESSING, preprocessing)):
        if one is not None:
            with drafted(folder / name) as draft:
                one.save(draft)
    if problem.settings.deploy:
        deploy(problem, model, folder / DEPLOYED)
    return {**found, "check": str(check), "ok": check.ok, "files": digests(folder)}


def _finished(problem: Problem, model: keras.Model) -> tuple[keras.Model, dict[str, Any]]:
    """The model that is written, and what was fitted for it."""
    if not problem.settings.calibrate:
        return model, {}
    model, temperature = calibrated(problem, model)
    return model, {"temperature": temperature}


def digests(folder: Path) -> dict[str, str]:
    """A hash of each file of the best model, where it is there."""
    paths = (folder / name for name in (BEST, PREPROCESSING, SERVING, DEPLOYED))
    return {path.name: digest(path) for path in paths if path.exists()}


def _export(problem: Problem, model: keras.Model, served: Path) -> Any:
    """Writes `served/1/`, for requests as they come, and returns what the check of it says."""
    from keras_hadamard import serving
    from keras_hadamard.serving._model_name import model_name

    data = problem.data
    if served.exists():
        shutil.rmtree(served)
    options = serving.ExportOptions(
        preprocessing=serving.preprocessing_of(data),
        labels=data.classes if data.task in ("binary", "multiclass") else (),
        name=model_name(data.name),
    )
    serving.export(model, served, version=1, examples=raw_examples(data, 8), options=options)
    return serving.check(served, model)
