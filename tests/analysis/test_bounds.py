"""Bounds over boxes: sound, exact where they can be, and as the authors' numbers."""

import keras
import numpy as np
import pytest
from analysis.nets import EPS, golden, polynomial, randomised, samples, sequential, verification_net
from keras import ops

from keras_hadamard import analysis, layers
from keras_hadamard.analysis._planes import lower_bounds
from keras_hadamard.analysis._program import program_of

METHODS = ("interval", "affine", "best")
NETS = ("ccp_n2", "ccp_n4", "ncp_n2")


def margin(model, numbers, eps, method):
    z = numbers["z"]
    row = np.zeros((1, 3))
    row[0, int(np.ravel(numbers["true_class"])[0])] = 1
    row[0, int(np.ravel(numbers["other_class"])[0])] = -1
    box = [(np.clip(z - eps, 0, 1), np.clip(z + eps, 0, 1))]
    return float(lower_bounds(program_of(model), box, row, method).bounds[0])


@pytest.mark.parametrize("name", NETS)
def test_against_the_authors(name):
    numbers, lirpa = golden(f"pnverification__{name}"), golden("auto_lirpa__margins")
    model = verification_net(numbers)
    np.testing.assert_allclose(model(numbers["z"]), numbers["logits"], rtol=1e-13)
    for e, eps in enumerate(EPS):
        low, high = np.clip(numbers["z"] - eps, 0, 1), np.clip(numbers["z"] + eps, 0, 1)
        report = analysis.bounds(model, low, high, "interval")
        np.testing.assert_allclose(report.lower, numbers[f"ibp_lower/{e}"], atol=1e-13)
        np.testing.assert_allclose(report.upper, numbers[f"ibp_upper/{e}"], atol=1e-13)
        found = {method: margin(model, numbers, eps, method) for method in METHODS}
        np.testing.assert_allclose(found["interval"], lirpa[f"{name}/IBP/{e}"], rtol=1e-6)
        # As good as the optimised bounds of auto_LiRPA, which takes more steps, but for 5 % of
        # what the interval bound lacks.
        optimised = float(np.ravel(lirpa[f"{name}/CROWN-Optimized/{e}"])[0])
        assert found["best"] >= optimised - 0.05 * (optimised - found["interval"])
        assert found["best"] >= found["affine"] > found["interval"] or eps == 0.3
        assert found["best"] <= float(numbers[f"sampled_min_margin/{e}"])
        for method in METHODS:
            tight = analysis.bounds(model, low, high, method)
            assert np.all(tight.lower <= numbers[f"sampled_out_min/{e}"])
            assert np.all(tight.upper >= numbers[f"sampled_out_max/{e}"])


class Squares(keras.layers.Layer):
    """Tensors that stand twice in a product, products of matrices, and sums."""

    def call(self, x):
        first, second = ops.split(x, 2, axis=-1)
        outer = ops.einsum("bi,bj->bij", first, second)
        whole = ops.matmul(outer, ops.transpose(outer, (0, 2, 1)))
        return ops.concatenate([ops.square(x), ops.sum(whole, axis=-1), first**3 - second], -1)


BUILDS = {
    "ccp": lambda: sequential((4,), polynomial(3, 3, use_factor_bias=True)),
    "ncp": lambda: sequential((4,), polynomial(3, 3, decomposition="ncp_skip")),
    "stacked": lambda: sequential((4,), polynomial(3, 2), polynomial(2, 2)),
    "crosses": lambda: sequential((4,), layers.CrossNetwork(2, dtype="float64")),
    "fm": lambda: sequential((4,), layers.FactorizationMachine(3, dtype="float64")),
    "conv": lambda: sequential(
        (3, 3, 1),
        layers.PolynomialConv2D(2, 3, degree=2, dtype="float64"),
        keras.layers.BatchNormalization(dtype="float64"),
        keras.layers.GlobalAveragePooling2D(dtype="float64"),
    ),
    "squares": lambda: sequential((4,), Squares(dtype="float64")),
}


