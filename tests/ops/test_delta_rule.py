"""delta_rule against the loop that its equation is."""

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

from keras_hadamard.ops import delta_rule, gated_linear_attention

RULES = ("share", "channels", "read")
DECAYS = ("none", "head", "channels")


def reference(q, k, v, beta, decay=None, initial=None, read=None):
    batch, length, heads, keys = q.shape
    state = np.zeros((batch, heads, keys, v.shape[-1])) if initial is None else initial
    output = np.zeros(v.shape)
    for t in range(length):
        kept = state if decay is None else decay[:, t, :, :, None] * state
        if read is None:
            share = beta[:, t] if beta.ndim == 4 else beta[:, t, :, None]
            new = share * (v[:, t] - np.einsum("bhk,bhkv->bhv", k[:, t], kept))
        else:
            found = np.einsum("bhk,bhkv->bhv", read[:, t], state)
            kept = kept + beta[:, t, :, :, None] * found[:, :, None]
            new = v[:, t]
        state = kept + k[:, t, :, :, None] * new[:, :, None]
        output[:, t] = np.einsum("bhk,bhkv->bhv", q[:, t], state)
    return output, state


def data(length=5, rule="share", decays="channels", batch=2, heads=2, keys=3, values=2, seed=0):
    """Queries, unit keys, values, beta, decay, initial and read."""
    rng = np.random.default_rng(seed)
    q, k = rng.normal(size=(2, batch, length, heads, keys))
    k /= np.linalg.norm(k, axis=-1, keepdims=True)
    v = rng.normal(size=(batch, length, heads, values))
    shape = {"share": (), "channels": (values,), "read": (keys,)}[rule]
    beta = rng.uniform(0, 2, size=(batch, length, heads, *shape))
    decay = rng.uniform(size=(batch, length, heads, keys if decays == "channels" else 1))
    initial = rng.normal(size=(batch, heads, keys, values))
    read = None
    if rule == "read":
        # As in RWKV-7, where the key is read and a part of it is taken away.
        read, beta = -k, k * rng.uniform(size=k.shape)
        k = rng.normal(size=k.shape)
    return q, k, v, beta, None if decays == "none" else decay, initial, read


def rule_of(q, k, v, beta, decay=None, initial=None, read=None, **options):
    return delta_rule(q, k, v, beta, decay, initial, read=read, **options)


def flat(*args, **options):
    """Output and state in one tensor, for the checks of one."""
    both = rule_of(*args, return_state=True, **options)
    return tf.concat([tf.reshape(x, [-1]) for x in both], axis=0)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("decays", DECAYS)
def test_equals_the_loop(rule, decays):
    tensors = data(rule=rule, decays=decays)
    check_forward(rule_of, tensors, reference(*tensors)[0], chunk=2)


def test_without_an_initial_state():
    *tensors, _, read = data(rule="read")
    check_forward(rule_of, (*tensors, None, read), reference(*tensors, None, read)[0], chunk=4)


@pytest.mark.parametrize(
    ("rule", "decays"),
    [("share", "none"), ("share", "head"), ("share", "channels"), ("channels", "head")]
    + [("read", "channels"), ("read", "head")],
)
def test_gradients_of_the_output_and_the_state(rule, decays):
    # Two chunks, of which the second is filled up.
    check_gradients(flat, data(3, rule, decays, 1, 1, 2, 2), chunk=2)


@pytest.mark.parametrize("rule", RULES)
def test_in_functional_models(rule, tmp_path):
    check_symbolic(rule_of, data(rule=rule), tmp_path, chunk=2)


def test_in_functional_models_without_decays(tmp_path):
    check_symbolic(rule_of, (*data()[:4], None, None, None), tmp_path)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("length", [1, 2, 3, 8, 9, 100])
def test_every_length_known_and_unknown(length, rule):
    tensors = [x for x in data(length, rule) if x is not None]
    expected = np.concatenate([x.ravel() for x in reference(*data(length, rule))])
    signature = [tf.TensorSpec((None, None, *x.shape[2:]), tf.float64) for x in tensors]
    signature[5] = tf.TensorSpec((None, 2, 3, 2), tf.float64)
    for jit in (False, True):
        for spec in (None, signature):
            run = tf.function(
                lambda *x: flat(*x, chunk=8), jit_compile=jit, autograph=False, input_signature=spec
            )
            got = run(*(tf.constant(x) for x in tensors))
            assert_near(got, expected, 1e-12, f"XLA: {jit}, unknown: {spec is not None}")


