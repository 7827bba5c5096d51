"""gated_scan against the loop that its equation is."""

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

from keras_hadamard.ops import gated_scan


def reference(a, b, initial=None, axis=1, reverse=False):
    a, b = np.moveaxis(a, axis, 0), np.moveaxis(b, axis, 0)
    h = np.zeros(a.shape[1:]) if initial is None else initial
    out = np.zeros(a.shape)
    for t in range(len(a))[:: -1 if reverse else 1]:
        h = out[t] = a[t] * h + b[t]
    return np.moveaxis(out, 0, axis)


def data(shape=(2, 5, 3), axis=1, seed=0):
    rng = np.random.default_rng(seed)
    state = [n for i, n in enumerate(shape) if i != axis % len(shape)]
    return rng.uniform(-1, 1, shape), rng.normal(size=shape), rng.normal(size=state)


# Every two of the three choices meet.
@pytest.mark.parametrize(
    ("shape", "axis", "with_initial", "reverse"),
    [
        ((2, 5, 3), 1, True, True),
        ((2, 5, 3), 1, False, False),
        ((5, 3), 0, True, False),
        ((5, 3), 0, False, True),
        ((2, 3, 4), -1, True, True),
        ((2, 3, 4), -1, False, False),
    ],
)
def test_equals_the_loop_with_gradients(shape, axis, with_initial, reverse):
    a, b, initial = data(shape, axis)
    initial = initial if with_initial else None
    options = {"axis": axis, "reverse": reverse}
    expected = reference(a, b, initial, **options)
    check_forward(gated_scan, (a, b, initial), expected, **options)
    check_gradients(gated_scan, (a, b, initial), **options)


@pytest.mark.parametrize("with_initial", [False, True])
def test_in_functional_models(tmp_path, with_initial):
    a, b, initial = data()
    check_symbolic(gated_scan, (a, b, initial if with_initial else None), tmp_path)


@pytest.mark.parametrize("length", [1, 2, 3, 1000, 1024])
@pytest.mark.parametrize("mode", MODES)
def test_lengths(length, mode):
    a, b, _ = data((2, length, 3))
    got = MODES[mode](gated_scan)(tf.constant(a), tf.constant(b))
    assert_near(got, reference(a, b), 1e-12, mode)


def test_dynamic_length_in_a_graph():
    spec = tf.TensorSpec((None, None, 3), tf.float64)
    scan = tf.function(gated_scan, input_signature=[spec, spec])
    for length in (1, 7):
        a, b, _ = data((2, length, 3))
        assert_near(scan(a, b), reference(a, b), 1e-12)


def adjoint(a, initial, upstream, h, reverse):
    """The gradients by the loop in the other direction."""
    if reverse:
        grads = adjoint(a[:, ::-1], initial, upstream[:, ::-1], h[:, ::-1], False)
        return grads[0][:, ::-1], grads[1][:, ::-1], grads[2]
    before = np.concatenate([initial[:, None], h[:, :-1]], axis=1)
    carry, grad_b = np.zeros_like(initial), np.zeros_like(a)
    for t in range(a.shape[1])[::-1]:
        grad_b[:, t] = upstream[:, t] + carry
        carry = a[:, t] * grad_b[:, t]
    return grad_b * before, grad_b, carry


# Around a block of steps, and a number of blocks.
@pytest.mark.parametrize("length", [1, 64, 65, 300])
@pytest.mark.parametrize("reverse", [False, True])
def test_every_form_at_every_length(length, reverse):
    a, b, initial = data((2, length, 3))
    upstream = np.random.default_rng(5).normal(size=a.shape)
    h = reference(a, b, initial, reverse=reverse)
    expected = (h, *adjoint(a, initial, upstream, h, reverse))

    def run(a, b, initial, upstream):
        with tf.GradientTape() as tape:
            tape.watch([a, b, initial])
            h = gated_scan(a, b, initial, reverse=reverse)
        return h, *tape.gradient(h, [a, b, initial], upstream)

    unknown, state = (tf.TensorSpec(s, tf.float64) for s in ((None, None, None), (None, None)))
    signature = [unknown, unknown, state, unknown]
    given = [tf.constant(x) for x in (a, b, initial, upstream)]
    for jit in (False, True):
        for spec in (None, signature):
            form = tf.function(run, jit_compile=jit, autograph=False, input_signature=spec)
            for got, want in zip(form(*given), expected, strict=True):
                assert_near(got, want, 1e-12, f"XLA: {jit}, unknown: {spec is not None}")


def test_a_graph_has_neither_lists_nor_loops_where_the_length_is_known():
    def kinds(*shape):
        spec = tf.TensorSpec(shape, tf.float32)
        graph = tf.function(gated_scan, input_signature=[spec, spec]).get_concrete_function().graph
        functions = graph.as_graph_def().library.function
        nodes = [*graph.as_graph_def().node, *(n for f in functions for n in f.node_def)]
        return {node.op for node in nodes}

    assert not any("TensorList" in op for op in kinds(None, None, 3))
    assert not any("While" in op or "TensorList" in op for op in kinds(None, 5000, 3))


def test_no_steps():
    empty = np.zeros((2, 0, 3), "float32")
    assert gated_scan(empty, empty).shape == (2, 0, 3)
    assert gated_scan(np.zeros((0, 4, 3), "float32"), np.zeros((0, 4, 3), "float32")).shape == (
        0,
        4,
        3,
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("decay", [0.0, 1.0, -1.0])
def test_exact_decays(mode, decay):
    a, b = np.full((1, 6, 1), decay), np.ones((1, 6, 1))
    assert_near(MODES[mode](gated_scan)(tf.constant(a), tf.constant(b)), reference(a, b), 0.0)
    grads = gradients(gated_scan, a, b, mode=mode)
    assert all(np.isfinite(g).all() for g in grads)


def test_half_precision_keeps_a_float32_state():
    # A float16 state would stop growing at 2048, where adding one no longer changes it.
    ones = np.ones((1, 3000, 1), "float16")
    assert float(gated_scan(ones, ones)[0, -1, 0]) == 3000.0


def test_third_order():
    a = tf.constant(0.5, "float64", (1, 4, 1))
    with tf.GradientTape() as third:
        third.watch(a)
        with tf.GradientTape() as second:
            second.watch(a)
            with tf.GradientTape() as first:
                first.watch(a)
                last = gated_scan(a, tf.ones_like(a))[0, -1, 0]
            g = tf.reduce_sum(first.gradient(last, a))
        g = tf.reduce_sum(second.gradient(g, a))
    # h_4 = 1 + a + a^2 + a^3 along a common decay: the third derivative is 6, and moving all
    # decays together sums the partial ones.
    assert_near(tf.reduce_sum(third.gradient(g, a)), 6.0, 1e-12)


@pytest.mark.parametrize(
    ("args", "options", "message"),
    [
        ((np.ones((2, 5, 3)), np.ones((2, 4, 3))), {}, "the same shape"),
        ((np.ones((2, 5, 3)), np.ones((2, 5, 3)), np.ones((2, 5))), {}, "without axis 1"),
        ((np.ones((2, 5)), np.ones((2, 5))), {"axis": 2}, "`axis`"),
        ((np.ones((2, 5), int), np.ones((2, 5), int)), {}, "floating"),
        ((np.ones((2, 5), "float32"), np.ones((2, 5))), {}, "one floating dtype"),
    ],
)
def test_errors(args, options, message):
    with pytest.raises(ValueError, match=message) as error:
        gated_scan(*args, **options)
    assert "Received: " in str(error.value)
