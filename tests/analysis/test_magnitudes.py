"""The largest values, operation by operation."""

import keras
import numpy as np
import pytest
from analysis.nets import sequential

from keras_hadamard import analysis, layers


def test_who_overflows_is_named():
    model = sequential(
        (4,),
        keras.layers.Dense(4, use_bias=False, kernel_initializer="identity", name="first"),
        layers.PolynomialDense(2, degree=4, name="poly", kernel_initializer="ones"),
        dtype="float32",
    )
    report = analysis.magnitudes(model, np.full((2, 4), 4.0))
    # The factors are 16: the products are 16, 272, 4,624, 78,608.
    assert [round(m.largest) for m in report.operations if m.operation == "Mul"] == [
        16 * 17,
        16 * 17**2,
        16 * 17**3,
    ]
    assert all(m.layer.endswith("/poly") or "poly/" in m.layer for m in report.overflows)
    assert {m.operation for m in report.overflows} >= {"Mul", "MatMul"}
    assert "overflow" in str(report) and "\n! " in str(report)
    assert not analysis.magnitudes(model, np.full((2, 4), 4.0), "bfloat16").overflows
    assert not analysis.magnitudes(model, np.full((2, 4), 0.1)).overflows


def test_a_half_precision_model_keeps_what_is_in_float32():
    keras.config.set_dtype_policy("mixed_float16")
    model = sequential(
        (4,), layers.PolynomialDense(2, degree=4, kernel_initializer="ones"), dtype="float16"
    )
    report = analysis.magnitudes(model, np.full((1, 4), 4.0, "float16"))
    assert report.overflows and all(m.operation != "Mul" for m in report.operations)
    assert not np.isfinite(np.asarray(model(np.full((1, 4), 4.0, "float16")))).all()


def test_values_that_are_rounded_to_zero():
    model = sequential((3,), keras.layers.Lambda(lambda x: x * 1.0, name="same"))
    x = np.array([[1.0, 1e-3, 0.0], [1e-9, 1e-9, 0.0]])
    assert analysis.magnitudes(model, x).operations[0].zeroed == pytest.approx(2 / 6)
    report = analysis.magnitudes(model, x, "int8")
    assert report.operations[0].zeroed == pytest.approx(3 / 6)
    assert report.losses == () and report.overflows == ()


def test_any_model_and_many_rows():
    model = sequential(
        (8, 8, 2),
        keras.layers.Conv2D(3, 3, activation="relu"),
        keras.layers.MaxPooling2D(2),
        keras.layers.Flatten(),
        keras.layers.Dense(3, activation="softmax"),
        dtype="float32",
    )
    x = np.random.default_rng(0).normal(size=(600, 8, 8, 2)).astype("float32")
    report = analysis.magnitudes(model, x)
    conv = keras.Model(model.inputs[0], model.layers[0].output)
    relu = next(m for m in report.operations if m.operation == "Relu")
    assert relu.largest == pytest.approx(float(np.max(conv(x))), rel=1e-5)
    assert report.operations[-1].largest <= 1


def test_bad_input():
    model = sequential((3,), keras.layers.Dense(1))
    with pytest.raises(ValueError, match="`dtype`"):
        analysis.magnitudes(model, np.ones((1, 3)), "float8")
    with pytest.raises(ValueError, match="`data`"):
        analysis.magnitudes(model, np.ones((1, 4)))
    recurrent = sequential((4, 3), keras.layers.SimpleRNN(3))
    with pytest.raises(ValueError, match="without loops"):
        analysis.magnitudes(recurrent, np.ones((1, 4, 3)))
