"""The sizes of the polynomial networks as published, and what they are polynomials of."""

import keras
import numpy as np
import pytest

from keras_hadamard import models


def parameters(model):
    """As the authors' framework counts them: all but running statistics and random states."""
    return sum(
        int(np.prod(w.shape))
        for w in model.weights
        if not w.name.startswith("moving_") and "seed_generator" not in w.path
    )


SIZES = {
    "PiNet18": (models.PiNet18, {}, 11_693_352),
    "PiNet18 1x1": (models.PiNet18, {"product_convolution": True}, 12_389_672),
    "PiNet18 ReLU": (models.PiNet18, {"activation": "relu"}, 11_693_352),
    "PiNet18 1x1 ReLU": (
        models.PiNet18,
        {"activation": "relu", "product_convolution": True},
        12_389_672,
    ),
    "RPolyNet CIFAR-10": (models.RPolyNet, {}, 11_874_130),
    "RPolyNet CIFAR-100": (models.RPolyNet, {"classes": 100, "use_alpha": False}, 11_920_292),
    "DPolyNet CIFAR-10": (models.DPolyNet, {}, 7_143_310),
    "DPolyNet CIFAR-100": (models.DPolyNet, {"classes": 100}, 7_187_140),
    "ProdPolyNet CIFAR-10": (models.ProdPolyNet, {}, 6_825_553),
}


@pytest.mark.parametrize("name", SIZES)
def test_parameters_as_published(name):
    make, arguments, count = SIZES[name]
    assert parameters(make(**arguments)) == count


@pytest.mark.parametrize("make", [models.RPolyNet, models.DPolyNet, models.ProdPolyNet])
def test_starts_with_no_product_where_alpha_or_theta_is_zero(make):
    model = make(input_shape=(16, 16, 3), blocks=(1, 1), filters=(4, 6), classifier_activation=None)
    x = np.random.default_rng(0).normal(size=(3, 16, 16, 3)).astype("float32")
    scalars = [w for w in model.weights if w.name in ("alpha", "theta")]
    assert scalars
    start = {"alpha": float(make is models.DPolyNet), "theta": 0.0}
    assert all(float(w) == start[w.name] for w in scalars)
    before = np.asarray(model(x))
    for w in scalars:
        w.assign(w + 0.5)
    assert np.abs(model(x) - before).max() > 1e-4


def test_generator_of_n_layers_is_a_polynomial_of_degree_n():
    keras.config.set_dtype_policy("float64")
    model = models.PolynomialGenerator(3, filters=(4, 3, 2), channels=1, normalization="batch")
    body = keras.Model(model.input, model.get_layer("layer3_0").output)
    direction = np.random.default_rng(0).normal(size=(1, 3))
    t = np.linspace(-1, 1, 6)
    values = np.asarray(body(t[:, None] * direction)).reshape(6, -1)

    def misfit(degree):
        fit = np.polynomial.polynomial
        again = fit.polyval(t, fit.polyfit(t, values, degree)).T
        return np.abs(again - values).max() / np.abs(values).max()

    assert misfit(3) < 1e-10 and misfit(2) > 1e-6
