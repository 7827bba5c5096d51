"""straight_through_top_k: exactly k ones, and the gradient of the identity."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.op_checks import MODES, TOLERANCE, check_forward, check_symbolic

from keras_hadamard.ops import straight_through_top_k


def reference(scores, k, axis=None):
    """By a stable sort."""
    flat = scores.ravel() if axis is None else scores
    along = 0 if axis is None else axis
    order = np.argsort(-flat, axis=along, kind="stable")
    mask = np.argsort(order, axis=along, kind="stable") < k
    return mask.reshape(scores.shape).astype("float64")


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("k", [0, 1, 2, 3])
def test_equals_a_stable_sort(axis, k):
    # Quarters are the same numbers in every dtype, and many of them are equal.
    scores = np.random.default_rng(0).integers(-4, 5, (3, 4, 5)) / 4
    check_forward(straight_through_top_k, (scores,), reference(scores, k, axis), k=k, axis=axis)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_extreme_scores(mode, dtype):
    tiny = float(np.finfo("float32" if dtype == "bfloat16" else dtype).tiny)
    values = [-np.inf, -1e4, -tiny, -0.0, 0.0, tiny, 1.0, 1e4, np.inf]
    scores = np.random.default_rng(1).permutation(np.array(values))
    run = MODES[mode](lambda x, k: straight_through_top_k(x, k=k))
    for k in range(len(values) + 1):
        mask = run(tf.cast(scores, dtype), tf.constant(k))
        np.testing.assert_array_equal(tf.cast(mask, "float64"), reference(scores, k), str(k))


@pytest.mark.parametrize("mode", MODES)
def test_of_equal_scores_the_first_ones(mode):
    run = MODES[mode](lambda x: straight_through_top_k(x, k=5))
    mask = run(tf.zeros((3, 3)))
    np.testing.assert_array_equal(mask, [[1, 1, 1], [1, 1, 0], [0, 0, 0]])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_k_may_change_without_a_new_trace(mode, dtype):
    traces = []

    def masked(scores, k):
        traces.append(k)
        return straight_through_top_k(scores, k=k)

    scores = np.random.default_rng(0).normal(size=12)
    run = MODES[mode](masked)
    for k in (-3, 0, 5, 12, 40):
        np.testing.assert_array_equal(
            run(tf.constant(scores), tf.constant(k, dtype)), reference(scores, k)
        )
    assert len(traces) == (5 if mode == "eager" else 1)


def test_k_may_be_a_variable():
    k = keras.Variable(2, dtype="int32", trainable=False)
    scores = np.array([1.0, 3.0, 2.0])
    np.testing.assert_array_equal(straight_through_top_k(scores, k=k), [0, 1, 1])
    k.assign(1)
    np.testing.assert_array_equal(straight_through_top_k(scores, k=k), [0, 1, 0])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_gradient_passes_straight_through(mode, dtype):
    rng = np.random.default_rng(0)
    scores, weights = (tf.cast(rng.normal(size=(3, 4)), dtype) for _ in range(2))

    def gradient(scores, weights):
        with tf.GradientTape() as tape:
            tape.watch(scores)
            y = tf.reduce_sum(straight_through_top_k(scores, k=2, axis=-1) * weights)
        return tape.gradient(y, scores)

    got = MODES[mode](gradient)(scores, weights)
    np.testing.assert_array_equal(tf.cast(got, "float64"), tf.cast(weights, "float64"))


@pytest.mark.parametrize("mode", MODES)
def test_second_order_is_that_of_the_identity(mode):
    scores = tf.constant([1.0, 3.0, 2.0])

    def second(scores):
        with tf.GradientTape() as outer:
            outer.watch(scores)
            with tf.GradientTape() as inner:
                inner.watch(scores)
                y = tf.reduce_sum(straight_through_top_k(scores, k=2) ** 3 / 3)
            grad = inner.gradient(y, scores)
        return grad, outer.gradient(grad, scores)

    grad, again = MODES[mode](second)(scores)
    np.testing.assert_array_equal(grad, [0, 1, 1])
    np.testing.assert_array_equal(again, [0, 2, 2])


def test_in_functional_models(tmp_path):
    scores = np.random.default_rng(0).normal(size=(2, 3, 4))
    check_symbolic(straight_through_top_k, (scores,), tmp_path, k=5)
    check_symbolic(straight_through_top_k, (scores,), tmp_path, k=2, axis=-1)


def test_unknown_and_empty_shapes():
    spec = tf.TensorSpec((None, 4), "float64")
    traced = tf.function(
        lambda x: straight_through_top_k(x, k=3), input_signature=[spec], autograph=False
    )
    for rows in (3, 1, 0):
        scores = np.random.default_rng(0).normal(size=(rows, 4))
        np.testing.assert_array_equal(traced(scores), reference(scores, 3))


@pytest.mark.parametrize(
    ("scores", "options", "message"),
    [
        (np.ones(3), {"k": -1}, "`k`"),
        (np.ones(3), {"k": 4}, "from 0 to 3"),
        (np.ones((2, 3)), {"k": 4, "axis": -1}, "from 0 to 3"),
        (np.ones(3), {"k": True}, "`k`"),
        (np.ones(3), {"k": np.array([1, 2])}, "scalar"),
        (np.ones(3), {"k": tf.constant(1.0)}, "integers"),
        (np.ones(3), {"k": 1, "axis": 1}, "`axis`"),
        (np.ones(3), {"k": 1, "axis": 0.0}, "`axis`"),
        (np.ones(3, int), {"k": 1}, "floating"),
    ],
)
def test_errors(scores, options, message):
    with pytest.raises(ValueError, match=message):
        straight_through_top_k(scores, **options)
