"""gated_linear_attention against the loop that its equation is."""

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

from keras_hadamard.ops import gated_linear_attention


def reference(q, k, v, decay, initial=None):
    batch, length, heads, keys = q.shape
    state = np.zeros((batch, heads, keys, v.shape[-1])) if initial is None else initial
    output = np.zeros(v.shape)
    for t in range(length):
        kept = 1 if decay is None else decay[:, t, :, :, None]
        state = kept * state + k[:, t, :, :, None] * v[:, t, :, None]
        output[:, t] = np.einsum("bhk,bhkv->bhv", q[:, t], state)
    return output, state


def data(length=5, batch=2, heads=2, keys=3, values=2, per_key=True, seed=0):
    rng = np.random.default_rng(seed)
    q, k = rng.normal(size=(2, batch, length, heads, keys))
    v = rng.normal(size=(batch, length, heads, values))
    decay = rng.uniform(size=(batch, length, heads, keys if per_key else 1))
    if per_key is None:
        decay = None
    return q, k, v, decay, rng.normal(size=(batch, heads, keys, values))


def flat(*args, **options):
    """Output and state in one tensor, for the checks of one."""
    return tf.concat(
        [tf.reshape(x, [-1]) for x in gated_linear_attention(*args, return_state=True, **options)],
        axis=0,
    )


@pytest.mark.parametrize("per_key", [True, False, None])
@pytest.mark.parametrize("with_initial", [True, False])
def test_equals_the_loop(per_key, with_initial):
    *tensors, initial = data(per_key=per_key)
    initial = initial if with_initial else None
    expected, _ = reference(*tensors, initial)
    check_forward(gated_linear_attention, (*tensors, initial), expected, chunk=2)


@pytest.mark.parametrize("per_key", [True, False, None])
def test_gradients_of_the_output_and_the_state(per_key):
    # Two chunks, of which the second is filled up.
    tensors = data(3, 1, 1, 2, 2, per_key)
    check_gradients(flat, tensors, chunk=2)
    check_gradients(gated_linear_attention, (*tensors[:4], None), chunk=4)


def test_in_functional_models(tmp_path):
    *tensors, initial = data()
    check_symbolic(gated_linear_attention, (*tensors, initial), tmp_path, chunk=2)
    check_symbolic(gated_linear_attention, (*tensors, None), tmp_path)
    check_symbolic(gated_linear_attention, (*tensors[:3], None, initial), tmp_path)


@pytest.mark.parametrize("per_key", [True, False])
@pytest.mark.parametrize("length", [1, 2, 3, 8, 9, 100])
def test_every_length_known_and_unknown(length, per_key):
    tensors = data(length, per_key=per_key)
    expected = np.concatenate([x.ravel() for x in reference(*tensors)])
    shapes = [(None, None, 2, x.shape[-1]) for x in tensors[:4]]
    signature = [tf.TensorSpec(s, tf.float64) for s in (*shapes, (None, 2, 3, 2))]
    for jit in (False, True):
        for spec in (None, signature):
            run = tf.function(
                lambda *x: flat(*x, chunk=8), jit_compile=jit, autograph=False, input_signature=spec
            )
            got = run(*(tf.constant(x) for x in tensors))
            assert_near(got, expected, 1e-12, f"XLA: {jit}, unknown: {spec is not None}")


