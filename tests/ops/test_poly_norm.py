"""The sum of normalised powers."""

import numpy as np
import pytest
from harness.op_checks import check_forward, check_gradients, check_symbolic

from keras_hadamard.ops._poly_norm import poly_norm


def reference(x, weights, epsilon):
    powers = [x ** (len(weights) - i) for i in range(len(weights))]
    means = ((p**2).mean(-1, keepdims=True) for p in powers)
    return sum(w * p / np.sqrt(m + epsilon) for w, p, m in zip(weights, powers, means, strict=True))


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
@pytest.mark.parametrize("scale", [0.1, 4.0])
def test_equals_its_formula_with_gradients(degree, scale):
    rng = np.random.default_rng(0)
    # Numbers that the 16-bit types hold too.
    x = scale * rng.integers(-8, 8, (3, 2, 5)) / 8
    x = np.asarray(x, "float16").astype("float64")
    weights = rng.integers(-8, 8, degree) / 8
    if scale > 1:
        check_forward(poly_norm, (x, weights), reference(x, weights, 0.5), epsilon=0.5)
    check_gradients(poly_norm, (x + 1e-3, weights), epsilon=0.5)


def test_in_functional_models(tmp_path):
    rng = np.random.default_rng(0)
    x, weights = rng.normal(size=(3, 4)), rng.normal(size=3)
    with pytest.raises(ValueError, match="Received: "):
        poly_norm(x, x, epsilon=0.1)
    check_symbolic(lambda x: poly_norm(x, weights.astype("float32"), epsilon=0.1), (x,), tmp_path)
