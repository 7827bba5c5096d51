"""selective_scan against the loop that its equation is."""

import numpy as np
import pytest
import tensorflow as tf
from harness.op_checks import assert_near, check_forward, check_gradients, check_symbolic

from keras_hadamard.ops import selective_scan


def reference(x, steps, rates, b, c, initial=None):
    batch, length, channels = x.shape
    state = np.zeros((batch, *rates.shape)) if initial is None else initial
    b, c = (np.repeat(t, channels // t.shape[2], axis=2) for t in (b, c))
    y = np.zeros(x.shape)
    for t in range(length):
        new = (steps[:, t] * x[:, t])[..., None] * b[:, t]
        state = np.exp(steps[:, t, :, None] * rates) * state + new
        y[:, t] = (c[:, t] * state).sum(-1)
    return y, state


def data(length=5, batch=2, channels=4, states=3, groups=2, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(batch, length, channels))
    b, c = rng.normal(size=(2, batch, length, groups, states))
    steps, rates = rng.uniform(size=x.shape), -rng.uniform(0.1, 2, size=(channels, states))
    return x, steps, rates, b, c, rng.normal(size=(batch, channels, states))


def flat(*args, **options):
    """Output and state in one tensor, for the checks of one."""
    both = selective_scan(*args, return_state=True, **options)
    return tf.concat([tf.reshape(x, [-1]) for x in both], axis=0)


@pytest.mark.parametrize("groups", [1, 2])
def test_equals_the_loop(groups):
    tensors = data(groups=groups)
    check_forward(selective_scan, tensors, reference(*tensors)[0], chunk=2)
    check_forward(selective_scan, (*tensors[:5], None), reference(*tensors[:5])[0], chunk=8)


def test_gradients_of_the_output_and_the_state():
    # Two chunks, of which the second is filled up.
    check_gradients(flat, data(3, 1, 2, 2, 1), chunk=2)


def test_in_functional_models(tmp_path):
    check_symbolic(
        lambda *x, **o: selective_scan(*x[:2], -np.ones((4, 3), "float32"), *x[2:], **o),
        (*data()[:2], *data()[3:]),
        tmp_path,
        chunk=2,
    )


@pytest.mark.parametrize("length", [1, 2, 8, 9, 40])
def test_every_length_known_and_unknown(length):
    tensors = data(length)
    expected = np.concatenate([x.ravel() for x in reference(*tensors)])
    signature = [tf.TensorSpec((None, None, *x.shape[2:]), tf.float64) for x in tensors]
    signature[2] = tf.TensorSpec((4, 3), tf.float64)
    signature[5] = tf.TensorSpec((None, 4, 3), tf.float64)
    for jit in (False, True):
        for spec in (None, signature):
            run = tf.function(
                lambda *x: flat(*x, chunk=8), jit_compile=jit, autograph=False, input_signature=spec
            )
            got = run(*(tf.constant(x) for x in tensors))
            assert_near(got, expected, 1e-12, f"XLA: {jit}, unknown: {spec is not None}")


def test_a_step_of_zero_leaves_the_state():
    x, steps, rates, b, c, initial = data()
    _, state = selective_scan(x, 0 * steps, rates, b, c, initial, return_state=True)
    np.testing.assert_allclose(state, initial, rtol=1e-6)


def test_the_states_of_all_steps_are_never_held():
    """No tensor of a graph has the length, the channels and the states."""
    length, channels, states = 1024, 6, 5
    shapes = [(1, length, channels)] * 2 + [(channels, states)] + [(1, length, 1, states)] * 2

    def run(*tensors):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            y = selective_scan(*tensors)
        return tape.gradient(y, tensors)

    function = tf.function(run, input_signature=[tf.TensorSpec(s, tf.float32) for s in shapes])
    graph = function.get_concrete_function().graph
    sizes = [t.shape.num_elements() or 0 for op in graph.get_operations() for t in op.outputs]
    assert max(sizes) < length * channels * states / 2


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({0: np.ones((2, 5))}, {}, "`x` and `steps`"),
        ({1: np.ones((2, 4, 4))}, {}, "`x` and `steps`"),
        ({2: np.ones((3, 3))}, {}, "`rates`"),
        ({3: np.ones((2, 5, 3, 3))}, {}, "`b` and `c`"),
        ({4: np.ones((2, 5, 2, 2))}, {}, "`b` and `c`"),
        ({5: np.ones((2, 4, 2))}, {}, "`initial`"),
        ({}, {"chunk": 3}, "power of two"),
    ],
)
def test_errors(change, options, message):
    tensors = [change.get(i, x) for i, x in enumerate(data())]
    with pytest.raises(ValueError, match=message) as error:
        selective_scan(*tensors, **options)
    assert "Received: " in str(error.value)