@pytest.mark.parametrize("rule", RULES)
def test_chunks_change_nothing(rule):
    tensors = [x for x in data(70, rule, batch=1, heads=1) if x is not None]
    expected, _ = reference(*tensors)
    wanted = gradients(rule_of, *tensors, mode="graph", chunk=1)
    # With 70 chunks, a graph has a loop.
    for chunk in (1, 4, 64, 128):
        assert_near(rule_of(*tensors, chunk=chunk), expected, 1e-12)
        grads = gradients(rule_of, *tensors, mode="graph", chunk=chunk)
        for got, want in zip(grads, wanted, strict=True):
            assert_near(got, want, 1e-11)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("rule", ["share", "read"])
@pytest.mark.parametrize("decay", [0.0, 1e-30, 1.0])
def test_extreme_decays(mode, rule, decay):
    tensors = list(data(9, rule))
    tensors[4] = np.full_like(tensors[4], decay)
    tensors[4][:, ::3] = 1.0
    tensors = [x.astype("float32") for x in tensors if x is not None]
    op = MODES[mode](lambda *x: rule_of(*x, chunk=4))
    assert_near(op(*map(tf.constant, tensors)), reference(*tensors)[0], 2e-6)
    # What a decay of exactly zero would let through is a number like any other.
    grads = gradients(lambda *x: rule_of(*x, chunk=4), *tensors, mode=mode)
    doubles = [x.astype("float64") for x in tensors]
    expected = gradients(lambda *x: rule_of(*x, chunk=1), *doubles, mode="graph")
    for got, want in zip(grads, expected, strict=True):
        assert_near(got, want, 5e-6)


def test_half_of_the_error_at_each_step():
    # One key and one value: an exponential average, whose error is halved at each step.
    one = np.ones((1, 20, 1, 1))
    o = delta_rule(one, one, 3 * one, np.full((1, 20, 1), 0.5))
    np.testing.assert_allclose(o[0, :, 0, 0], 3 * (1 - 0.5 ** np.arange(1, 21)), rtol=1e-6)


def test_a_share_of_one_stores_the_value():
    _, k, v, beta, *_ = data(12)
    np.testing.assert_allclose(delta_rule(k, k, v, np.ones_like(beta), chunk=4), v, atol=1e-6)


def test_a_share_of_two_reflects_the_state():
    *_, initial, _ = data()
    q, k, v, beta, *_ = data(30)
    reflected = delta_rule(
        *(q, k, np.zeros_like(v), np.full_like(beta, 2)), None, initial, return_state=True, chunk=8
    )[1]
    norms = [np.linalg.norm(state, axis=(2, 3)) for state in (reflected, initial)]
    np.testing.assert_allclose(*norms, rtol=1e-5)


def test_without_reads_it_is_gated_linear_attention():
    q, k, v, _, decay, initial, _ = data(9)
    nothing = np.zeros_like(q)
    got = delta_rule(q, k, v, nothing, decay, initial, read=nothing, chunk=4)
    np.testing.assert_allclose(
        got, gated_linear_attention(q, k, v, decay, initial, chunk=4), rtol=1e-5, atol=1e-6
    )


def test_reads_of_the_decayed_key_are_the_delta_rule():
    q, k, v, beta, decay, initial, _ = (None if x is None else x for x in data(9))
    share = beta[..., None]
    general = delta_rule(q, k, share * v, -share * k, decay, initial, read=decay * k, chunk=4)
    got = delta_rule(q, k, v, beta, decay, initial, chunk=4)
    np.testing.assert_allclose(general, got, rtol=1e-5, atol=1e-5)


def test_correlated_keys_and_great_shares_stay_exact():
    # Powers of the system would grow and cancel out; its inverse does not.
    q, k, v, beta, *_ = data(256, keys=8)
    k = k + 3 * k[:, :1]
    k /= np.linalg.norm(k, axis=-1, keepdims=True)
    tensors = [x.astype("float32") for x in (q, k, v, np.full_like(beta, 1.9))]
    got = delta_rule(*tensors)
    assert_near(got, reference(*(x.astype("float64") for x in tensors))[0], 2e-5)


