"""`keras-hadamard convert RUN_DIR`: the run knows its data, targets and labels."""

import warnings

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from keras_hadamard import datasets
from keras_hadamard.cli import main

pytestmark = pytest.mark.slow


def searched(source, folder, *options):
    line = ["search", str(source), "--out", str(folder), "--max-trials", "1", "--epochs", "2"]
    assert main([*line, *options]) == 0
    return folder


def table(path, count=400):
    rng = np.random.default_rng(0)
    height, weight = rng.normal(size=(2, count))
    city = rng.choice(["Oslo", "Zürich", "東京"], count)
    kind = np.where(height + weight > 0, "groß", np.where(height > 0.5, "mittel", "klein"))
    rows = {"height": height, "weight": weight, "city": city, "label": kind}
    pd.DataFrame(rows | {"price": 100 + 20 * height - 9 * weight}).to_csv(path, index=False)
    return path


@pytest.fixture
def said(capsys):
    def run(code, *line):
        capsys.readouterr()
        assert main([str(part) for part in line]) == code
        out, err = capsys.readouterr()
        return err if code == 2 else out

    return run


def run_file(path, inputs):
    """By TensorFlow's own interpreter, one row at a time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = tf.lite.Interpreter(str(path)).get_signature_runner("serving_default")
    count = len(next(iter(inputs.values())))
    rows = [run(**{name: x[i : i + 1] for name, x in inputs.items()}) for i in range(count)]
    return np.concatenate([next(iter(row.values())) for row in rows])


def test_classes_of_a_table(tmp_path, said):
    source = table(tmp_path / "people.csv")
    folder = searched(source, tmp_path / "run", "--kind", "price=drop")
    lite = tmp_path / "m.tflite"
    report = said(0, "convert", folder, lite, "--precision", "int8")
    assert report.startswith(f"ok    {lite}: LiteRT int8") and " held-out rows, accuracy " in report
    assert "takes arrays as preprocessing.keras makes them as best.keras does: " in report
    labels = tmp_path / "m.tflite.labels.txt"
    assert f"labels of its scores, one a line: {labels}" in report
    data = datasets.load_arrays(source, kinds={"price": "drop"})
    assert labels.read_text("utf-8").splitlines() == list(data.classes)
    # On all rows of test, as the report has it of them.
    targets, scores = data.test.targets, run_file(lite, data.test.inputs)
    accuracy = float(np.mean(scores.argmax(-1) == targets))
    assert f"on {len(targets)} held-out rows, accuracy {accuracy:.4g} (Keras " in report

    # Without a word on how: all rows of test, and no calibration.
    whole = said(0, "convert", folder, lite)
    keras_scores = keras.models.load_model(folder / "best.keras").predict(
        data.test.inputs, verbose=0
    )
    accuracy = float(np.mean(keras_scores.argmax(-1) == targets))
    assert "LiteRT float32" in whole and f"accuracy {accuracy:.4g} (Keras {accuracy:.4g})" in whole

    # The user's own examples, with what is true of them.
    rows = {name: array[:50] for name, array in data.train.inputs.items()}
    np.savez(tmp_path / "x.npz", **rows, target=data.train.targets[:50])
    own = said(0, "convert", folder, lite, "--precision", "int8", "--examples", tmp_path / "x.npz")
    assert " on 10 held-out rows, accuracy " in own


def test_data_that_is_gone_or_changed(tmp_path, said):
    source = table(tmp_path / "people.csv", 120)
    folder = searched(source, tmp_path / "run", "--target", "label")
    lite = tmp_path / "m.tflite"
    before = source.read_text("utf-8")
    source.write_text(before.replace("0.", "1."), "utf-8")
    refused = said(2, "convert", folder, lite, "--precision", "int8")
    assert "Eight bits need examples: " in refused and "is not what it was" in refused
    source.unlink()
    refused = said(2, "convert", folder, lite, "--precision", "int8")
    assert f"the data of the run, {source}, cannot be read" in refused
    assert "give --examples FILE.npz" in refused and not lite.exists()
    assert "compared on random inputs: the data of the run" in said(0, "convert", folder, lite)
    (folder / "best.keras").unlink()
    assert "holds no best.keras" in said(2, "convert", folder, lite)
    assert "no trials of a search" in said(2, "convert", tmp_path, lite)


def test_numbers_have_no_labels(tmp_path, said):
    source = table(tmp_path / "people.csv")
    folder = searched(source, tmp_path / "run", "--target", "price", "--kind", "label=drop")
    lite = tmp_path / "m.tflite"
    report = said(0, "convert", folder, lite, "--precision", "int8")
    assert " held-out rows, RMSE " in report and "labels of" not in report
    assert [path.name for path in tmp_path.glob("*labels*")] == []
    assert said(0, "convert", folder, tmp_path / "m.onnx").startswith("ok ")
