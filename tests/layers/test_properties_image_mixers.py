"""Properties of focal modulation, of recursive gated and of modulated convolutions."""

import keras
import numpy as np
import pytest
from harness.properties import assert_close, float64, normal  # noqa: F401
from scipy.special import erf

from keras_hadamard.layers import (
    ConvolutionalModulation2D,
    EfficientModulation2D,
    FocalModulation1D,
    FocalModulation2D,
    GnConv2D,
    LargeKernelAttention2D,
)
from keras_hadamard.layers._fan_in import FanInUniform

IMAGE_LAYERS = [
    lambda **kwargs: FocalModulation2D(post_norm=True, **kwargs),
    lambda **kwargs: GnConv2D(3, **kwargs),
    lambda **kwargs: GnConv2D(3, global_filter=(4, 3), **kwargs),
    lambda **kwargs: ConvolutionalModulation2D(5, **kwargs),
    lambda **kwargs: EfficientModulation2D(2, (3, 5), **kwargs),
    lambda **kwargs: LargeKernelAttention2D(9, 2, **kwargs),
]
NAMES = ["focal", "gn", "gn-global", "convolutional", "efficient", "large"]
EVERY = pytest.mark.parametrize("make", IMAGE_LAYERS, ids=NAMES)


def gelu(x):
    return 0.5 * x * (1 + erf(x / np.sqrt(2)))


