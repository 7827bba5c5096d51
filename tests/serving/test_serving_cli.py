"""`keras-hadamard export`, `convert` and `check` on files."""

import keras
import numpy as np
import pytest

from keras_hadamard import layers
from keras_hadamard.cli import main
from keras_hadamard.serving import _configs, _metadata
from keras_hadamard_cli import arguments


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    x = keras.Input((4,), name="x")
    gated = layers.GatedDense(8, activation="silu")(x)
    path = tmp_path_factory.mktemp("model") / "model.keras"
    keras.Model(x, keras.layers.Dense(2, "softmax", name="y")(gated)).save(path)
    return path


@pytest.fixture
def said(capsys):
    def run(code, *line):
        assert main([str(part) for part in line]) == code
        out, err = capsys.readouterr()
        return out if code != 2 else err.splitlines()[-1]

    return run


@pytest.mark.slow
def test_export_with_labels_and_sizes(one_loader, saved, said, tmp_path):
    (tmp_path / "names.txt").write_text("no\nyes\n")
    base = tmp_path / "answers"
    options = ("--labels", tmp_path / "names.txt", "--batch-sizes", "1, 4", "--max-batch-size", 256)
    assert said(0, "export", saved, base, *options) == f"{base / '1'}\n"
    assert _configs.batching(base / "1") == _configs.Batching((1, 4), 4, 256)
    report = said(0, "check", base)
    assert "classify(x) -> labels, scores" in report and "4 requests run" in report
    said(0, "export", saved, base, "--xla")
    assert _metadata.read_metadata(base / "2").xla


def test_convert(saved, said, tmp_path):
    lite = tmp_path / "m.tflite"
    assert said(0, "convert", saved, lite).startswith(f"ok    {lite}: LiteRT float32")
    examples = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
    np.savez(tmp_path / "x.npz", x=examples)
    eight = said(0, "convert", saved, lite, "--precision", "int8", "--examples", tmp_path / "x.npz")
    assert "LiteRT int8" in eight


def test_convert_refuses(saved, said, tmp_path):
    assert "no file" in said(2, "convert", tmp_path / "none.keras", "m.tflite")
    assert "end in .tflite or .onnx" in said(2, "convert", saved, "m.bin")
    assert "ONNX has no --precision" in said(2, "convert", saved, "m.onnx", "--precision", "int8")
    assert "to calibrate int8" in said(2, "convert", saved, "m.tflite", "--precision", "int8")
    (tmp_path / "x.npz").write_text("no")
    assert "x.npz to be a .npz file" in said(
        2, "convert", saved, "m.tflite", "--examples", tmp_path / "x.npz"
    )


@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b[: len(b) // 2], lambda b: b"PK" * 50]
)
def test_a_damaged_model_is_named_and_kept(saved, said, tmp_path, damage):
    path = tmp_path / "mine.keras"
    path.write_bytes(damage(saved.read_bytes()))
    before = path.read_bytes()
    assert f"path='{path}'" in said(2, "export", path, tmp_path / "m")
    assert f"path='{path}'" in said(2, "convert", path, tmp_path / "m.onnx")
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_export_refuses(saved, said, tmp_path):
    assert "no file" in said(2, "export", saved, tmp_path / "m", "--labels", tmp_path / "none")
    assert "positive integer" in said(2, "export", saved, tmp_path / "m", "--batch-sizes", "1,x")
    assert "`batch_sizes` to increase" in said(
        2, "export", saved, tmp_path / "m", "--batch-sizes", "8,1"
    )
    (tmp_path / "names.txt").write_text("a\nb\nc\n")
    assert "one output of 3 scores" in said(
        2, "export", saved, tmp_path / "m", "--labels", tmp_path / "names.txt"
    )
    assert not (tmp_path / "m").exists()


def test_the_choices_are_those_of_the_library(saved, tmp_path):
    from keras_hadamard import serving

    with pytest.raises(ValueError, match="`precision` to be one of") as error:
        serving.export_litert(keras.models.load_model(saved), tmp_path / "m.tflite", "none")
    assert str(arguments.PRECISIONS) in str(error.value)
