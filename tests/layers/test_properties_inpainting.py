"""Properties of the convolutions of inpainting."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.properties import assert_close, float64, normal  # noqa: F401

from keras_hadamard.layers import GatedConv1D, GatedConv2D, PartialConv2D

# (kernel_size, strides, padding, dilation_rate)
WINDOWS = [
    (3, 1, "same", 1),
    (3, 2, "same", 1),
    (5, 3, "same", 1),
    (3, 1, "same", 2),
    ((1, 3), (2, 1), "same", 1),
    (3, 1, "valid", 1),
    (2, 2, "valid", 1),
    ((2, 3), 1, "valid", (3, 1)),
]


def holes(*shape, seed=1, share=0.4):
    return (np.random.default_rng(seed).random(shape) > share).astype("float64")


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


def ready(layer, *shapes):
    shapes = [tuple(shape) for shape in shapes]
    layer.build(shapes if len(shapes) > 1 else shapes[0])
    for i, weight in enumerate(layer.weights):
        weight.assign(normal(*weight.shape, seed=10 + i))
    return layer


def windows(x, kernel_size, strides, padding, dilation_rate):
    """Every window of an image padded with zeros, `(batch, rows, columns, taps..., channels)`."""
    size, step, gap = pair(kernel_size), pair(strides), pair(dilation_rate)
    reach = [d * (n - 1) for n, d in zip(size, gap, strict=True)]
    around = [(r // 2, r - r // 2) if padding == "same" else (0, 0) for r in reach]
    x = np.pad(x, [(0, 0), *around, (0, 0)])
    starts = [range(0, n - r, s) for n, r, s in zip(x.shape[1:3], reach, step, strict=True)]
    rows = [
        np.stack([x[:, i : i + reach[0] + 1 : gap[0], j : j + reach[1] + 1 : gap[1]] for j in js])
        for i, js in itertools.product(starts[0], [starts[1]])
    ]
    return np.stack(rows).transpose(2, 0, 1, 3, 4, 5)


# The partial convolution.


@pytest.mark.parametrize("how", WINDOWS)
@pytest.mark.parametrize("multi", [False, True])
@pytest.mark.parametrize("use_bias", [True, False])
def test_partial_convolution_is_its_formula(how, multi, use_bias):
    x, mask = normal(2, 9, 7, 3), holes(2, 9, 7, 3 if multi else 1)
    mask[0, :5, :5] = 0
    layer = PartialConv2D(4, *how, multi_channel=multi, return_mask=True, use_bias=use_bias)
    ready(layer, x.shape, mask.shape)
    kernel = np.asarray(layer.convolution.kernel)
    bias = np.asarray(layer.bias) if use_bias else 0
    y, new_mask = layer([x, mask])
    seen, known = windows(x * mask, *how), windows(mask, *how)
    total, size = known.sum((3, 4, 5)), known[0, 0, 0].size
    answers = np.einsum("brcijk,ijkf->brcf", seen, kernel)
    for place in np.ndindex(total.shape):
        if total[place]:
            assert_close(y[place], answers[place] * size / total[place] + bias, 1e-7)
            assert_close(new_mask[place], 1)
        else:
            assert not np.any(y[place]) and not np.any(new_mask[place])
    assert new_mask.shape[-1] == (4 if multi else 1)
    assert 0 < (total == 0).sum() < total.size
    assert layer.compute_output_shape([x.shape, mask.shape]) == [y.shape, new_mask.shape]


@pytest.mark.parametrize("how", WINDOWS)
def test_with_a_mask_of_ones_it_is_the_convolution(how):
    x = normal(2, 9, 7, 3)
    layer = ready(PartialConv2D(4, *how), x.shape)
    kernel, bias = np.asarray(layer.convolution.kernel), np.asarray(layer.bias)
    plain = np.einsum("brcijk,ijkf->brcf", windows(x, *how), kernel) + bias
    inside = windows(np.ones((1, 9, 7, 1)), *how).all((3, 4, 5))[0]
    assert inside.all() if how[2] == "valid" else 0 < inside.sum() < inside.size
    y = np.asarray(layer(x))
    assert_close(y[:, inside], plain[:, inside], 1e-7)
    # Outside the image is a hole too.
    assert_close(layer([x, np.ones((2, 9, 7, 1))]), y)
    if how[2] == "same":
        assert np.abs(y - plain).max() > 0.1


def test_a_mask_of_holes_gives_nothing():
    x, mask = normal(2, 9, 7, 3), np.zeros((2, 9, 7, 1))
    layer = ready(PartialConv2D(4, return_mask=True), x.shape, mask.shape)
    for y in layer([x, mask]):
        assert not np.any(y)


def test_a_mask_equal_over_channels_is_one_of_one_channel():
    x, mask = normal(2, 9, 7, 3), holes(2, 9, 7, 1)
    single, multi = (
        PartialConv2D(4, 5, 2, multi_channel=many, return_mask=True) for many in (False, True)
    )
    ready(single, x.shape, mask.shape), ready(multi, x.shape, x.shape)
    (y, new), (y_multi, new_multi) = single([x, mask]), multi([x, np.repeat(mask, 3, -1)])
    assert_close(y, y_multi, 1e-7)
    assert_close(np.repeat(new, 4, -1), new_multi)


def test_what_stands_in_a_hole_does_not_matter():
    x, mask = normal(2, 9, 7, 3), holes(2, 9, 7, 1)
    layer = ready(PartialConv2D(4), x.shape, mask.shape)
    assert_close(layer([x, mask]), layer([x + 1e3 * (1 - mask), mask]))


def test_the_mask_grows_by_the_window():
    mask = np.zeros((1, 9, 9, 1))
    mask[0, 4, 4] = 1
    layer = ready(PartialConv2D(1, return_mask=True), mask.shape, mask.shape)
    for reach in range(1, 5):
        _, mask = layer([mask, mask])
        expected = np.zeros((9, 9))
        expected[4 - reach : 5 + reach, 4 - reach : 5 + reach] = 1
        assert_close(mask[0, ..., 0], expected)


def test_booleans_are_masks():
    x, mask = normal(2, 9, 7, 3), holes(2, 9, 7, 1)
    layer = ready(PartialConv2D(4), x.shape, mask.shape)
    assert_close(layer([x, mask.astype(bool)]), layer([x, mask]))


def test_the_gradient_of_the_mask_is_that_of_the_product():
    x, mask = (tf.constant(v) for v in (normal(2, 9, 7, 3), holes(2, 9, 7, 1)))
    layer = ready(PartialConv2D(4), x.shape, mask.shape)
    with tf.GradientTape() as tape:
        tape.watch([x, mask])
        y = tf.reduce_sum(layer([x, mask]) ** 2)
    grad_x, grad_mask = tape.gradient(y, [x, mask])
    # Of the product it is the sum of x g, where g is also what reaches the known pixels of x.
    known = np.asarray(mask) > 0
    through_x = np.sum(x * grad_x, -1, keepdims=True)
    assert_close(np.asarray(grad_mask)[known], through_x[known])


def test_a_sum_in_float16_is_exact():
    # 49 * 64 ones and more are no float16 apart.
    mask = np.ones((1, 9, 9, 64), "float16")
    mask[0, 4, 4, 0] = 0
    layer = PartialConv2D(1, 7, padding="valid", multi_channel=True, dtype="mixed_float16")
    layer.build([mask.shape, mask.shape])
    layer.convolution.kernel.assign(np.eye(1, 49 * 64)[0].reshape(7, 7, 64, 1))
    y = np.asarray(layer([mask, mask]))
    assert y[0, 0, 0, 0] == np.float16(3136 / 3135)
    assert layer._epsilon() == 1e-6


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("jit", [False, True])
def test_images_of_unknown_size(strides, jit):
    x = normal(2, 9, 7, 3)
    layer = ready(PartialConv2D(4, strides=strides, return_mask=True), x.shape)
    unknown = tf.TensorSpec((None, None, None, 3), "float64")
    compiled = tf.function(layer, jit_compile=jit, autograph=False, input_signature=[unknown])
    for one, other in zip(compiled(x), layer(x), strict=True):
        assert_close(one, other)


def test_the_arguments_reach_kernel_and_bias():
    layer = PartialConv2D(
        4,
        bias_initializer="ones",
        bias_regularizer="l2",
        kernel_regularizer="l2",
        kernel_constraint="non_neg",
        bias_constraint="non_neg",
    )
    layer(normal(2, 9, 7, 3))
    assert np.all(np.asarray(layer.bias) == 1) and len(layer.losses) == 2
    assert all(weight.constraint is not None for weight in layer.trainable_weights)


# The gated convolutions.


def gated_parts(layer, plain, x):
    """The layer's features and gates before their activations, by plain Keras."""
    parts = []
    plain.build(x.shape)
    for convolution in (layer.value_convolution, layer.gate_convolution):
        plain.set_weights(convolution.get_weights())
        parts.append(np.asarray(plain(x)))
    return parts


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def elu(x):
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_gated_convolution_is_its_formula(strides, padding):
    x = normal(2, 8, 7, 3)
    layer = ready(GatedConv2D(4, 3, strides, padding), x.shape)
    plain = keras.layers.Conv2D(4, 3, strides, padding)
    value, gate = gated_parts(layer, plain, x)
    assert_close(layer(x), elu(value) * sigmoid(gate))