def depthwise(x, kernel, dilation=1):
    """Sums of shifted products, of images (batch, height, width, channels)."""
    rows, columns = kernel.shape[:2]
    totals = [dilation * (n - 1) for n in (rows, columns)]
    reach = [(total // 2, total - total // 2) for total in totals]
    padded = np.pad(x, [(0, 0), *reach, (0, 0)])
    height, width = x.shape[1:3]
    return sum(
        padded[:, i * dilation : i * dilation + height, j * dilation : j * dilation + width]
        * kernel[i, j, :, 0]
        for i in range(rows)
        for j in range(columns)
    )


def dense(layer, x):
    return x @ np.asarray(layer.kernel) + (0 if layer.bias is None else np.asarray(layer.bias))


def convolved(layer, x, dilation=1):
    bias = np.asarray(layer.bias) if layer.use_bias else 0
    return depthwise(x, np.asarray(layer.kernel), dilation) + bias


@EVERY
def test_channels_first_is_channels_last_transposed(make):
    x = normal(2, 4, 5, 8)
    last, first = make(data_format="channels_last"), make(data_format="channels_first")
    expected = np.asarray(last(x))
    first.build((2, 8, 4, 5))
    first.set_weights(last.get_weights())
    assert_close(first(np.moveaxis(x, -1, 1)), np.moveaxis(expected, -1, 1))


@EVERY
def test_a_seed_does_not_make_the_kernels_equal(make):
    layer = make(kernel_initializer=keras.initializers.RandomNormal(seed=1))
    layer.build((None, 4, 4, 8))
    starts = {tuple(np.ravel(w)[:3].tolist()) for w in layer.weights if w.name == "kernel"}
    assert len(starts) == sum(w.name == "kernel" for w in layer.weights) >= 4


@EVERY
def test_starts_as_pytorch_starts_and_depthwise_kernels_as_they_are_told(make):
    plain, told = make(), make(depthwise_initializer="ones")
    for layer in (plain, told):
        layer.build((None, 4, 4, 64))
    largest = np.abs(plain.output_projection.kernel).max()
    fan_in = plain.output_projection.kernel.shape[0]
    assert 0.8 / fan_in**0.5 < largest <= 1 / fan_in**0.5
    kernels = {
        layer: [w for w in layer.weights if len(w.shape) == 4 and w.shape[-1] == 1]
        for layer in (plain, told)
    }
    assert len(kernels[plain]) == len(kernels[told]) >= 1
    for one, other in zip(kernels[plain], kernels[told], strict=True):
        taps = one.shape[0] * one.shape[1]
        assert 0.8 / taps**0.5 < np.abs(one).max() <= 1 / taps**0.5
        assert (np.asarray(other) == 1).all()
    assert isinstance(plain.kernel_initializer, FanInUniform)


# Focal modulation.


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_focal_modulation_is_its_formula(normalize, bias):
    layer = FocalModulation2D(3, 1, 3, normalize_modulator=normalize, use_bias=bias)
    x = normal(2, 5, 6, 4)
    y = layer(x)
    assert [d.kernel.shape[0] for d in layer.depthwise] == [1, 4, 7]
    assert layer.output_projection.bias is not None
    q, c, gates = np.split(dense(layer.input_projection, x), (4, 8), -1)
    total = 0
    for level, kernel in enumerate(layer.depthwise):
        c = gelu(convolved(kernel, c))
        total = total + c * gates[..., level : level + 1]
    total = total + gelu(c.mean((1, 2), keepdims=True)) * gates[..., 3:]
    total = total / 4 if normalize else total
    expected = dense(layer.output_projection, q * dense(layer.modulator_projection, total))
    assert_close(y, expected)
    # And in one row, of sequences.
    row = FocalModulation1D(3, 1, 3, normalize_modulator=normalize, use_bias=bias)
    row.build((None, 6, 4))
    weights = layer.get_weights()
    image = FocalModulation2D(3, 1, 3, normalize_modulator=normalize, use_bias=bias)
    image.build((None, 1, 6, 4))
    # Of a kernel one row meets an image of one row.
    middle = [w[(len(w) - 1) // 2 :][:1] if w.ndim == 4 else w for w in weights]
    row.set_weights(middle)
    image.set_weights(weights)
    assert_close(row(x[:, 2]), np.asarray(image(x[:, 2:3]))[:, 0])


def test_without_a_bias_at_its_end_focal_modulation_is_none_of_nothing():
    layer = FocalModulation2D(use_bias=False, use_output_bias=False)
    np.testing.assert_array_equal(layer(np.zeros((2, 3, 4, 5))), np.zeros((2, 3, 4, 5)))
    with_one = FocalModulation2D(use_bias=False, bias_initializer="ones")
    np.testing.assert_array_equal(with_one(np.zeros((2, 3, 4, 5))), np.ones((2, 3, 4, 5)))


def test_focal_modulation_normalises_what_it_projects():
    plain, after = FocalModulation2D(), FocalModulation2D(post_norm=True)
    x = normal(2, 4, 5, 6)
    for layer in (plain, after):
        layer.build(x.shape)
        layer.output_projection.kernel.assign(np.eye(6))
        layer.output_projection.bias.assign(np.zeros(6))
    weights = {w.path.partition("/")[2]: np.asarray(w) for w in plain.weights}
    for w in after.weights:
        w.assign(weights.get(w.path.partition("/")[2], w))
    y = np.asarray(plain(x))
    y = (y - y.mean(-1, keepdims=True)) / np.sqrt(y.var(-1, keepdims=True) + 1e-5)
    assert_close(after(x), y)


def gates_of(layer, values):
    """The layer with constant gates."""
    width, kernel = layer.width, np.asarray(layer.input_projection.kernel).copy()
    bias = np.asarray(layer.input_projection.bias).copy()
    kernel[:, 2 * width :], bias[2 * width :] = 0, values
    layer.input_projection.set_weights([kernel, bias])


def test_a_pixel_sees_as_far_as_the_levels_whose_gates_are_open():
    layer = FocalModulation2D(2, 3, 2)
    x = normal(1, 11, 11, 3)
    other = x.copy()
    other[0, 5, 5] += 1
    layer.build(x.shape)
    for values, reach in (((0, 0, 0), 0), ((1, 0, 0), 1), ((1, 1, 0), 3), ((1, 1, 1), 5)):
        gates_of(layer, values)
        changed = np.abs(np.asarray(layer(other)) - layer(x)).max(-1)[0] > 1e-12
        rows = np.argwhere(changed)
        assert np.abs(rows - 5).max() == reach and len(rows) == (2 * reach + 1) ** 2


def test_of_all_positions_the_order_does_not_matter():
    # With kernels of one pixel and the mean, the pixels are a set.
    layer = FocalModulation1D(2, 1, 0)
    x = normal(2, 7, 4)
    order = np.random.default_rng(1).permutation(7)
    assert_close(np.asarray(layer(x))[:, order], layer(x[:, order]))
    far = FocalModulation1D(2, 3)
    assert np.abs(np.asarray(far(x))[:, order] - far(x[:, order])).max() > 1e-6


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_mask_of_the_last_positions_is_a_shorter_sequence(length):
    layer = FocalModulation1D(3, 3, post_norm=True)
    x = normal(3, 7, 4)
    expected = layer(x[:, :length])
    x[:, length:] = np.nan
    mask = np.arange(7)[None] < np.full((3, 1), length)
    assert_close(np.asarray(layer(x, mask=mask))[:, :length], expected)
    assert_close(layer(np.nan_to_num(x), mask=np.ones((3, 7), bool)), layer(np.nan_to_num(x)))


def test_a_mask_of_the_last_columns_is_a_narrower_image():
    layer = FocalModulation2D()
    x = normal(2, 4, 6, 3)
    expected = layer(x[:, :, :4])
    mask = np.broadcast_to(np.arange(6) < 4, (2, 4, 6))
    assert_close(np.asarray(layer(x, mask=mask))[:, :, :4], expected)
    assert np.isfinite(layer(x, mask=np.zeros((2, 4, 6), bool))).all()


@pytest.mark.parametrize("length", [1, 2, 13])
def test_focal_modulation_of_any_length(length):
    layer = FocalModulation1D()
    model = keras.Sequential([keras.Input((None, 4), dtype="float64"), layer])
    x = normal(1, length, 4)
    assert_close(model(x), layer(x))
    assert layer(x).shape == x.shape


# Recursive gated convolution.


@pytest.mark.parametrize("order", [1, 2, 4])
def test_gn_conv_is_its_recursion(order):
    layer = GnConv2D(order, scale=0.7, kernel_size=3)
    x = normal(2, 4, 5, 8)
    y = layer(x)
    widths = [8 // 2**i for i in range(order)][::-1]
    p, q = np.split(dense(layer.input_projection, x), widths[:1], -1)
    q = np.split(0.7 * convolved(layer.filter, q), np.cumsum(widths)[:-1], -1)
    p = p * q[0]
    for projection, neighbours in zip(layer.projections, q[1:], strict=True):
        p = dense(projection, p) * neighbours
    assert_close(y, dense(layer.output_projection, p))


@pytest.mark.parametrize("order", [1, 3])
def test_gn_conv_is_a_polynomial_of_its_order_and_one(order):
    layer = GnConv2D(order)
    t = np.linspace(-1, 1, order + 5)
    y = np.asarray(layer(t.reshape(-1, 1, 1, 1) * normal(1, 3, 4, 8))).reshape(len(t), -1)
    fit = np.polynomial.polynomial
    for degree, fits in ((order + 1, True), (order, False)):
        misfit = np.abs(fit.polyval(t, fit.polyfit(t, y, degree)).T - y).max() / np.abs(y).max()
        assert (misfit < 1e-10) == fits and (fits or misfit > 1e-6)


def test_the_scale_of_a_gn_conv_is_that_of_its_kernel():
    plain, scaled = GnConv2D(2, scale=1.0), GnConv2D(2)
    x = normal(2, 4, 5, 8)
    plain(x), scaled(x)
    scaled.set_weights(plain.get_weights())
    for weight in plain.filter.weights:
        weight.assign(np.asarray(weight) / 3)
    assert_close(plain(x), scaled(x))


def filtered(width=6, rows=4, columns=3, order=1):
    layer = GnConv2D(order, global_filter=(rows, columns))
    layer.build((None, 4, 4, width))
    return layer


def test_the_global_filter_is_its_formula():
    layer = filtered()
    x = normal(2, 4, 4, 6)
    mixer = layer.filter
    for weight in mixer.weights:
        weight.assign(normal(*weight.shape, seed=3))

    def norm(of, x):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)
        return x * np.asarray(of.gamma) + np.asarray(of.beta)

    local, whole = np.split(norm(mixer.before, x), 2, -1)
    real, imaginary = np.asarray(mixer.spectrum)
    spectrum = np.moveaxis(real + 1j * imaginary, 0, -1)
    whole = np.fft.irfft2(np.fft.rfft2(whole, axes=(1, 2)) * spectrum, (4, 4), axes=(1, 2))
    local = depthwise(local, np.asarray(mixer.depthwise.kernel))
    y = np.stack([local, whole], -1).reshape(2, 4, 4, 6)
    assert_close(mixer(x), norm(mixer.after, y))


def test_the_global_filter_reaches_every_pixel_and_wraps():
    layer = filtered()
    mixer = layer.filter
    mixer.depthwise.kernel.assign(np.zeros(mixer.depthwise.kernel.shape))
    x = normal(1, 4, 4, 6)
    # Without the two normalisations it commutes with circular shifts; they act on pixels.
    shifted = np.roll(x, (1, 2), axis=(1, 2))
    assert_close(mixer(shifted), np.roll(np.asarray(mixer(x)), (1, 2), axis=(1, 2)))
    other = x.copy()
    other[0, 0, 0] += normal(6, seed=5)
    assert (np.abs(np.asarray(mixer(other)) - mixer(x)).max(-1) > 1e-9).all()


@pytest.mark.parametrize("size", [(4, 4), (7, 6), (3, 9), (1, 1)])
def test_a_spectrum_that_does_not_vary_is_the_same_in_every_size(size):
    # It scales, so that of the interpolation nothing is left.
    layer = filtered()
    mixer = layer.filter
    value = np.zeros(mixer.spectrum.shape)
    value[0] = 2.0
    mixer.spectrum.assign(value)
    x = normal(2, *size, 6)
    local, whole = np.split(np.asarray(mixer.before(x)), 2, -1)
    y = np.stack([np.asarray(mixer.depthwise(local)), 2 * whole], -1).reshape(x.shape)
    assert_close(mixer(x), mixer.after(y))
    # Of unknown sides too.
    model = keras.Sequential([keras.Input((None, None, 6), dtype="float64"), layer])
    assert_close(model(x), layer(x))


def test_spectra_are_interpolated_between_their_corners():
    from keras_hadamard.layers.pairwise._global_local_filter import _resized

    spectrum = normal(2, 3, 4, 5)
    wide = np.asarray(_resized(keras.ops.convert_to_tensor(spectrum), 7, 9))
    assert_close(wide[..., ::2, ::2], spectrum)
    assert_close(wide[..., 1::2, ::2], (spectrum[..., 1:, :] + spectrum[..., :-1, :]) / 2)
    assert_close(wide[..., ::2, 1::2], (spectrum[..., 1:] + spectrum[..., :-1]) / 2)
    one = np.asarray(_resized(keras.ops.convert_to_tensor(spectrum), 1, 1))
    assert_close(one[..., 0, 0], spectrum[..., 0, 0])


# Modulated convolutions.


@pytest.mark.parametrize("activation", ["gelu", None])
def test_convolutional_modulation_is_its_formula(activation):
    layer = ConvolutionalModulation2D(3, activation)
    x = normal(2, 4, 5, 6)
    y = layer(x)
    a = dense(layer.context_projection, x)
    context = convolved(layer.context, gelu(a) if activation else a)
    assert_close(y, dense(layer.output_projection, dense(layer.value_projection, x) * context))


@pytest.mark.parametrize("expansion", [1, 3])
def test_efficient_modulation_is_its_formula(expansion):
    layer = EfficientModulation2D(expansion, (3, 5))
    x = normal(2, 4, 5, 6)
    y = layer(x)
    seen = dense(layer.context_projection, x)
    context = sum(gelu(convolved(kernel, seen)) for kernel in layer.contexts)
    context = np.tile(dense(layer.context_output, context), expansion)
    value = dense(layer.value_projection, x)
    assert_close(
        y, dense(layer.output_projection, (gelu(value) if expansion > 1 else value) * context)
    )


def test_large_kernel_attention_is_its_formula():
    layer = LargeKernelAttention2D()
    x = normal(1, 6, 7, 4)
    y = layer(x)
    assert layer.near.kernel.shape[:2] == (5, 5) and layer.far.kernel.shape[:2] == (7, 7)
    value = gelu(dense(layer.value_projection, x))
    seen = convolved(layer.far, convolved(layer.near, value), 3)
    assert_close(y, dense(layer.output_projection, value * dense(layer.context_projection, seen)))


def test_a_large_kernel_in_two_parts_reaches_as_far_as_it_says():
    layer = LargeKernelAttention2D(9, 2, activation=None)
    x = np.zeros((1, 17, 17, 2))
    x[0, 8, 8] = 1
    layer(x)
    near = depthwise(x, np.asarray(layer.near.kernel))
    reached = np.abs(depthwise(near, np.asarray(layer.far.kernel), 2)).max(-1)
    rows = np.argwhere(reached[0] > 1e-12)
    # A kernel of 3 pixels, then one of 5 in steps of 2: 11 of which 9 are the least.
    assert rows.min() == 8 - 5 and rows.max() == 8 + 5


def test_with_a_context_of_one_a_modulation_is_two_dense_layers():
    x = normal(2, 4, 5, 6)
    layer = EfficientModulation2D(2)
    layer(x)
    layer.context_output.set_weights([np.zeros((6, 6)), np.ones(6)])
    hidden = gelu(dense(layer.value_projection, x))
    assert_close(layer(x), dense(layer.output_projection, hidden))


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (FocalModulation2D, {"levels": 0}),
        (FocalModulation1D, {"window": 0}),
        (FocalModulation2D, {"factor": -1}),
        (FocalModulation2D, {"data_format": "last"}),
        (GnConv2D, {"order": 0}),
        (GnConv2D, {"kernel_size": 0}),
        (GnConv2D, {"global_filter": 4}),
        (GnConv2D, {"global_filter": (4, 0)}),
        (ConvolutionalModulation2D, {"kernel_size": 0}),
        (EfficientModulation2D, {"expansion": 0}),
        (EfficientModulation2D, {"kernel_sizes": ()}),
        (EfficientModulation2D, {"kernel_sizes": 7}),
        (LargeKernelAttention2D, {"kernel_size": 2}),
        (LargeKernelAttention2D, {"dilation": 0}),
    ],
)
def test_bad_arguments(make, arguments):
    with pytest.raises(ValueError, match="Received: "):
        make(**arguments)


def test_bad_channels():
    with pytest.raises(ValueError, match=r"halved 4 times\. Received: channels=24"):
        GnConv2D().build((None, 4, 4, 24))
    with pytest.raises(ValueError, match="even number"):
        GnConv2D(1, global_filter=(4, 3)).build((None, 4, 4, 5))
    for make in (*IMAGE_LAYERS, FocalModulation2D):
        with pytest.raises(ValueError, match="Received: "):
            make().build((None, 4, 4, None))
