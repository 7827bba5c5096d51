"""Properties of gated blocks and feed-forward layers of images."""

import math

import keras
import numpy as np
import pytest
from harness.properties import assert_close, float64, normal  # noqa: F401

from keras_hadamard.layers import (
    ConvGLU,
    CoordinateAttention2D,
    GatedConvBlock2D,
    GatedFeedForward2D,
    GatedMLP,
    NAFBlock2D,
    SimAM,
)

IMAGE = (2, 4, 5, 6)
BLOCKS = {
    "ConvGLU": (ConvGLU, {}),
    "GatedFeedForward2D": (GatedFeedForward2D, {}),
    "GatedConvBlock2D": (GatedConvBlock2D, {"conv_ratio": 0.5}),
    "NAFBlock2D": (NAFBlock2D, {"layer_scale": 0.5}),
}
EVERY = pytest.mark.parametrize("name", BLOCKS)


def scrambled(layer, shape=IMAGE):
    """Builds a layer, none of whose weights stays where it starts."""
    layer.build(shape)
    for i, weight in enumerate(layer.weights):
        if "seed_generator" not in weight.path:
            weight.assign(normal(*weight.shape, seed=10 + i))
    return layer


def affine(sublayer, x):
    kernel, *bias = (np.asarray(w) for w in sublayer.weights)
    return x @ kernel + (bias[0] if bias else 0)


