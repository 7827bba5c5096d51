"""Properties of linear attentions: one recurrence, however it is computed."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.properties import assert_close, float64, normal  # noqa: F401

from keras_hadamard.layers import (
    GatedLinearAttention,
    HydraAttention,
    LinearAttention,
    Retention,
    SimpleGatedLinearAttention,
)

LENGTH = 11
# Of chunks that do not divide the length.
CAUSAL = {
    "gated": lambda **k: GatedLinearAttention(2, key_dim=3, gate_rank=2, chunk=4, **k),
    "simple": lambda **k: SimpleGatedLinearAttention(2, gate_normalizer=1.0, chunk=4, **k),
    "retention": lambda **k: Retention(2, chunk=4, **k),
    "retention-parallel": lambda **k: Retention(2, form="parallel", **k),
    "retention-recurrent": lambda **k: Retention(2, form="recurrent", rotary=False, **k),
    "linear": lambda **k: LinearAttention(2, chunk=4, **k),
    "linear-product": lambda **k: LinearAttention(
        2, feature_map="product", normalize=False, output_norm="layer", chunk=4, **k
    ),
    "hydra": lambda **k: HydraAttention(causal=True, **k),
}
OTHERS = {
    "linear": lambda **k: LinearAttention(2, causal=False, value_dim=3, **k),
    "hydra": lambda **k: HydraAttention(**k),
}
RECURRENT = pytest.mark.parametrize("name", CAUSAL)
EVERY = pytest.mark.parametrize("make", [*CAUSAL.values(), *OTHERS.values()])


def made(make, width=8, **kwargs):
    """A layer with weights that are all at work."""
    layer = make(**kwargs)
    layer.build((None, None, width))
    rng = np.random.default_rng(3)
    layer.set_weights([0.5 * rng.normal(size=w.shape) for w in layer.get_weights()])
    return layer


def twin(layer, **changes):
    other = type(layer).from_config({**layer.get_config(), "name": None, **changes})
    other.build((None, None, 8))
    other.set_weights(layer.get_weights())
    return other


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def rms(x):
    return x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + 1e-5)


def layer_norm(x):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


def weights_of(layer):
    return {w.path.partition("/")[2]: np.asarray(w) for w in layer.weights}


def recurrence(q, k, v, decay):
    """(length, heads, width) each, one step after the other."""
    state, out = np.zeros((*k.shape[1:], v.shape[-1])), []
    for t in range(len(q)):
        state = decay[t][..., None] * state + k[t][..., None] * v[t][:, None]
        out.append(np.einsum("hk,hkv->hv", q[t], state))
    return np.stack(out), state


def rotary_embedding(x):
    half = x.shape[-1] // 2
    angles = np.arange(1, len(x) + 1)[:, None] * 10000.0 ** (-np.arange(half) / half)
    plane = (x[..., :half] + 1j * x[..., half:]) * np.exp(1j * angles)[:, None]
    return np.concatenate([plane.real, plane.imag], axis=-1)


def reference(layer, x):
    """One sequence by the equations of the docstrings."""
    w = weights_of(layer)
    q, k, v = (
        (x @ w[f"{n}_projection/kernel"]).reshape(len(x), layer.heads, -1)
        for n in ("query", "key", "value")
    )
    decay = np.ones_like(k)
    if isinstance(layer, GatedLinearAttention):
        logits = x @ w["decay_down/kernel"] @ w["decay_up/kernel"] + w["decay_up/bias"]
        decay = sigmoid(logits.reshape(k.shape)) ** (1 / layer.gate_normalizer)
    elif isinstance(layer, SimpleGatedLinearAttention):
        logits = x @ w["decay_projection/kernel"] + w["decay_projection/bias"]
        decay = sigmoid(logits)[..., None] ** (1 / layer.gate_normalizer) * decay
    elif isinstance(layer, Retention):
        decay = decay * (1 - 2.0 ** (-5 - np.arange(layer.heads)))[:, None]
        q, k = (rotary_embedding(q), rotary_embedding(k)) if layer.rotary else (q, k)
    elif layer.feature_map == "elu":
        q, k = (np.where(z > 0, z + 1, np.exp(np.minimum(z, 0))) for z in (q, k))
    elif layer.feature_map == "product":
        maps = [w[f"{n}_map/kernel"] for n in ("query", "key")]
        biases = [w[f"{n}_map/bias"] for n in ("query", "key")]
        q, k = (
            np.prod(np.split(z @ m + b, 2, axis=-1), axis=0)
            for z, m, b in zip((q, k), maps, biases, strict=True)
        )
    q = q / np.sqrt(q.shape[-1])
    if getattr(layer, "causal", True):
        o, state = recurrence(q, k, v, decay)
        z, weight = recurrence(q, k, np.ones_like(v[..., :1]), decay)
    else:
        o = np.einsum("thk,shk,shv->thv", q, k, v)
        z, state, weight = np.einsum("thk,shk->th", q, k)[..., None], None, None
    if getattr(layer, "normalize", False):
        o = o / (z + layer.epsilon)
        state = None if state is None else np.concatenate([state, weight], axis=-1)
    if layer.output_norm:
        o = (rms if layer.output_norm == "rms" else layer_norm)(o) * w[
            "norm/scale" if layer.output_norm == "rms" else "norm/gamma"
        ]
        o = o + w.get("norm/beta", 0.0)
    o = o.reshape(len(x), -1)
    if layer.output_gate is not None:
        gate = x @ w["gate_projection/kernel"]
        o = o * gate * sigmoid(gate)
    return o @ w["output_projection/kernel"], state


def hydra(layer, x):
    w = weights_of(layer)
    q, k, v = (
        x @ w[f"{n}_projection/kernel"] + w[f"{n}_projection/bias"]
        for n in ("query", "key", "value")
    )
    q, k = (z / np.linalg.norm(z, axis=-1, keepdims=True) for z in (q, k))
    total = np.cumsum(k * v, axis=0) if layer.causal else np.sum(k * v, axis=0, keepdims=True)
    y = q * total @ w["output_projection/kernel"] + w["output_projection/bias"]
    return y, total[-1]


@EVERY
def test_equals_its_equation(make):
    layer, x = made(make), normal(2, LENGTH, 8)
    states = None
    if layer.causal:
        y, *states = twin(layer, return_state=True)(x)
        assert_close(y, layer(x), 0.0)
    for row in range(2):
        by_hand = hydra if isinstance(layer, HydraAttention) else reference
        expected, state = by_hand(layer, x[row])
        assert_close(layer(x)[row], expected, 1e-10)
        if states:
            assert_close(states[0][row], state, 1e-10)


@RECURRENT
def test_step_by_step_is_the_whole_sequence(name):
    layer = made(CAUSAL[name], return_state=True)
    x = normal(2, LENGTH, 8)
    y, *last = layer(x)
    states = None
    for t in range(LENGTH):
        output, states = layer.step(x[:, t], states)
        assert_close(output, y[:, t], 1e-11)
    for one, other in zip(states, last, strict=True):
        assert_close(one, other, 1e-11)
    first, *states = layer(x[:, :5])
    second, *states = layer(x[:, 5:], initial_state=states)
    assert_close(np.concatenate([first, second], axis=1), y, 1e-11)
    for one, other in zip(states, last, strict=True):
        assert_close(one, other, 1e-11)


def test_forms_of_retention_agree():
    layer, x = made(CAUSAL["retention"], return_state=True), normal(2, LENGTH, 8)
    states = [normal(2, 2, 4, 8, seed=1), np.full(2, 7.0)]
    mask = np.random.default_rng(2).random((2, LENGTH)) < 0.6
    for given in ({}, {"initial_state": states}, {"initial_state": states, "mask": mask}):
        expected = layer(x, **given)
        for form in ("parallel", "recurrent"):
            got = twin(layer, form=form)(x, **given)
            for one, other in zip(got, expected, strict=True):
                assert_close(one, other, 1e-11)


def test_retention_sees_distances_alone():
    layer, x = made(CAUSAL["retention"]), normal(2, LENGTH, 8)
    later = [np.zeros((2, 2, 4, 8)), np.full(2, 100.0)]
    assert_close(layer(x, initial_state=later), layer(x), 1e-10)


@RECURRENT
def test_the_future_is_not_seen(name):
    layer, x = made(CAUSAL[name]), normal(2, LENGTH, 8)
    before = layer(x)
    x[:, 6:] = normal(2, LENGTH - 6, 8, seed=1)
    assert_close(layer(x)[:, :6], before[:, :6], 1e-12)
    assert np.abs(layer(x)[:, 6:] - before[:, 6:]).max() > 1e-3


@pytest.mark.parametrize("name", OTHERS)
def test_without_order_positions_can_be_permuted(name):
    layer, x = made(OTHERS[name]), normal(2, LENGTH, 8)
    order = np.random.default_rng(4).permutation(LENGTH)
    assert_close(layer(x[:, order]), np.asarray(layer(x))[:, order])
    y = layer(x)
    x[:, -1] += 1
    assert np.abs(layer(x)[:, 0] - y[:, 0]).max() > 1e-4


@EVERY
def test_masked_positions_take_no_part(make):
    layer, x = made(make), normal(2, LENGTH, 8)
    layer = twin(layer, return_state=True) if layer.causal else layer
    kept = np.array([0, 1, 3, 4, 8, 9])
    mask = np.zeros((2, LENGTH), bool)
    mask[:, kept] = True
    x[~mask] = np.nan
    got, expected = layer(x, mask=mask), layer(x[:, kept])
    got, expected = ([*y] if layer.return_state else [y] for y in (got, expected))
    assert_close(np.asarray(got[0])[:, kept], expected[0], 1e-11)
    for one, other in zip(got[1:], expected[1:], strict=True):
        assert_close(one, other, 1e-11)
    assert np.isfinite(got[0]).all()
    x = normal(2, LENGTH, 8)
    ones, plain = layer(x, mask=np.ones((2, LENGTH), bool)), layer(x)
    for one, other in zip(tf.nest.flatten(ones), tf.nest.flatten(plain), strict=True):
        assert_close(one, other)


@EVERY
def test_lengths_and_batches(make):
    layer = made(make)
    x = normal(1, LENGTH, 8)
    run = tf.function(layer, input_signature=[tf.TensorSpec((None, None, 8), tf.float64)])
    for length in (1, 2, LENGTH):
        assert_close(run(x[:, :length]), layer(x[:, :length]))


def test_a_gate_for_all_channels_is_the_simple_form():
    simple = made(CAUSAL["simple"])
    weights, x = weights_of(simple), normal(2, LENGTH, 8)
    gated = GatedLinearAttention(2, key_dim=4, gate_rank=2, gate_normalizer=1.0)
    gated.build((None, None, 8))
    weights["decay_down/kernel"] = weights.pop("decay_projection/kernel")
    weights["decay_up/kernel"] = np.repeat(np.eye(2), 4, axis=1)
    weights["decay_up/bias"] = np.repeat(weights.pop("decay_projection/bias"), 4)
    gated.set_weights([weights[w.path.partition("/")[2]] for w in gated.weights])
    assert_close(gated(x), simple(x), 1e-11)


def test_decays_of_one_and_of_zero():
    gated, x = made(CAUSAL["simple"], output_norm=None, output_gate=None), normal(2, LENGTH, 8)
    plain = LinearAttention(2, feature_map=None, normalize=False)
    plain.build((None, None, 8))
    plain.set_weights(gated.get_weights()[:4])
    kernel, bias = gated.get_weights()[-2:]
    gated.set_weights([*gated.get_weights()[:-2], 0 * kernel, 0 * bias + 1e3])
    assert_close(gated(x), plain(x), 1e-11)
    gated.set_weights([*gated.get_weights()[:-2], 0 * kernel, 0 * bias - 1e4])
    alone = plain(x.reshape(-1, 1, 8))
    assert_close(gated(x), np.reshape(alone, x.shape), 1e-11)


@EVERY
def test_gradients_are_finite_for_large_keys(make):
    keras.config.set_dtype_policy("float32")
    layer = made(make)
    for weight in layer.trainable_weights:
        if "key" in weight.path or "projection" in weight.path:
            weight.assign(weight * 20)
    x = tf.constant(10 * normal(2, LENGTH, 8), "float32")
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(layer(x) ** 2)
    variables = [v.value for v in layer.trainable_variables]
    for gradient in [tape.gradient(y, x)] if not variables else tape.gradient(y, [x, *variables]):
        assert np.isfinite(gradient).all()


@RECURRENT
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_states_are_float32_under_16_bits(name, policy):
    keras.config.set_dtype_policy(policy)
    layer = CAUSAL[name](return_state=True)
    y, *states = layer(normal(2, 6, 8))
    symbolic = layer(keras.Input((None, 8)))
    for one, other in zip((y, *states), symbolic, strict=True):
        assert keras.backend.standardize_dtype(one.dtype) == other.dtype
    assert {keras.backend.standardize_dtype(s.dtype) for s in states} == {"float32"}
    token, *given = (keras.Input(s.shape[1:], dtype=s.dtype) for s in (y[:, :1], *states))
    model = keras.Model([token, *given], layer(token, initial_state=given))
    again = model([y[:, :1], *layer.get_initial_state(2)])
    assert [tuple(t.shape) for t in again] == [(2, 1, 8), *(tuple(s.shape) for s in states)]


def test_errors():
    x = normal(2, LENGTH, 8)
    for layer, message in (
        (lambda: GatedLinearAttention(3)(x), "`heads` that divide"),
        (lambda: Retention(8)(x), "even `key_dim`"),
        (lambda: Retention(form="fast"), "`form`"),
        (lambda: GatedLinearAttention(chunk=48), "power of two"),
        (lambda: GatedLinearAttention(gate_normalizer=0), "positive"),
        (lambda: GatedLinearAttention(causal=False), "causal"),
        (lambda: LinearAttention(feature_map="exp"), "`feature_map`"),
        (lambda: LinearAttention(causal=False, return_state=True)(x), "form with states"),
        (lambda: HydraAttention().step(x[:, 0]), "form with states"),
        (lambda: LinearAttention(2)(x, initial_state=normal(2, 2, 4, 4)), r"\(batch, 2, 4, 5\)"),
        (lambda: LinearAttention(2)(x, mask=np.ones((2, 4), bool)), "`mask`"),
    ):
        with pytest.raises(ValueError, match=message) as error:
            layer()
        assert "Received: " in str(error.value)