@pytest.mark.parametrize("mode", ["symmetric", "reflect"])
def test_mirrored_padding(mode):
    x = normal(2, 6, 5, 3)
    mirrored = np.pad(x, [(0, 0), (2, 2), (3, 3), (0, 0)], mode=mode)
    layer = ready(GatedConv2D(4, (3, 4), padding=mode, dilation_rate=2), x.shape)
    plain = keras.layers.Conv2D(4, (3, 4), padding="valid", dilation_rate=2)
    value, gate = gated_parts(layer, plain, mirrored)
    assert_close(layer(x), elu(value) * sigmoid(gate))


@pytest.mark.parametrize(
    ("gated", "kind", "padding", "sides"),
    [
        (GatedConv1D, keras.layers.Conv1D, "causal", (6,)),
        (GatedConv2D, keras.layers.Conv2D, "same", (6, 7)),
    ],
)
def test_with_an_open_gate_it_is_the_activated_convolution(gated, kind, padding, sides):
    x = normal(2, *sides, 3)
    layer = ready(gated(4, padding=padding), x.shape)
    kernel, bias = layer.gate_convolution.get_weights()
    layer.gate_convolution.set_weights([0 * kernel, bias + 1e3])
    plain = kind(4, 3, padding=padding, activation="elu")
    plain.build(x.shape)
    plain.set_weights(layer.value_convolution.get_weights())
    assert_close(layer(x), plain(x))