def convolved(sublayer, x):
    """A depthwise convolution with zero padding, tap by tap."""
    kernel, *bias = (np.asarray(w) for w in sublayer.weights)
    size = len(kernel)
    padded = np.pad(x, [(0, 0), (size // 2,) * 2, (size // 2,) * 2, (0, 0)])
    height, width = x.shape[1:3]
    y = sum(
        padded[:, i : i + height, j : j + width] * kernel[i, j, :, 0]
        for i in range(size)
        for j in range(size)
    )
    return y + (bias[0] if bias else 0)


def normalized(sublayer, x):
    gamma, beta = (np.asarray(w) for w in sublayer.weights)
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + sublayer.epsilon) * gamma + beta


def gelu(x):
    return x * (1 + np.vectorize(math.erf)(x / 2**0.5)) / 2


def halves(x):
    return np.split(x, 2, axis=-1)


def test_a_convolutional_gated_unit_is_its_formula():
    layer, x = scrambled(ConvGLU(7)), normal(*IMAGE)
    gate, value = halves(affine(layer.hidden_projection, x))
    hidden = value * gelu(convolved(layer.depthwise, gate))
    assert_close(layer(x), affine(layer.output_projection, hidden), 1e-11)


@pytest.mark.parametrize("use_bias", [False, True])
def test_a_gated_feed_forward_network_is_its_formula(use_bias):
    layer, x = scrambled(GatedFeedForward2D(use_bias=use_bias)), normal(*IMAGE)
    gate, value = halves(convolved(layer.depthwise, affine(layer.hidden_projection, x)))
    assert value.shape[-1] == 15
    assert_close(layer(x), affine(layer.output_projection, value * gelu(gate)), 1e-11)


@pytest.mark.parametrize("conv_ratio", [0.5, 1.0, 2.0])
def test_a_gated_convolutional_block_is_its_formula(conv_ratio):
    layer = scrambled(GatedConvBlock2D(2.0, 3, conv_ratio))
    x, count = normal(*IMAGE), int(6 * conv_ratio)
    hidden = affine(layer.hidden_projection, normalized(layer.normalization, x))
    gate, value = halves(hidden)
    value = np.concatenate(
        [value[..., : 12 - count], convolved(layer.depthwise, value[..., 12 - count :])], -1
    )
    assert_close(layer(x), x + affine(layer.output_projection, value * gelu(gate)), 1e-11)


def test_a_block_without_an_activation_is_its_formula():
    layer, x = scrambled(NAFBlock2D(4, 2)), normal(*IMAGE)
    u = affine(layer.hidden_projection, normalized(layer.normalization_1, x))
    one, other = halves(convolved(layer.depthwise, u))
    u = one * other
    u = u * affine(layer.gate_projection, u.mean((1, 2), keepdims=True))
    z = x + np.asarray(layer.scale_1.gamma) * affine(layer.output_projection, u)
    u = affine(layer.feed_forward_projection, normalized(layer.normalization_2, z))
    one, other = halves(u)
    y = z + np.asarray(layer.scale_2.gamma) * affine(layer.feed_forward_output, one * other)
    assert_close(layer(x), y, 1e-11)


def test_a_block_without_an_activation_starts_as_the_identity():
    x = normal(*IMAGE)
    np.testing.assert_array_equal(NAFBlock2D()(x), x)


def test_a_kernel_that_only_copies_leaves_a_gated_network_of_pixels():
    """With a depthwise kernel of one at the pixel itself, each pixel is a vector of its own."""
    x = normal(*IMAGE)
    plain = scrambled(GatedMLP(hidden_units=7, activation="gelu", packed=True))
    one = ConvGLU(7, use_bias=False)
    two = GatedFeedForward2D(7 / 6 + 1e-9)
    for layer in (one, two):
        layer.build(IMAGE)
        kernel = np.zeros(layer.depthwise.kernel.shape)
        kernel[1, 1] = 1
        layer.depthwise.kernel.assign(kernel)
        value, gate = halves(np.asarray(plain.gated.projection.kernel))
        layer.hidden_projection.kernel.assign(np.concatenate([gate, value], -1))
        layer.output_projection.kernel.assign(plain.output_projection.kernel)
        assert_close(layer(x), plain(x), 1e-11)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def coordinate_gates(layer, x, mean, variance):
    """The gates of the rows and of the columns, for the statistics of the normalisation."""
    strips = np.concatenate([x.mean(2), x.mean(1)], 1)
    u = affine(layer.squeeze, strips)
    mean, variance = (u.mean((0, 1)), u.var((0, 1))) if mean is None else (mean, variance)
    gamma, beta = (np.asarray(w) for w in layer.normalization.trainable_weights)
    v = (u - mean) / np.sqrt(variance + 1e-5) * gamma + beta
    v = v * np.clip(v + 3, 0, 6) / 6
    rows, columns = v[:, : x.shape[1]], v[:, x.shape[1] :]
    return u, affine(layer.row_projection, rows), affine(layer.column_projection, columns)


@pytest.mark.parametrize("training", [False, True])
def test_coordinate_attention_is_its_formula(training):
    layer = CoordinateAttention2D(hidden_units=3)
    layer.build(IMAGE)
    for i, weight in enumerate(layer.weights):
        value = normal(*weight.shape, seed=10 + i)
        weight.assign(np.abs(value) if "variance" in weight.name else value)
    x = normal(*IMAGE)
    before = [np.asarray(w) for w in layer.normalization.non_trainable_weights]
    statistics = (None, None) if training else before
    u, rows, columns = coordinate_gates(layer, x, *statistics)
    expected = x * sigmoid(rows)[:, :, None] * sigmoid(columns)[:, None]
    assert_close(layer(x, training=training), expected, 1e-11)
    if training:
        count = u[..., 0].size
        assert_close(
            layer.normalization.non_trainable_weights[1],
            0.9 * before[1] + 0.1 * u.var((0, 1)) * count / (count - 1),
        )


@pytest.mark.parametrize(("channels", "ratio", "hidden"), [(6, 1 / 32, 8), (640, 1 / 32, 20)])
def test_coordinate_attention_has_at_least_eight_hidden_units(channels, ratio, hidden):
    layer = CoordinateAttention2D(ratio)
    layer.build((None, None, None, channels))
    assert layer.squeeze.units == hidden


def test_coordinate_attention_of_a_transposed_image_exchanges_its_projections():
    x = normal(2, 4, 4, 6)
    layer, other = (scrambled(CoordinateAttention2D(hidden_units=3)) for _ in range(2))
    for both in (layer, other):
        both.normalization.moving_variance.assign(np.ones(3))
    other.row_projection.set_weights(layer.column_projection.get_weights())
    other.column_projection.set_weights(layer.row_projection.get_weights())
    got = np.swapaxes(np.asarray(other(np.swapaxes(x, 1, 2))), 1, 2)
    assert_close(got, layer(x))


@pytest.mark.parametrize("epsilon", [1e-4, 0.5])
def test_attention_without_weights_is_its_formula(epsilon):
    x = normal(*IMAGE)
    d = (x - x.mean((1, 2), keepdims=True)) ** 2
    variance = d.sum((1, 2), keepdims=True) / 19
    expected = x * sigmoid(d / (4 * (variance + epsilon)) + 0.5)
    assert_close(SimAM(epsilon)(x), expected)
    first = SimAM(epsilon, data_format="channels_first")(np.moveaxis(x, -1, 1))
    assert_close(first, np.moveaxis(expected, -1, 1))


def test_attention_without_weights_gates_the_odd_one_out_least():
    x = np.ones((1, 8, 8, 1))
    x[0, 3, 4] = 5.0
    gate = (np.asarray(SimAM()(x)) / x)[0, ..., 0]
    assert gate.argmax() == 3 * 8 + 4 and gate.max() > 0.99
    assert np.unique(np.delete(gate.ravel(), gate.argmax()).round(12)).size == 1
    assert 1 / (1 + np.exp(-0.5)) <= gate.min() < 0.63


def test_attention_without_weights_does_not_see_a_constant_and_takes_one_pixel():
    x = normal(2, 1, 1, 3)
    assert_close(SimAM()(x), x * sigmoid(0.5))
    x = normal(*IMAGE)
    gates = [np.asarray(SimAM()(y)) / y for y in (x, x + 10.0)]
    assert_close(gates[0], gates[1], 1e-9)


@EVERY
def test_an_output_sees_its_neighbours_alone(name):
    """Half a kernel far, but for the mean of the block without an activation."""
    kind, how = BLOCKS[name]
    shape = (1, 9, 9, 6)
    layer = scrambled(kind(kernel_size=3, **how), shape)
    if name == "NAFBlock2D":
        layer.gate_projection.kernel.assign(np.zeros((6, 6)))
    x = normal(*shape)
    moved = x.copy()
    moved[0, 4, 4] += normal(6, seed=5)
    changed = np.abs(np.asarray(layer(moved) - layer(x))).max(-1)[0] > 0
    expected = np.zeros((9, 9), bool)
    expected[3:6, 3:6] = True
    np.testing.assert_array_equal(changed, expected)


@EVERY
def test_images_of_any_size_and_either_format(name):
    kind, how = BLOCKS[name]
    layer = scrambled(kind(**how), (None, None, None, 6))
    first = kind(data_format="channels_first", **how)
    first.build((None, 6, None, None))
    first.set_weights(layer.get_weights())
    for shape in ((2, 4, 5, 6), (1, 7, 3, 6)):
        x = normal(*shape)
        got = np.moveaxis(np.asarray(first(np.moveaxis(x, -1, 1))), 1, -1)
        assert_close(got, layer(x))


def test_skips_and_drops_in_training_alone():
    keras.utils.set_random_seed(1)
    x = normal(32, 2, 2, 6)
    layer = scrambled(GatedConvBlock2D(drop_path=0.5, seed=1))
    same = (np.asarray(layer(x, training=True)) == x).all((1, 2, 3))
    assert 4 < same.sum() < 28 and not (np.asarray(layer(x)) == x).all()
    layer = scrambled(NAFBlock2D(dropout=0.5, seed=1))
    runs = [np.asarray(layer(x, training=True)) for _ in range(2)]
    assert np.abs(runs[0] - runs[1]).max() > 1e-3
    assert_close(layer(x), layer(x, training=False))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConvGLU(0), "`hidden_units`"),
        (lambda: GatedFeedForward2D(0.0), "`expansion`"),
        (lambda: GatedFeedForward2D(float("inf")), "`expansion`"),
        (lambda: GatedFeedForward2D(0.1)(normal(*IMAGE)), "`expansion` by which a channel is left"),
        (lambda: GatedConvBlock2D(conv_ratio=3.0), "`conv_ratio` to be at most"),
        (lambda: GatedConvBlock2D(drop_path=1.0), "`drop_path`"),
        (lambda: CoordinateAttention2D(-1.0), "`ratio`"),
        (lambda: CoordinateAttention2D(hidden_units=0), "`hidden_units`"),
        (lambda: SimAM(0.0), "`epsilon`"),
        (lambda: NAFBlock2D(1)(normal(2, 4, 4, 3)), "an even number of expanded channels"),
        (lambda: NAFBlock2D(dropout=-0.1), "`dropout`"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
