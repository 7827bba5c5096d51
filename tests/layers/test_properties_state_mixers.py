"""Properties of the mixers with several states: one recurrence, however it is computed."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.properties import assert_close, float64, normal  # noqa: F401

from keras_hadamard.layers import (
    DeltaNet,
    GatedAttention,
    GatedDeltaNet,
    KimiDeltaAttention,
    Mamba2,
)

LENGTH = 11
# Of chunks that do not divide the length.
MIXERS = {
    "delta": lambda **k: DeltaNet(2, chunk=4, output_gate="silu", **k),
    "gated-delta": lambda **k: GatedDeltaNet(4, key_dim=2, key_heads=2, chunk=4, **k),
    "gated-delta-plain": lambda **k: GatedDeltaNet(2, window=None, chunk=4, **k),
    "kimi": lambda **k: KimiDeltaAttention(2, lower_bound=-2.0, window=2, chunk=4, **k),
    "mamba2": lambda **k: Mamba2(4, 3, groups=2, chunk=4, **k),
    "mamba2-learned": lambda **k: Mamba2(2, 3, window=None, learn_state=True, chunk=4, **k),
}
# Without a state of a fixed size.
ATTENTIONS = {
    "gated-attention": lambda **k: GatedAttention(4, key_heads=2, **k),
    "gated-attention-heads": lambda **k: GatedAttention(2, gate="head", normalize=False, **k),
}
RECURRENT = pytest.mark.parametrize("name", MIXERS)
MIXERS_OF_ALL = {**MIXERS, **ATTENTIONS}
EVERY = pytest.mark.parametrize("name", MIXERS_OF_ALL)


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


@RECURRENT
def test_step_by_step_is_the_whole_sequence(name):
    layer = made(MIXERS_OF_ALL[name], return_state=True)
    x = normal(2, LENGTH, 8)
    y, *last = layer(x)
    states = None
    for t in range(LENGTH):
        output, states = layer.step(x[:, t], states)
        assert_close(output, y[:, t], 1e-10)
    for one, other in zip(states, last, strict=True):
        assert_close(one, other, 1e-10)
    first, *states = layer(x[:, :5])
    second, *states = layer(x[:, 5:], initial_state=states)
    assert_close(np.concatenate([first, second], axis=1), y, 1e-10)
    for one, other in zip(states, last, strict=True):
        assert_close(one, other, 1e-10)


@EVERY
def test_the_future_is_not_seen(name):
    layer, x = made(MIXERS_OF_ALL[name]), normal(2, LENGTH, 8)
    before = layer(x)
    x[:, 6:] = normal(2, LENGTH - 6, 8, seed=1)
    assert_close(layer(x)[:, :6], before[:, :6], 1e-12)
    assert np.abs(layer(x)[:, 6:] - before[:, 6:]).max() > 1e-3


@EVERY
def test_masked_positions_take_no_part(name):
    layer, x = made(MIXERS_OF_ALL[name]), normal(2, LENGTH, 8)
    layer = twin(layer, return_state=True) if name in MIXERS else layer
    kept = np.array([0, 1, 3, 4, 8, 9])
    mask = np.zeros((2, LENGTH), bool)
    mask[:, kept] = True
    x[~mask] = np.nan
    got, expected = layer(x, mask=mask), layer(x[:, kept])
    got, expected = ([*y] if layer.return_state else [y] for y in (got, expected))
    assert_close(np.asarray(got[0])[:, kept], expected[0], 1e-10)
    for one, other in zip(got[1:], expected[1:], strict=True):
        assert_close(one, other, 1e-10)
    assert np.isfinite(got[0]).all()
    x = normal(2, LENGTH, 8)
    ones, plain = layer(x, mask=np.ones((2, LENGTH), bool)), layer(x)
    for one, other in zip(tf.nest.flatten(ones), tf.nest.flatten(plain), strict=True):
        assert_close(one, other)


@EVERY
def test_unknown_lengths_and_batches(name):
    layer = made(MIXERS_OF_ALL[name])
    x = normal(1, LENGTH, 8)
    run = tf.function(layer, input_signature=[tf.TensorSpec((None, None, 8), tf.float64)])
    for length in (1, 2, LENGTH):
        assert_close(run(x[:, :length]), layer(x[:, :length]), 1e-11)


@EVERY
def test_gradients_are_finite_for_large_weights(name):
    keras.config.set_dtype_policy("float32")
    layer = made(MIXERS_OF_ALL[name])
    for weight in layer.trainable_weights:
        if "projection" in weight.path:
            weight.assign(weight * 20)
    x = tf.constant(10 * normal(2, LENGTH, 8), "float32")
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(layer(x) ** 2)
    for gradient in tape.gradient(y, [x, *(v.value for v in layer.trainable_variables)]):
        assert np.isfinite(gradient).all()


@RECURRENT
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_states_are_float32_under_16_bits(name, policy):
    keras.config.set_dtype_policy(policy)
    layer = MIXERS_OF_ALL[name](return_state=True)
    y, *states = layer(normal(2, 6, 8))
    symbolic = layer(keras.Input((None, 8)))
    for one, other in zip((y, *states), symbolic, strict=True):
        assert keras.backend.standardize_dtype(one.dtype) == other.dtype
    assert {keras.backend.standardize_dtype(s.dtype) for s in states} == {"float32"}
    assert np.isfinite(np.asarray(tf.cast(y, "float32"))).all()


def test_keys_of_a_head_that_serve_several_are_repeated():
    grouped = made(MIXERS["gated-delta"], output_gate=None, window=None)
    whole = twin_with_repeated_keys(grouped)
    x = normal(2, LENGTH, 8)
    assert_close(grouped(x), whole(x), 1e-11)


def twin_with_repeated_keys(grouped):
    whole = type(grouped).from_config({**grouped.get_config(), "name": None, "key_heads": None})
    whole.build((None, None, 8))
    weights = []
    for weight in grouped.weights:
        value = np.asarray(weight)
        if "query_projection" in weight.path or "key_projection" in weight.path:
            value = np.repeat(value.reshape(8, 2, 2), 2, axis=1).reshape(8, 8)
        weights.append(value)
    whole.set_weights(weights)
    return whole


def test_a_memory_without_decay_is_delta_net():
    gated = made(MIXERS["gated-delta-plain"])
    x = normal(2, LENGTH, 8)
    gated.log_rate.assign(np.full(2, -60.0))
    plain = DeltaNet(2, value_dim=8, window=None, output_gate="silu", chunk=4)
    plain.build((None, None, 8))
    weights = {w.path.partition("/")[2]: np.asarray(w) for w in gated.weights}
    plain.set_weights([weights[w.path.partition("/")[2]] for w in plain.weights])
    assert_close(plain(x), gated(x), 1e-10)


@pytest.mark.parametrize("name", ATTENTIONS)
def test_attention_without_order_sees_all(name):
    layer, x = made(ATTENTIONS[name], causal=False), normal(2, LENGTH, 8)
    before = layer(x)
    x[:, -1] += 1
    assert np.abs(layer(x)[:, 0] - before[:, 0]).max() > 1e-4


def test_an_open_gate_is_plain_attention():
    gated = made(lambda: GatedAttention(2, rotary=False, normalize=False, causal=False))
    gate = gated.gate_projection
    gate.kernel.assign(0 * gate.kernel)
    x = normal(2, LENGTH, 8)
    plain = keras.layers.MultiHeadAttention(2, 4, use_bias=False)
    plain.build((None, None, 8), (None, None, 8))
    names = ("query", "key", "value", "output")
    kernels = [np.asarray(getattr(gated, f"{n}_projection").kernel) for n in names]
    plain.set_weights([*(k.reshape(8, 2, 4) for k in kernels[:3]), kernels[3].reshape(2, 4, 8)])
    # Keras divides by a root that it has rounded to float32.
    assert_close(gated(x), 0.5 * plain(x, x), 1e-6)


def test_errors():
    x = normal(2, LENGTH, 8)
    for layer, message in (
        (lambda: DeltaNet(3)(x), "`heads` that divide"),
        (lambda: DeltaNet(causal=False), "causal"),
        (lambda: DeltaNet(window=1), "`window`"),
        (lambda: DeltaNet(feature_map="exp"), "`feature_map`"),
        (lambda: DeltaNet(key_norm="l1"), "`key_norm`"),
        (lambda: GatedDeltaNet(4, key_heads=3), "`key_heads` to divide"),
        (lambda: GatedDeltaNet(causal=False), "causal"),
        (lambda: GatedDeltaNet(2)(x, initial_state=normal(2, 2, 4, 8)), "a list of 2"),
        (lambda: KimiDeltaAttention(lower_bound=1), "`lower_bound`"),
        (lambda: KimiDeltaAttention(causal=False), "causal"),
        (lambda: Mamba2(3)(x), "`heads` that divide"),
        (lambda: Mamba2(4, groups=3), "`groups` to divide"),
        (lambda: Mamba2(expansion=0), "`expansion`"),
        (lambda: Mamba2(causal=False), "causal"),
        (lambda: GatedAttention(8)(x), "even `key_dim`"),
        (lambda: GatedAttention(4, key_heads=3), "`key_heads` to divide"),
        (lambda: GatedAttention(gate="all"), "`gate`"),
        (lambda: GatedAttention(return_state=True)(x), "form with states"),
    ):
        with pytest.raises(ValueError, match=message) as error:
            layer()
        assert "Received: " in str(error.value)