@pytest.mark.parametrize("name", BUILDS)
def test_bounds_contain_every_sample(name):
    model = randomised(BUILDS[name]())
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_variance.assign(ops.abs(layer.moving_variance) + 0.1)
    rng = np.random.default_rng(1)
    middle = rng.normal(size=model.input_shape[1:])
    for radius in (0.05, 0.5):
        low, high = middle - radius, middle + radius * rng.uniform(size=middle.shape)
        y = np.asarray(model(samples(low, high, 100_000)))
        found = [analysis.bounds(model, low[None], high[None], method) for method in METHODS]
        for report in found:
            slack = 1e-12 * np.abs(y).max()
            assert np.all(report.lower[0] <= y.min(0) + slack)
            assert np.all(report.upper[0] >= y.max(0) - slack)
        # "best" is never worse than the others, and none is empty.
        assert np.all(found[2].width <= np.minimum(found[0].width, found[1].width) + 1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_a_box_of_no_width_is_the_output(method):
    model = randomised(BUILDS["stacked"]())
    x = np.random.default_rng(0).normal(size=(3, 4))
    report = analysis.bounds(model, x, x, method)
    np.testing.assert_allclose(report.lower, model(x), rtol=1e-11)
    np.testing.assert_allclose(report.upper, model(x), rtol=1e-11)


@pytest.mark.parametrize("method", METHODS)
def test_bounds_are_exact_at_degree_one(method):
    model = randomised(sequential((4,), *(keras.layers.Dense(n, dtype="float64") for n in (5, 2))))
    low, high = -np.ones((1, 4)), np.ones((1, 4))
    corners = np.stack(np.meshgrid(*[[-1.0, 1.0]] * 4), -1).reshape(-1, 4)
    y = np.asarray(model(corners))
    report = analysis.bounds(model, low, high, method)
    np.testing.assert_allclose(report.lower[0], y.min(0), rtol=1e-12)
    np.testing.assert_allclose(report.upper[0], y.max(0), rtol=1e-12)


@pytest.mark.parametrize("method", ("interval", "best"))
def test_a_larger_box_has_wider_bounds(method):
    model = randomised(BUILDS["ccp"]())
    x = np.random.default_rng(0).normal(size=(1, 4))
    lower = [analysis.bounds(model, x - e, x + e, method).lower for e in (0.01, 0.1, 0.2, 0.4)]
    assert np.all(np.diff(np.concatenate(lower), axis=0) < 0)


def test_rows_are_independent_and_the_softmax_is_left_out():
    layer = polynomial(3, 2)
    scores = randomised(sequential((4,), layer))
    model = sequential((4,), layer, keras.layers.Softmax(dtype="float64"))
    x = np.random.default_rng(0).normal(size=(3, 4))
    whole = analysis.bounds(model, x - 0.1, x + 0.1, "affine")
    assert whole.logits and "before the softmax" in str(whole)
    for i in range(3):
        one = analysis.bounds(scores, x[i : i + 1] - 0.1, x[i : i + 1] + 0.1, "affine")
        assert not one.logits
        np.testing.assert_allclose(one.lower[0], whole.lower[i], rtol=1e-12)


def test_a_float32_model_is_bounded_in_float64():
    model = sequential((4,), layers.PolynomialDense(2, degree=3), dtype="float32")
    x = np.random.default_rng(0).normal(size=(1, 4))
    report = analysis.bounds(model, x, x)
    assert report.lower.dtype == np.float64
    np.testing.assert_allclose(report.lower, model(x.astype("float32")), rtol=1e-5)


def test_bad_input():
    model, x = BUILDS["ccp"](), np.zeros((1, 4))
    with pytest.raises(ValueError, match=r"'interval'.*Received: method='intervall'"):
        analysis.bounds(model, x, x, "intervall")
    with pytest.raises(ValueError, match="not to exceed"):
        analysis.bounds(model, x + 1, x)
    with pytest.raises(ValueError, match="of one shape"):
        analysis.bounds(model, np.zeros((2, 4)), x)
    with pytest.raises(ValueError, match=r"`upper` of shape"):
        analysis.bounds(model, x, np.zeros((1, 3)))
    with pytest.raises(ValueError, match="infinities"):
        analysis.bounds(model, x, x + np.inf)
    with pytest.raises(ValueError, match="layer='sequential"):
        analysis.bounds(sequential((4,), keras.layers.Dense(2, "relu", dtype="float64")), x, x)
    fourier = keras.layers.Lambda(lambda t: ops.irfft(ops.rfft(t)), dtype="float64")
    with pytest.raises(ValueError, match="known signs"):
        analysis.bounds(sequential((4,), fourier), x, x)