def test_half_precision_keeps_a_float32_state():
    # Steps of a share that float16 would lose beside a state near one.
    ones = np.ones((1, 3000, 1, 1), "float16")
    share = np.full((1, 3000, 1), 1e-4, "float16")
    o = float(delta_rule(ones, ones, ones, share)[0, -1, 0, 0])
    np.testing.assert_allclose(o, 1 - (1 - float(share[0, 0, 0])) ** 3000, rtol=1e-3)


def test_the_future_is_not_seen():
    q, k, v, beta, decay, *_ = data(20)
    before = delta_rule(q, k, v, beta, decay, chunk=8)
    for x in (q, k, v, beta, decay):
        x[:, 11:] *= 0.5
    after = delta_rule(q, k, v, beta, decay, chunk=8)
    np.testing.assert_array_equal(before[:, :11], after[:, :11])


def test_two_halves_are_the_whole():
    q, k, v, beta, decay, initial, read = data(13, "read")
    whole, last = rule_of(q, k, v, beta, decay, initial, read, chunk=4, return_state=True)
    state, outputs = initial, []
    for part in (slice(0, 6), slice(6, 13)):
        halves = (x[:, part] for x in (q, k, v, beta, decay))
        o, state = rule_of(*halves, state, read[:, part], chunk=4, return_state=True)
        outputs.append(o)
    assert_near(tf.concat(outputs, 1), whole, 1e-6)
    assert_near(state, last, 1e-6)


def test_a_graph_has_neither_lists_nor_loops_where_the_length_is_known():
    spec = tf.TensorSpec((None, 1000, 2, 4), tf.float32)
    share = tf.TensorSpec((None, 1000, 2), tf.float32)
    function = tf.function(delta_rule, input_signature=[spec, spec, spec, share, spec])
    graph = function.get_concrete_function().graph.as_graph_def()
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    assert not any("While" in n.op or "TensorList" in n.op for n in nodes)


@pytest.mark.filterwarnings("ignore::UserWarning")  # TensorFlow moves its interpreter elsewhere.
def test_lite_rt_runs_it_without_further_operations():
    tensors = [x.astype("float32") for x in data(9, batch=1)[:5]]
    function = tf.function(
        lambda *x: delta_rule(*x, chunk=4),
        input_signature=[tf.TensorSpec(x.shape, tf.float32) for x in tensors],
    ).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    interpreter = tf.lite.Interpreter(model_content=converter.convert())
    interpreter.allocate_tensors()
    inputs = sorted(interpreter.get_input_details(), key=lambda d: d["name"])
    for detail, x in zip(inputs, tensors, strict=True):
        interpreter.set_tensor(detail["index"], x)
    interpreter.invoke()
    got = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    assert_near(got, reference(*tensors)[0], 2e-6)


def test_nothing():
    empty = np.zeros((0, 4, 2, 3), "float32")
    o, state = delta_rule(empty, empty, empty, empty[..., 0], return_state=True)
    assert o.shape == (0, 4, 2, 3) and state.shape == (0, 2, 3, 3)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({0: np.ones((2, 5, 3))}, {}, "`q` and `k`"),
        ({1: np.ones((2, 5, 2, 4))}, {}, "`q` and `k`"),
        ({2: np.ones((2, 4, 2, 2))}, {}, "`v`"),
        ({3: np.ones((2, 5, 2, 4))}, {}, "`beta`"),
        ({4: np.ones((2, 5, 2, 2))}, {}, "`decay`"),
        ({5: np.ones((2, 2, 2, 3))}, {}, "`initial`"),
        ({6: np.ones((2, 5, 2, 2))}, {}, "`read`"),
        ({6: np.ones((2, 5, 2, 3))}, {}, "`read` and `beta`"),
        ({0: np.ones((2, 5, 2, 3), "float32")}, {}, "one floating dtype"),
        ({}, {"chunk": 48}, "power of two"),
        ({}, {"chunk": 0}, "power of two"),
    ],
)
def test_errors(change, options, message):
    tensors = [change.get(i, x) for i, x in enumerate(data())]
    with pytest.raises(ValueError, match=message) as error:
        rule_of(*tensors, **options)
    assert "Received: " in str(error.value)
