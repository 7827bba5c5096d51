"""hard_concrete and open_probability against the equations of the paper."""

import numpy as np
import pytest
import tensorflow as tf
from harness.op_checks import (
    MODES,
    assert_near,
    check_forward,
    check_gradients,
    check_symbolic,
    gradients,
)

from keras_hadamard.ops import hard_concrete, open_probability


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def reference(log_alpha, uniform=None, temperature=2 / 3, lower=-0.1, upper=1.1, clipped=True):
    s = sigmoid(log_alpha)
    if uniform is not None:
        s = sigmoid((np.log(uniform / (1 - uniform)) + log_alpha) / temperature)
    z = s * (upper - lower) + lower
    return np.clip(z, 0, 1) if clipped else z


OPTIONS = {"temperature": 0.9, "lower": -0.3, "upper": 1.2}
# Eighths are the same numbers in every dtype.
UNIFORM = np.random.default_rng(1).integers(1, 8, (3, 4)) / 8
LOCATIONS = {
    "of each sample": np.random.default_rng(0).integers(-16, 16, (3, 4)) / 8,
    "of all samples": np.random.default_rng(0).integers(-16, 16, (4,)) / 8,
    "of each row": np.random.default_rng(2).integers(-16, 16, (3, 1)) / 8,
}


def assert_away_from_corners(*args, **options):
    z = reference(*args, **options, clipped=False)
    assert min(np.abs(z).min(), np.abs(z - 1).min()) > 1e-3
    assert (z < 0).any() or (z > 1).any()


@pytest.mark.parametrize("options", [{}, OPTIONS], ids=["defaults", "other"])
@pytest.mark.parametrize("name", LOCATIONS)
def test_random_gate_equals_its_equation_with_gradients(name, options):
    tensors = LOCATIONS[name], UNIFORM
    check_forward(hard_concrete, tensors, reference(*tensors, **options), **options)
    assert_away_from_corners(*tensors, **options)
    check_gradients(hard_concrete, tensors, **options)


@pytest.mark.parametrize("options", [{}, OPTIONS], ids=["defaults", "other"])
def test_deterministic_gate_equals_its_equation_with_gradients(options):
    tensors = (np.linspace(-3, 3.5, 12).reshape(3, 4), None)
    check_forward(
        hard_concrete,
        (np.arange(-12, 12) / 4, None),
        reference(np.arange(-12, 12) / 4, **options),
        **options,
    )
    assert_away_from_corners(*tensors, **options)
    check_gradients(hard_concrete, tensors, **options)


def test_temperature_does_not_reach_the_deterministic_gate():
    log_alpha = np.linspace(-2, 2, 9)
    np.testing.assert_array_equal(
        hard_concrete(log_alpha, temperature=0.1), hard_concrete(log_alpha)
    )


def test_in_functional_models(tmp_path):
    log_alpha, uniform = np.random.default_rng(0).uniform(size=(2, 2, 3, 4))
    check_symbolic(hard_concrete, (log_alpha, uniform), tmp_path, **OPTIONS)
    check_symbolic(hard_concrete, (log_alpha, None), tmp_path)
    check_symbolic(open_probability, (log_alpha,), tmp_path)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_extreme_samples_and_locations(mode, dtype):
    uniform = np.array([0.0, 1e-7, 0.5, 1.0 - 1e-7, 1.0])
    for value in (-1e4, -5.0, 0.0, 5.0, 1e4):
        log_alpha = np.full(5, value, dtype)
        z = MODES[mode](hard_concrete)(tf.constant(log_alpha), tf.cast(uniform, dtype))
        assert np.isfinite(z).all()
        for grad in gradients(hard_concrete, log_alpha, uniform.astype(dtype), mode=mode):
            assert np.isfinite(grad).all()
            assert not grad[[0, 1, 3, 4]].any() or abs(value) == 5.0


def test_an_unknown_batch_and_none_at_all():
    spec = tf.TensorSpec((None, 4), "float64")
    log_alpha = tf.constant(LOCATIONS["of all samples"])
    traced = tf.function(
        lambda u: hard_concrete(log_alpha, u), input_signature=[spec], autograph=False
    )
    for batch in (3, 0):
        np.testing.assert_allclose(
            traced(UNIFORM[:batch]), reference(log_alpha, UNIFORM[:batch]), rtol=1e-12
        )


@pytest.mark.parametrize("options", [{}, OPTIONS], ids=["defaults", "other"])
def test_open_probability_is_that_of_a_positive_gate(options):
    log_alpha = np.linspace(-4, 4, 9)
    beta, low, high = (options.get(k, v) for k, v in zip(OPTIONS, (2 / 3, -0.1, 1.1), strict=True))
    expected = sigmoid(log_alpha - beta * np.log(-low / high))
    check_forward(open_probability, (np.arange(-4, 5) / 1.0,), expected, **options)
    check_gradients(open_probability, (log_alpha,), **options)
    # Evenly spread samples in place of random ones: off by less than one of them.
    uniform = (np.arange(1, 10001) - 0.5)[:, None] / 10000
    z = np.asarray(hard_concrete(log_alpha, np.broadcast_to(uniform, (10000, 9)), **options))
    assert_near((z > 0).mean(0), expected, 1e-4)


@pytest.mark.parametrize(
    ("tensors", "options", "message"),
    [
        ((np.ones(3), np.ones(4)), {}, "broadcast"),
        ((np.ones((2, 3)), np.ones(3)), {}, "broadcast"),
        ((np.ones(3), np.ones(3, "float32")), {}, "floating"),
        ((np.ones(3, int),), {}, "floating"),
        ((np.ones(3),), {"temperature": 0.0}, "`temperature`"),
        ((np.ones(3),), {"lower": 0.0}, "`lower`"),
        ((np.ones(3),), {"upper": 1.0}, "`upper`"),
    ],
)
def test_errors(tensors, options, message):
    with pytest.raises(ValueError, match=message):
        hard_concrete(*tensors, **options)


def test_open_probability_refuses_limits_that_no_gate_has():
    with pytest.raises(ValueError, match="`lower`"):
        open_probability(np.ones(3), lower=0.1)
