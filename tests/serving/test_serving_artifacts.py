"""LiteRT and ONNX: the numbers of the Keras model, within the tolerance of each format."""

import math
import sys
import warnings

import keras
import numpy as np
import pytest
import serving.serving_models as models
import tensorflow as tf

from keras_hadamard import layers, serving

TOLERANCES = {"float32": 1e-4, "float16": 1e-2, "dynamic": 5e-2, "int8": 1e-1}


def gated():
    """Widths at which the size of a file is that of its weights."""
    x = keras.Input((64,), name="x")
    y = layers.GatedDense(256, activation="silu")(x)
    return keras.Model(x, keras.layers.Dense(10, name="y")(y))


def rows(count=64, seed=0):
    return {"x": np.random.default_rng(seed).normal(size=(count, 64)).astype("float32")}


def interpreted(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tf.lite.Interpreter(str(path))


def run(path, **inputs):
    return interpreted(path).get_signature_runner("serving_default")(**inputs)


def test_litert_in_four_precisions(tmp_path):
    model, examples = gated(), rows()
    fresh = rows(8, seed=1)["x"]
    expected = np.asarray(model(fresh))
    scale = np.abs(expected).max()
    made = {}
    for precision, tolerance in TOLERANCES.items():
        path = tmp_path / "new" / f"{precision}.tflite"
        made[precision] = serving.export_litert(model, path, precision, examples=examples)
        assert made[precision].ok and made[precision].path == path, str(made[precision])
        assert made[precision].size == path.stat().st_size
        assert made[precision].milliseconds > 0 and made[precision].keras_milliseconds > 0
        # By hand, on rows that were not calibrated with.
        got = np.concatenate([run(path, x=x[None])["y"] for x in fresh])
        assert np.abs(got - expected).max() <= tolerance * scale
    whole = made["float32"].size
    assert 0.4 < made["float16"].size / whole < 0.6
    assert made["dynamic"].size < 0.35 * whole and made["int8"].size < 0.35 * whole
    assert made["float32"].difference < 1e-5 < made["float16"].difference < 1e-2
    kinds = {d["dtype"] for d in interpreted(made["int8"].path).get_tensor_details()}
    # All in integers but what goes in and out.
    assert np.int8 in kinds and np.float16 not in kinds
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == sorted(
        f"{precision}.tflite" for precision in TOLERANCES
    )


def test_litert_of_two_inputs_by_name(tmp_path):
    model = models.two_branches()
    path = tmp_path / "m.tflite"
    assert serving.export_litert(model, path).ok
    inputs = models.two_branch_inputs(1)
    expected = model([inputs["tokens"], inputs["image"]])
    got = run(path, **inputs)
    for name, value in expected.items():
        np.testing.assert_allclose(got[name], value, rtol=1e-4, atol=1e-5)


def test_many_positions_are_as_good_in_eight_bits(tmp_path):
    """Second moments of all positions, which the layer takes elsewhere, are not."""
    inputs = keras.Input((16, 16, 8), name="x")
    model = keras.Model(inputs, layers.PolyNonLocal(name="y")(inputs))
    examples = {"x": np.random.default_rng(0).normal(size=(64, 16, 16, 8)).astype("float32")}
    made = serving.export_litert(model, tmp_path / "m.tflite", "int8", examples=examples)
    assert made.ok and made.difference < 0.03


def test_a_file_that_is_off_says_so(tmp_path):
    """The rows to judge by are nothing like those to calibrate with: all stays in floats."""
    inputs = keras.Input((4,), name="x")
    model = keras.Model(inputs, keras.layers.Dense(2, use_bias=False)(inputs * inputs))
    examples = {"x": np.full((8, 4), 1e-3, "float32")}
    examples["x"][-1] = 100.0
    made = serving.export_litert(model, tmp_path / "m.tflite", "int8", examples=examples)
    good = serving.export_litert(model, tmp_path / "m.tflite", examples=examples)
    assert made.ok and "2 of 2 ops in float" in str(made)
    assert str(good).startswith(f"ok    {tmp_path / 'm.tflite'}: LiteRT float32, ")
    off = serving.Artifact(tmp_path / "m.tflite", "LiteRT int8", 100, 0.2, 0.1, 1.0, 2.0)
    assert not off.ok and str(off).startswith("FAIL")
    assert not serving.Artifact(tmp_path, "ONNX", 1, math.inf, 1.0, 1.0, 1.0).ok


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("m.bin",), r"`path` to end in .tflite. Received: path='m.bin'"),
        (("m.tflite", "int4"), r"`precision` to be one of .*'int8'"),
        (("m.tflite", "int8"), r"`examples` to calibrate int8 with"),
    ],
)
def test_litert_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        serving.export_litert(models.grouped(), *arguments)