def test_the_gate_of_wavenet_does_not_see_the_future():
    x = normal(2, 9, 3)
    layer = ready(GatedConv1D(4, 2, padding="causal", dilation_rate=3, activation="tanh"), x.shape)
    before, parts = np.pad(x, [(0, 0), (3, 0), (0, 0)]), []
    for convolution in (layer.value_convolution, layer.gate_convolution):
        kernel, bias = convolution.get_weights()
        parts.append(before[:, :-3] @ kernel[0] + before[:, 3:] @ kernel[1] + bias)
    assert_close(layer(x), np.tanh(parts[0]) * sigmoid(parts[1]))
    later = x.copy()
    later[:, 5:] += 1
    one, other = np.asarray(layer(x)), np.asarray(layer(later))
    np.testing.assert_array_equal(one[:, :5], other[:, :5])
    assert (one[:, 5:] != other[:, 5:]).any(-1).all()


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("padding", ["same", "causal", "valid"])
def test_masked_steps_are_padding(padding, data_format):
    x, mask = normal(2, 9, 3), np.arange(9) < 6
    layer = GatedConv1D(4, padding=padding, data_format=data_format)
    kept = x * mask[:, None]
    if data_format == "channels_first":
        x, kept = (v.transpose(0, 2, 1) for v in (x, kept))
    ready(layer, x.shape)
    mask = np.stack([mask, mask])
    assert_close(layer(x, mask=mask), layer(kept))
    passed = layer.compute_mask(x, mask)
    assert passed is None if padding == "valid" else passed is mask


