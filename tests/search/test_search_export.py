"""What a search serves takes requests as they come, and answers with names of classes."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_hadamard import serving
from keras_hadamard.datasets import load_arrays
from keras_hadamard.search import SearchError, SearchSettings, export, tasks
from keras_hadamard.search.problem import Problem
from keras_hadamard.search.training import Outcome

TEXTS = ["a dog", "the unknown cat", "a cat", "dog dog the"]


@pytest.fixture
def mixed():
    """The problem of pixels, a text and numbers, with arguments of its settings."""
    rng = np.random.default_rng(0)
    arrays = {
        "image": rng.integers(0, 256, (80, 4, 3, 1), "uint8"),
        "text": np.array(TEXTS * 20),
        "extra": rng.normal(5, 3, size=(80, 3)).astype("float32"),
        "target": np.array(["no", "yes"])[np.arange(80) % 2],
    }

    def make(**settings):
        data = load_arrays(arrays, kinds={"text": "text"})
        return Problem(SearchSettings(arrays, **settings), data)

    return make


def network(data):
    inputs = {
        name: keras.Input(spec.shape, dtype=str(data.train.inputs[name].dtype), name=name)
        for name, spec in data.inputs.items()
    }
    size = data.inputs["text"].vocabulary_size
    words = keras.layers.Embedding(size, 4)(inputs["text"])
    rest = [x for name, x in inputs.items() if name != "text"]
    joined = keras.layers.Concatenate()([keras.layers.Flatten()(x) for x in (words, *rest)])
    return keras.Model(inputs, keras.layers.Dense(2, "softmax", name="label")(joined))


def test_pixels_and_text_go_in_and_labels_come_out(mixed, tmp_path):
    problem = mixed()
    data = problem.data
    model = network(data)
    model.save(tmp_path / "source.keras")
    written = export.write_best(problem, tmp_path / "source.keras", tmp_path)
    assert written["ok"], written["check"]
    assert set(written["files"]) == {"best.keras", "preprocessing.keras", "serving"}
    loaded = tf.saved_model.load(tmp_path / "serving" / "1")
    assert {"serving_default", "classify"} <= set(loaded.signatures)
    count = len(next(iter(data.raw.values())))
    expected = np.asarray(model({n: array[:count] for n, array in data.test.inputs.items()}))
    sent = {name: tf.constant(value) for name, value in data.raw.items()}
    assert sent["image"].dtype == tf.uint8 and sent["text"].dtype == tf.string
    scores = loaded.signatures["serving_default"](**sent)["label"]
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6)
    best = loaded.signatures["classify"](**sent)["labels"][:, 0]
    assert [b.decode() for b in best.numpy()] == [data.classes[i] for i in expected.argmax(-1)]
    # The two files together are the served model.
    network_, before = (
        keras.models.load_model(tmp_path / name) for name in ("best.keras", "preprocessing.keras")
    )
    again = network_(before({name: tf.constant(value) for name, value in data.raw.items()}))
    np.testing.assert_allclose(again, expected, rtol=1e-5, atol=1e-6)


def test_calibrated_probabilities_are_what_is_saved_and_served(mixed, tmp_path):
    problem = mixed(calibrate=True)
    model = network(problem.data)
    # Ten times as sure as it has reason to be.
    model.layers[-1].set_weights([10 * w for w in model.layers[-1].get_weights()])
    model.save(tmp_path / "source.keras")
    written = export.write_best(problem, tmp_path / "source.keras", tmp_path)
    assert written["temperature"] > 1.5 and written["ok"], written
    split = problem.data.test
    plain, scaled = (
        np.asarray(m.predict(split.inputs, verbose=0))
        for m in (model, keras.models.load_model(tmp_path / "best.keras"))
    )
    assert problem.objective.name == "accuracy"
    np.testing.assert_array_equal(plain.argmax(-1), scaled.argmax(-1))
    assert scaled.max(-1).mean() < plain.max(-1).mean()


def test_both_files_load_after_the_package_of_the_search_is_imported(mixed, tmp_path):
    problem = mixed(calibrate=True)
    network(problem.data).save(tmp_path / "source.keras")
    export.write_best(problem, tmp_path / "source.keras", tmp_path)
    code = """
import sys
import keras
import keras_hadamard.search
for name in ("best.keras", "preprocessing.keras"):
    keras.models.load_model(f"{sys.argv[1]}/{name}")
"""
    line = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_numbers_are_not_calibrated():
    rows = {"x": np.arange(60.0), "target": np.arange(60.0) ** 2}
    problem = Problem(SearchSettings(rows, calibrate=True), load_arrays(rows))
    with pytest.raises(SearchError, match="calibrate to be False for regression"):
        problem.check()


def test_a_model_that_cannot_be_exported_ends_the_search_at_its_first_trial(mixed):
    class Python(keras.layers.Layer):
        def call(self, x):
            return tf.numpy_function(lambda a: a, [x], tf.float32)

        def compute_output_shape(self, shape):
            return shape

    problem = mixed()
    model = network(problem.data)
    model = keras.Model(model.inputs, Python()(model.outputs[0]))
    with pytest.raises(SearchError, match="cannot be exported"):
        export.rehearse(problem, model)


def test_a_failing_check_is_known_from_the_first_trial(mixed, monkeypatch):
    problem = mixed()
    model = network(problem.data)
    assert export.rehearse(problem, model) is None
    item = serving.CheckItem("batch 8", False, "does not load")
    report = serving.CheckReport(Path("m/1"), 1, (item, serving.CheckItem("labels", None, "-")))
    monkeypatch.setattr(serving, "check", lambda served, model: report)
    said = "not for a stock TF Serving: batch 8: does not load"
    assert export.rehearse(problem, model) == said

    def trained(*arguments, **options):
        return Outcome(
            {"status": "completed", "configuration": {}, "seed": 1, "epochs": 1, "curve": [0.5]}
            | {"objective": "accuracy", "score": 0.5, "parameters": 1, "seconds": 1.0},
            model,
        )

    monkeypatch.setattr(tasks, "train", trained)
    task = {"number": 1, "configuration": {}, "seed": 1, "epochs": 1, "medians": None}
    first = tasks.run_task(task, problem, lambda epoch, best: None)
    second = tasks.run_task({**task, "number": 2}, problem, lambda epoch, best: None)
    assert (first.reason, second.reason) == (said, None) and first.completed


def test_a_damaged_source_is_named(mixed, tmp_path):
    (tmp_path / "trial-1-seed-0.keras").write_bytes(b"no")
    with pytest.raises(SearchError, match=r"trial-1-seed-0\.keras cannot be read"):
        export.write_best(mixed(), tmp_path / "trial-1-seed-0.keras", tmp_path)