def test_litert_names_the_ops_that_it_has_not(tmp_path):
    inputs = keras.Input((8,), name="x")
    model = keras.Model(inputs, Erfinv()(inputs))
    with pytest.raises(
        ValueError, match=r"ops that LiteRT has at float32.*no builtin op for .*Erfinv"
    ):
        serving.export_litert(model, tmp_path / "m.tflite")
    assert list(tmp_path.iterdir()) == []


class Erfinv(keras.layers.Layer):
    def call(self, x):
        return tf.math.erfinv(x)


def test_loops_are_not_calibrated(tmp_path):
    """A recurrent layer of Keras itself, at which TensorFlow's calibrator ends the process."""
    inputs = keras.Input((6, 4), name="x")
    model = keras.Model(inputs, keras.layers.SimpleRNN(3, name="y")(inputs))
    examples = {"x": np.ones((4, 6, 4), "float32")}
    with pytest.raises(ValueError, match=r"without loops for int8.*a loop cannot be calibrated"):
        serving.export_litert(model, tmp_path / "m.tflite", "int8", examples=examples)
    assert serving.export_litert(model, tmp_path / "m.tflite", examples=examples).ok


def test_onnx_on_batches_of_any_size(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    model = models.two_branches()
    path = tmp_path / "m.onnx"
    made = serving.export_onnx(model, path)
    assert made.ok and made.format == "ONNX" and made.size == path.stat().st_size, str(made)
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert sorted(i.name for i in session.get_inputs()) == ["image", "tokens"]
    names = [output.name for output in session.get_outputs()]
    inputs = models.two_branch_inputs(5)
    got = dict(zip(names, session.run(None, inputs), strict=True))
    for name, value in model([inputs["tokens"], inputs["image"]]).items():
        np.testing.assert_allclose(got[name], value, rtol=1e-4, atol=1e-5)


def test_onnx_names_the_ops_that_it_has_not(tmp_path):
    pytest.importorskip("tf2onnx")
    pytest.importorskip("onnxruntime")
    inputs = keras.Input((8,), name="x")
    with pytest.raises(ValueError, match=r"no op for Erfinv"):
        serving.export_onnx(keras.Model(inputs, Erfinv()(inputs)), tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_onnx_of_an_op_that_the_converter_has_not(tmp_path):
    """`expm1` near zero, where `exp(x) - 1` would keep no digit."""
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    inputs = keras.Input((5,), name="x")
    model = keras.Model(inputs, keras.ops.expm1(inputs))
    assert serving.export_onnx(model, tmp_path / "m.onnx").ok
    session = runtime.InferenceSession(str(tmp_path / "m.onnx"))
    x = np.array([[-3.0, -1e-6, 0.0, 1e-7, 2.0]], "float32")
    (got,) = session.run(None, {"x": x})
    np.testing.assert_allclose(got, np.expm1(x), rtol=1e-6)


def test_onnx_of_gelu(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    inputs = keras.Input((5,), name="x")
    model = keras.Model(inputs, keras.ops.gelu(inputs, approximate=False))
    assert serving.export_onnx(model, tmp_path / "m.onnx").ok
    x = np.array([[-9.0, -3.0, 0.0, 1e-3, 2.0]], "float32")
    (got,) = runtime.InferenceSession(str(tmp_path / "m.onnx")).run(None, {"x": x})
    expected = [0.5 * v * math.erfc(-v / math.sqrt(2)) for v in x[0].astype("float64")]
    np.testing.assert_allclose(got[0], expected, rtol=1e-6, atol=1e-6)


def test_onnx_without_its_packages(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(ImportError, match=r'pip install "keras-hadamard\[onnx\]"'):
        serving.export_onnx(gated(), tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("make", [layers.MinGRU, layers.GatedLinearAttention, layers.Retention])
def test_onnx_of_sequences_of_any_length(tmp_path, make):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    inputs = keras.Input((None, 4), name="x")
    model = keras.Model(inputs, (make(4) if make is layers.MinGRU else make(heads=1))(inputs))
    assert serving.export_onnx(model, tmp_path / "m.onnx").ok
    session = runtime.InferenceSession(str(tmp_path / "m.onnx"))
    for length in (3, 70):
        x = np.random.default_rng(0).normal(size=(2, length, 4)).astype("float32")
        (got,) = session.run(None, {"x": x})
        expected = np.asarray(model(x))
        assert np.abs(got - expected).max() < 1e-4 * np.abs(expected).max()


def test_onnx_of_constants_that_a_layer_keeps(tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    inputs = keras.Input((2,), name="x")
    scaled = keras.layers.Normalization(mean=[3.0, 4.0], variance=[4.0, 9.0], invert=True)(inputs)
    made = serving.export_onnx(keras.Model(inputs, scaled), tmp_path / "m.onnx")
    assert made.ok, str(made)
