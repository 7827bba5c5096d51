"""Searches of the data that people have: each task, and each kind of column, from the file on."""

import io
import json

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from sklearn import datasets

from keras_hadamard.search import Search, SearchSettings, load_run

pytestmark = pytest.mark.slow


@pytest.fixture
def found(tmp_path):
    """Searches a frame as a file; returns the run and what was printed."""

    def run(frame, **settings):
        path = tmp_path / "data.csv"
        frame.to_csv(path, index=False)
        stream = io.StringIO()
        settings = {"max_trials": 2, "out": tmp_path / "run", **settings}
        return Search(SearchSettings(path, **settings), stream=stream).run(), stream.getvalue()

    return run


def served(run, rows):
    """What the served model answers to rows of the file."""
    model = tf.saved_model.load(run.folder / "serving" / "1").signatures["serving_default"]
    kinds = {name: spec.dtype for name, spec in model.structured_input_signature[1].items()}
    keys = {c["name"]: c["key"] for c in run.facts.columns if c["role"] == "input"}
    sent = {}
    for name, key in keys.items():
        values = rows[name]
        if kinds[key] == tf.string:
            values = values.fillna("").astype(str)
        sent[key] = tf.constant(values.to_numpy(), dtype=kinds[key])
    return np.asarray(next(iter(model(**sent).values())))


def test_wine_of_unscaled_columns_is_told_apart(found):
    frame = datasets.load_wine(as_frame=True).frame
    run, printed = found(frame, max_trials=1, epochs=20)
    assert np.mean(run.best.tests) >= 0.93
    assert run.facts.task == "multiclass" and run.facts.objective == "accuracy"
    assert "proline" in printed and "standardised" in printed
    # The statistics went with the model: rows as they are in the file.
    answers = served(run, frame)
    assert np.mean(answers.argmax(-1) == frame["target"]) >= 0.93


def test_numbers_are_predicted_in_their_own_units(found):
    frame = datasets.load_diabetes(as_frame=True, scaled=False).frame
    run, _ = found(frame, max_trials=1, epochs=12)
    assert (run.facts.task, run.facts.objective) == ("regression", "rmse")
    mean, ridge, boosted = run.records.references
    assert (mean.name, ridge.name, boosted.name) == (
        "mean",
        "ridge regression",
        "gradient boosting",
    )
    assert np.mean(run.best.tests) < mean.test
    answers = served(run, frame)
    error = np.sqrt(np.mean((answers[:, 0] - frame["target"]) ** 2))
    assert error < frame["target"].std()
    assert set(run.best.finals[0].metrics) == {"rmse", "mae", "r2"}


def test_several_labels_at_once(found):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4))
    frame = pd.DataFrame(x, columns=list("abcd")).assign(
        high=(x[:, 0] > 0).astype(int), low=(x[:, 1] < -0.5).astype(int)
    )
    run, _ = found(frame, target=("high", "low"), max_trials=1, epochs=8)
    assert (run.facts.task, run.facts.objective) == ("multilabel", "average_precision")
    assert np.mean(run.best.tests) > 0.9
    answers = served(run, frame)
    assert np.mean((answers > 0.5) == frame[["high", "low"]]) > 0.9


def table(rows, seed=0):
    """Numbers with holes, categories, texts in several scripts, dates, and a rare class."""
    rng = np.random.default_rng(seed)
    price = rng.lognormal(3, 1, rows)
    city = rng.choice(["Zürich", "東京", "القاهرة", "Москва"], rows)
    words = np.where(rng.uniform(size=rows) < 0.5, "très bon produit", "sehr schlecht, не надо")
    rare = (price > np.quantile(price, 0.9)) & (city == "東京")
    frame = pd.DataFrame(
        {
            "price": price,
            "city": city,
            "review": [f"{w} {i % 7} 星" for i, w in enumerate(words)],
            "day": pd.date_range("2021-01-01", periods=rows, freq="D").strftime("%Y-%m-%d"),
            "class": rng.normal(size=rows),
            "bought": np.where(rare, "ja", "nein"),
        }
    )
    holes = rng.uniform(size=(rows, 2)) < 0.3
    return frame.assign(
        price=frame["price"].mask(holes[:, 0]), city=frame["city"].mask(holes[:, 1])
    )


def test_a_table_of_everything(found):
    frame = table(600)
    run, printed = found(
        frame,
        target="bought",
        kinds={"review": "text"},
        class_weight="balanced",
        calibrate=True,
        max_trials=1,
        epochs=2,
    )
    assert (run.facts.task, run.facts.objective) == ("binary", "auc")
    kinds = {c["name"]: c["kind"] for c in run.facts.columns}
    assert (kinds["price"], kinds["city"], kinds["review"], kinds["day"]) == (
        "number",
        "category",
        "text",
        "date",
    )
    assert run.records.best["ok"] and run.records.best["temperature"] > 0
    answers = served(run, frame[:50])
    np.testing.assert_allclose(answers.sum(-1), 1, rtol=1e-5)
    before, _ = (
        keras.models.load_model(run.folder / f"{name}.keras") for name in ("preprocessing", "best")
    )
    keys = {c["name"]: c["key"] for c in run.facts.columns if c["role"] == "input"}
    assert set(before.input) == set(keys.values())
    # Read again from the folder, the run is the same.
    again = load_run(run.folder)
    assert again.facts == run.facts and again.records.trials == run.records.trials
    assert "東京" in (run.folder / "report.html").read_text("utf-8") or "city" in printed
    text = (run.folder / "trials.json").read_text("utf-8")
    assert json.loads(text)["about"]["facts"]["classes"] == list(run.facts.classes)


def test_more_columns_than_rows(found):
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(rng.normal(size=(60, 100)), columns=[f"gene {i}" for i in range(100)])
    run, printed = found(wide.assign(target=np.arange(60) % 2), max_trials=1, epochs=2)
    assert run.best is not None and any("fewer rows" in w.lower() for w in run.facts.warnings)
    assert "fewer rows" in " ".join(printed.lower().split())


def test_twenty_rows(found):
    frame = datasets.load_wine(as_frame=True).frame.sample(20, random_state=0)
    run, _ = found(frame, max_trials=1, epochs=2)
    assert run.best is not None and run.facts.sizes["test"] >= 1


def test_a_folder_of_pictures(tmp_path):
    digits = datasets.load_digits()
    for i, (image, target) in enumerate(zip(digits.images[:200], digits.target, strict=False)):
        folder = tmp_path / "pictures" / f"digit {target}"
        folder.mkdir(parents=True, exist_ok=True)
        keras.utils.save_img(folder / f"{i}.png", image[..., None] * 255 / 16, scale=False)
    settings = SearchSettings(tmp_path / "pictures", out=tmp_path / "run", max_trials=1, epochs=10)
    run = Search(settings, stream=io.StringIO()).run()
    assert run.facts.task == "multiclass" and len(run.facts.classes) == 10
    assert run.records.best["ok"] and np.mean(run.best.tests) > 0.5