def test_a_seed_makes_no_two_kernels_alike():
    initializer = keras.initializers.RandomNormal(seed=1)
    layer = GatedConv2D(4, kernel_initializer=initializer)
    layer.build((2, 6, 5, 3))
    value, gate = (c.kernel.numpy() for c in (layer.value_convolution, layer.gate_convolution))
    assert not np.array_equal(value, gate)


# What does not fit.


@pytest.mark.parametrize(
    ("layer", "arguments", "message"),
    [
        (PartialConv2D, {"filters": 0}, "filters"),
        (PartialConv2D, {"filters": 4, "kernel_size": 4}, "odd `kernel_size`"),
        (PartialConv2D, {"filters": 4, "kernel_size": (3, 3, 3)}, "one for each axis"),
        (PartialConv2D, {"filters": 4, "padding": "reflect"}, "padding"),
        (PartialConv2D, {"filters": 4, "epsilon": -1}, "epsilon"),
        (GatedConv2D, {"filters": 4, "padding": "causal"}, "padding"),
        (GatedConv2D, {"filters": 4, "strides": 2, "dilation_rate": 2}, "to be 1"),
        (GatedConv1D, {"filters": 4, "strides": 0}, "strides"),
        (GatedConv1D, {"filters": 4, "data_format": "first"}, "data_format"),
    ],
)
def test_bad_arguments(layer, arguments, message):
    with pytest.raises(ValueError, match=f"{message}.*Received: "):
        layer(**arguments)


@pytest.mark.parametrize(
    ("multi", "shape"),
    [(False, (2, 9, 7, 3)), (True, (2, 9, 7, 1)), (False, (2, 9, 6, 1)), (False, (1, 9, 7, 1))],
)
def test_a_mask_that_does_not_fit(multi, shape):
    layer = PartialConv2D(4, multi_channel=multi)
    layer(normal(2, 9, 7, 3))
    with pytest.raises(ValueError, match=r"mask of .* channels.*Received: "):
        layer([normal(2, 9, 7, 3), np.ones(shape)])


@pytest.mark.parametrize(
    "layer",
    [
        PartialConv2D(4, 5, padding="valid"),
        GatedConv2D(4, 5, padding="valid"),
        GatedConv2D(4, 5, padding="symmetric", dilation_rate=2),
        GatedConv2D(4, 9, padding="reflect"),
    ],
)
def test_an_image_smaller_than_the_windows(layer):
    with pytest.raises(ValueError, match=r"sides of at least .* pixels.*Received: "):
        layer(normal(2, 3, 4, 3))


@pytest.mark.parametrize("multi_channel", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_whatever_stands_in_a_hole_does_not_count(multi_channel, value):
    x = np.random.default_rng(0).normal(size=(1, 6, 6, 3)).astype("float32")
    mask = np.ones((1, 6, 6, 3 if multi_channel else 1), "float32")
    mask[:, 2:4, 1:3] = 0
    layer = PartialConv2D(4, multi_channel=multi_channel)
    expected = layer([x, mask])
    spoiled = tf.constant(np.where(mask == 0, value, x), "float32")
    with tf.GradientTape() as tape:
        tape.watch(spoiled)
        y = layer([spoiled, mask])
        total = tf.reduce_sum(tf.square(y))
    np.testing.assert_array_equal(y, expected)
    for gradient in tape.gradient(total, [spoiled, *(v.value for v in layer.trainable_variables)]):
        assert np.isfinite(gradient).all()
