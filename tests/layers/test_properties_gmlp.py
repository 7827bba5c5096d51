"""Properties of the spatial gate and of the block around it."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.properties import assert_close, float64, normal  # noqa: F401

from keras_hadamard.layers import GMLPBlock, SpatialGatingUnit

KINDS = [
    {},
    {"causal": True},
    {"heads": 2},
    {"circulant": True},
    {"circulant": True, "causal": True, "heads": 2},
]


def scrambled(layer, *shapes):
    """The layer with weights far from where they start."""
    layer.build(list(shapes) if len(shapes) > 1 else shapes[0])
    for seed, weight in enumerate(layer.trainable_weights):
        weight.assign(normal(*weight.shape, seed=seed))
    return layer


@pytest.mark.parametrize("kind", KINDS)
def test_the_gate_begins_open(kind):
    x = normal(2, 6, 8)
    assert_close(SpatialGatingUnit(**kind)(x), x[..., :4], 1e-4)
    zero = SpatialGatingUnit(**kind, spatial_initializer="zeros")
    assert_close(zero(x), x[..., :4])
    assert 0.5e-6 < np.std(SpatialGatingUnit().spatial_initializer((100, 100))) < 2e-6


def test_the_gate_is_its_formula():
    layer, x = (
        scrambled(SpatialGatingUnit(heads=2, activation="tanh"), (None, 6, 8)),
        normal(2, 6, 8),
    )
    u, v = np.split(x, 2, axis=-1)
    v = (v - v.mean(-1, keepdims=True)) / np.sqrt(v.var(-1, keepdims=True) + 1e-5)
    v = v * np.asarray(layer.norm.gamma) + np.asarray(layer.norm.beta)
    kernel, bias = np.asarray(layer.spatial_kernel), np.asarray(layer.spatial_bias)
    gates = [kernel[h] @ v[..., 2 * h : 2 * h + 2] + bias[h][:, None] for h in range(2)]
    assert_close(layer(x), u * np.tanh(np.concatenate(gates, axis=-1)), 1e-12)


@pytest.mark.parametrize("causal", [False, True])
def test_a_circulant_gate_is_one_with_that_matrix(causal):
    layer = scrambled(SpatialGatingUnit(circulant=True, causal=causal), (None, 6, 8))
    plain = SpatialGatingUnit(causal=causal)
    plain.build((None, 6, 8))
    w, r, c = (
        np.asarray(x)[0] for x in (layer.spatial_kernel, layer.row_scale, layer.column_scale)
    )
    matrix = [[r[i] * w[(j - i - 1) % 6] * c[j] for j in range(6)] for i in range(6)]
    plain.spatial_kernel.assign([matrix])
    plain.spatial_bias.assign(layer.spatial_bias)
    plain.norm.set_weights(layer.norm.get_weights())
    x = normal(2, 6, 8)
    assert_close(layer(x), plain(x), 1e-12)


def test_the_tiny_attention_is_keras_attention():
    layer = scrambled(SpatialGatingUnit(attention_units=3), (None, 6, 8), (None, 6, 5))
    x, z = normal(2, 6, 8), normal(2, 6, 5, seed=1)
    layer.spatial_kernel.assign(np.zeros((1, 6, 6)))
    layer.spatial_bias.assign(np.zeros((1, 6)))
    q, k, v = np.split(z @ np.asarray(layer.attention.projection.kernel), 3, axis=-1)
    mixed = keras.layers.Attention(score_mode="dot")([q / np.sqrt(3), v, k])
    assert_close(layer([x, z]), x[..., :4] * layer.attention.output_projection(mixed), 1e-12)


@pytest.mark.parametrize("kind", [*KINDS[1::3], {"attention_units": 3}])
def test_a_causal_block_does_not_see_the_future(kind):
    layer = scrambled(GMLPBlock(8, **{**kind, "causal": True}), (None, 6, 5))
    x = normal(2, 6, 5)
    later = np.concatenate([x[:, :3], normal(2, 3, 5, seed=9)], axis=1)
    assert_close(layer(x)[:, :3], layer(later)[:, :3])
    assert np.abs(np.asarray(layer(x) - layer(later))[:, 3:]).max() > 1e-3
    # And a shorter sequence is the beginning of a longer one.
    whole = scrambled(GMLPBlock(8, length=6, **{**kind, "causal": True}), (None, None, 5))
    for length in (1, 4):
        assert_close(whole(x[:, :length]), whole(x)[:, :length])


@pytest.mark.parametrize("causal", [False, True])
def test_masked_positions_take_no_part(causal):
    layer = scrambled(GMLPBlock(8, causal=causal, attention_units=3), (None, 6, 5))
    x, mask = normal(2, 6, 5), np.array([[1, 1, 1, 1, 0, 0], [1, 0, 1, 1, 1, 0]], bool)
    other = np.where(mask[..., None], x, 1e3)
    assert_close(np.asarray(layer(x, mask=mask))[mask], np.asarray(layer(other, mask=mask))[mask])
    assert np.abs(np.asarray(layer(x) - layer(x, mask=mask))[mask]).max() > 1e-3
    if causal:
        shorter = scrambled(GMLPBlock(8, length=6, causal=True, attention_units=3), (None, None, 5))
        assert_close(layer(x, mask=mask)[:1, :4], shorter(x[:1, :4]))
    # All masked: zeros in, numbers out.
    assert np.isfinite(layer(x, mask=np.zeros((2, 6), bool))).all()


@pytest.mark.parametrize("scale", [0.0, 100.0, 1e4])
def test_gradients_are_finite_at_large_inputs(scale):
    keras.config.set_dtype_policy("float32")
    layer = scrambled(GMLPBlock(8, causal=True, attention_units=3), (None, 6, 5))
    x = tf.constant(scale * normal(2, 6, 5), "float32")
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(layer(x))
    grads = tape.gradient(y, [x, *(w.value for w in layer.trainable_weights)])
    assert all(np.isfinite(g).all() for g in [y, *grads])


def test_gates_of_a_list_meet_their_masks():
    layer = SpatialGatingUnit(attention_units=3)
    masks = [np.array([[1, 1, 0]], bool), np.array([[1, 0, 1]], bool)]
    np.testing.assert_array_equal(layer.compute_mask(None, masks), [[True, False, False]])


@pytest.mark.parametrize(
    ("kwargs", "shape"),
    [
        ({}, (2, None, 8)),
        ({}, (2, 6, 7)),
        ({}, (2, 6, None)),
        ({}, (6, 8)),
        ({"heads": 3}, (2, 6, 8)),
        ({"length": 5}, (2, 6, 8)),
        ({"length": 7}, (2, 6, 8)),
        ({"length": 5, "causal": True}, (2, 6, 8)),
        ({"causal": True}, (2, None, 8)),
        ({"attention_units": 3}, (2, 6, 8)),
        ({}, [(2, 6, 8), (2, 6, 5)]),
    ],
)
def test_shapes_that_do_not_fit(kwargs, shape):
    with pytest.raises(ValueError, match="Received: "):
        SpatialGatingUnit(**kwargs).build(shape)


@pytest.mark.parametrize("name", ["length", "heads", "attention_units"])
@pytest.mark.parametrize("layer", [SpatialGatingUnit, GMLPBlock])
def test_arguments_out_of_range(layer, name):
    with pytest.raises(ValueError, match=f"Received: {name}=0"):
        layer(**{name: 0})
    if layer is GMLPBlock:
        with pytest.raises(ValueError, match="Received: hidden_units=-2"):
            layer(-2)


@pytest.mark.parametrize("causal", [False, True])
def test_another_length_is_refused(causal):
    layer = GMLPBlock(8, causal=causal)
    layer(normal(2, 6, 5))
    with pytest.raises(ValueError, match=r"6 positions. Received: shape=\(2, 7, "):
        layer(normal(2, 7, 5))
    if not causal:
        with pytest.raises(ValueError, match=r"6 positions. Received: shape=\(2, 5, "):
            layer(normal(2, 5, 5))