@pytest.mark.parametrize("per_key", [True, False])
def test_chunks_change_nothing(per_key):
    tensors = data(70, 1, 1, per_key=per_key)
    expected, _ = reference(*tensors)
    wanted = gradients(gated_linear_attention, *tensors, mode="graph", chunk=1)
    for chunk in (1, 4, 64, 128):
        assert_near(gated_linear_attention(*tensors, chunk=chunk), expected, 1e-12)
        grads = gradients(gated_linear_attention, *tensors, mode="graph", chunk=chunk)
        for got, want in zip(grads, wanted, strict=True):
            assert_near(got, want, 1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("decay", [0.0, 1e-30, 1.0])
def test_extreme_decays(mode, decay):
    q, k, v, _, initial = (x.astype("float32") for x in data(9))
    decays = np.full_like(q, decay)
    decays[:, ::3] = 1.0
    op = MODES[mode](lambda *x: gated_linear_attention(*x, chunk=4))
    expected, _ = reference(q, k, v, decays, initial)
    tensors = [tf.constant(x) for x in (q, k, v, decays, initial)]
    assert_near(op(*tensors), expected, 2e-6)
    # What a decay of exactly zero would let through is a number like any other.
    grads = gradients(lambda *x: gated_linear_attention(*x, chunk=4), *tensors, mode=mode)
    states = np.zeros((9, *initial.shape))
    after = np.zeros((9, *initial.shape))
    state = initial
    for t in range(9):
        states[t] = state
        state = decays[:, t, :, :, None] * state + k[:, t, :, :, None] * v[:, t, :, None]
    carry = np.zeros_like(state)
    for t in range(9)[::-1]:
        after[t] = q[:, t, :, :, None] + carry
        carry = decays[:, t, :, :, None] * after[t]
    expected = np.moveaxis((states * after).sum(-1), 0, 1)
    assert_near(grads[3], expected, 2e-6, "gradient of the decay")


def test_half_precision_keeps_a_float32_state():
    # A float16 state would stop growing at 2048, where adding one no longer changes it.
    ones = np.ones((1, 3000, 1, 1), "float16")
    assert float(gated_linear_attention(ones, ones, ones, ones)[0, -1, 0, 0]) == 3000.0


def test_the_future_is_not_seen():
    q, k, v, decay, _ = data(20)
    before = gated_linear_attention(q, k, v, decay, chunk=8)
    for x in (q, k, v, decay):
        x[:, 11:] *= 0.5
    after = gated_linear_attention(q, k, v, decay, chunk=8)
    np.testing.assert_array_equal(before[:, :11], after[:, :11])


def test_a_graph_has_neither_lists_nor_loops_where_the_length_is_known():
    spec = tf.TensorSpec((None, 1000, 2, 4), tf.float32)
    function = tf.function(gated_linear_attention, input_signature=[spec] * 4)
    graph = function.get_concrete_function().graph.as_graph_def()
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    assert not any("While" in n.op or "TensorList" in n.op for n in nodes)


@pytest.mark.filterwarnings("ignore::UserWarning")  # TensorFlow moves its interpreter elsewhere.
def test_lite_rt_runs_it_without_further_operations():
    q, k, v, decay, _ = (x.astype("float32") for x in data(9, 1))
    function = tf.function(
        lambda *x: gated_linear_attention(*x, chunk=4),
        input_signature=[tf.TensorSpec(x.shape, tf.float32) for x in (q, k, v, decay)],
    ).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    interpreter = tf.lite.Interpreter(model_content=converter.convert())
    interpreter.allocate_tensors()
    inputs = sorted(interpreter.get_input_details(), key=lambda d: d["name"])
    for detail, x in zip(inputs, (q, k, v, decay), strict=True):
        interpreter.set_tensor(detail["index"], x)
    interpreter.invoke()
    got = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    assert_near(got, reference(q, k, v, decay)[0], 2e-6)


def test_nothing():
    empty = np.zeros((0, 4, 2, 3), "float32")
    o, state = gated_linear_attention(empty, empty, empty, empty, return_state=True)
    assert o.shape == (0, 4, 2, 3) and state.shape == (0, 2, 3, 3)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({0: np.ones((2, 5, 3))}, {}, "`q` and `k`"),
        ({1: np.ones((2, 5, 2, 4))}, {}, "`q` and `k`"),
        ({2: np.ones((2, 4, 2, 2))}, {}, "`v`"),
        ({3: np.ones((2, 5, 2, 2))}, {}, "`decay`"),
        ({4: np.ones((2, 2, 2, 3))}, {}, "`initial`"),
        ({0: np.ones((2, 5, 2, 3), "float32")}, {}, "one floating dtype"),
        ({}, {"chunk": 48}, "power of two"),
        ({}, {"chunk": 0}, "power of two"),
    ],
)
def test_errors(change, options, message):
    tensors = [change.get(i, x) for i, x in enumerate(data())]
    with pytest.raises(ValueError, match=message) as error:
        gated_linear_attention(*tensors, **options)
    assert "Received: " in str(error.value)
