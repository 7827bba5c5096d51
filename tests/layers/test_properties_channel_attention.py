"""Properties of attention over channels, and of layers that a style or condition modulates."""

import keras
import numpy as np
import pytest
from harness.properties import assert_close, float64, normal  # noqa: F401

from keras_hadamard.layers import (
    CBAM2D,
    SPADE,
    AdaIN,
    ConditionalLayerNormalization,
    EfficientChannelAttention2D,
    FiLM,
    FiLMResidualBlock2D,
    ModulatedConv2D,
    SqueezeExcite2D,
)


def scrambled(layer, *shapes):
    """Builds a layer, of which no weight and no statistic stays where it starts."""
    layer.build(list(shapes) if len(shapes) > 1 else shapes[0])
    for i, weight in enumerate(layer.weights):
        value = normal(*weight.shape, seed=10 + i)
        weight.assign(np.abs(value) if "variance" in weight.name else value)
    return layer


def weights(layer, name):
    """The kernel of a sublayer, and its bias if it has one."""
    return [np.asarray(w) for w in getattr(layer, name).weights]


def dense(layer, name, x):
    kernel, bias = weights(layer, name)
    return x @ kernel + bias


def relu(x):
    return np.maximum(x, 0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def hard_sigmoid(x):
    return np.clip(x + 3, 0, 6) / 6


def convolved(x, kernel):
    """A convolution with zero padding, tap by tap."""
    size = len(kernel)
    padded = np.pad(x, [(0, 0), (size // 2,) * 2, (size // 2,) * 2, (0, 0)])
    height, width = x.shape[1:3]
    return sum(
        padded[:, i : i + height, j : j + width] @ kernel[i, j]
        for i in range(size)
        for j in range(size)
    )


# Squeeze and excitation.

IMAGE = (2, 4, 3, 6)
GATES = {"sigmoid": sigmoid, "hard_sigmoid": hard_sigmoid}


@pytest.mark.parametrize("use_max", [False, True])
@pytest.mark.parametrize("gate", GATES)
def test_squeeze_and_excitation_is_its_formula(use_max, gate):
    x = normal(*IMAGE)
    layer = SqueezeExcite2D(hidden_units=2, gate_activation=gate, use_max=use_max)
    scrambled(layer, IMAGE)
    s = x.mean((1, 2))
    s = 0.5 * s + 0.5 * x.max((1, 2)) if use_max else s
    gates = GATES[gate](dense(layer, "excite", relu(dense(layer, "squeeze", s))))
    assert_close(layer(x), x * gates[:, None, None])


@pytest.mark.parametrize("use_max", [False, True])
def test_effective_squeeze_and_excitation_is_its_formula(use_max):
    x = normal(*IMAGE)
    layer = scrambled(SqueezeExcite2D("effective", use_max=use_max), IMAGE)
    s = x.mean((1, 2))
    s = 0.5 * s + 0.5 * x.max((1, 2)) if use_max else s
    assert_close(layer(x), x * hard_sigmoid(dense(layer, "excite", s))[:, None, None])


@pytest.mark.parametrize("merge", ["add", "max"])
def test_concurrent_squeeze_and_excitation_joins_channels_and_positions(merge):
    x = normal(*IMAGE)
    layer = scrambled(SqueezeExcite2D("concurrent", hidden_units=2, merge=merge), IMAGE)
    plain = SqueezeExcite2D(hidden_units=2)
    plain.build(IMAGE)
    plain.set_weights(layer.get_weights()[:4])
    positions = x * sigmoid(dense(layer, "spatial", x))
    join = {"add": np.add, "max": np.maximum}[merge]
    assert_close(layer(x), join(np.asarray(plain(x)), positions))


@pytest.mark.parametrize(
    ("channels", "ratio", "hidden"),
    [(5, 1 / 16, 8), (96, 1 / 16, 8), (200, 1 / 16, 16), (256, 1 / 16, 16), (64, 0.25, 16)],
)
def test_the_width_between_is_that_of_timm(channels, ratio, hidden):
    layer = SqueezeExcite2D(ratio=ratio)
    layer.build((None, None, None, channels))
    assert layer.squeeze.units == hidden


def test_gates_that_are_open_are_the_identity():
    x = normal(*IMAGE)
    how = {"kernel_initializer": "zeros", "bias_initializer": keras.initializers.Constant(50.0)}
    for mode in ("plain", "effective"):
        assert_close(SqueezeExcite2D(mode, **how)(x), x)
    assert_close(SqueezeExcite2D("concurrent", merge="max", **how)(x), x)
    # A copy each of channels and positions.
    assert_close(SqueezeExcite2D("concurrent", **how)(x), 2 * x)


def test_no_order_of_the_positions_matters_to_the_gates_of_channels():
    x = normal(*IMAGE)
    mixed = x[:, ::-1][:, [1, 3, 0, 2]]
    for layer in (SqueezeExcite2D(), SqueezeExcite2D("concurrent"), EfficientChannelAttention2D()):
        scrambled(layer, IMAGE)
        assert_close(layer(mixed), np.asarray(layer(x))[:, ::-1][:, [1, 3, 0, 2]])


# CBAM.


@pytest.mark.parametrize("normalized", [False, True])
def test_cbam_is_its_formula(normalized):
    x = normal(*IMAGE)
    layer = CBAM2D(hidden_units=2, kernel_size=3, use_batch_normalization=normalized)
    scrambled(layer, IMAGE)
    logits = sum(
        dense(layer, "excite", relu(dense(layer, "squeeze", s)))
        for s in (x.mean((1, 2)), x.max((1, 2)))
    )
    z = x * sigmoid(logits)[:, None, None]
    (kernel,) = weights(layer, "convolution")
    logits = convolved(np.stack([z.mean(-1), z.max(-1)], -1), kernel)
    if normalized:
        gamma, beta, mean, variance = weights(layer, "normalization")
        logits = gamma * (logits - mean) / np.sqrt(variance + 1e-5) + beta
    assert_close(layer(x), z * sigmoid(logits))


def test_cbam_moves_statistics_as_the_authors_do():
    x, layer = normal(*IMAGE), scrambled(CBAM2D(use_batch_normalization=True), IMAGE)
    means = [np.asarray(layer.normalization.moving_mean)]
    for _ in range(2):
        layer(x, training=True)
        means.append(np.asarray(layer.normalization.moving_mean))
    first, second = np.diff(means, axis=0)
    assert_close(second / first, 0.99)


@pytest.mark.parametrize(("channels", "hidden"), [(5, 1), (64, 4), (256, 16)])
def test_the_width_between_is_a_sixteenth(channels, hidden):
    layer = CBAM2D()
    layer.build((None, None, None, channels))
    assert layer.squeeze.units == hidden


# Efficient channel attention.


@pytest.mark.parametrize(
    ("channels", "size"), [(1, 1), (7, 1), (8, 3), (64, 3), (128, 5), (256, 5), (512, 5), (2048, 7)]
)
def test_a_gate_sees_as_many_channels_as_in_the_authors_code(channels, size):
    layer = EfficientChannelAttention2D()
    layer.build((None, None, None, channels))
    (kernel,) = layer.get_weights()
    t = int(abs((np.log2(channels) + 1) / 2))
    assert kernel.shape == (size, 1, 1) and size == (t if t % 2 else t + 1)


@pytest.mark.parametrize("size", [1, 3, 5])
def test_efficient_attention_is_its_formula(size):
    x = normal(*IMAGE)
    layer = scrambled(EfficientChannelAttention2D(size), IMAGE)
    (kernel,) = weights(layer, "convolution")
    s = np.pad(x.mean((1, 2)), [(0, 0), (size // 2,) * 2])
    logits = sum(kernel[i, 0, 0] * s[:, i : i + 6] for i in range(size))
    assert_close(layer(x), x * sigmoid(logits)[:, None, None])


# AdaIN.


def statistics(x, mask=None, epsilon=1e-5):
    x = x.reshape(len(x), -1, x.shape[-1])
    rows = [row if mask is None else row[mask[i]] for i, row in enumerate(x)]
    mean = np.stack([row.mean(0) for row in rows])
    return mean, np.sqrt(np.stack([row.var(0) for row in rows]) + epsilon)


def test_an_image_gets_the_statistics_of_the_style():
    x, style = normal(2, 4, 3, 5) + 3, 2 * normal(2, 3, 2, 5, seed=1) - 1
    y = np.asarray(AdaIN(epsilon=0.0)([x, style]))
    for got, expected in zip(statistics(y, epsilon=0.0), statistics(style, epsilon=0), strict=True):
        assert_close(got, expected)
    mean, deviation = (s[:, None, None] for s in statistics(x, epsilon=1e-3))
    shift, scale = (s[:, None, None] for s in statistics(style, epsilon=1e-3))
    assert_close(AdaIN(epsilon=1e-3)([x, style]), scale * (x - mean) / deviation + shift)
    # Its own style changes nothing.
    assert_close(AdaIN(epsilon=1e-3)([x, x]), x)


@pytest.mark.parametrize("shape", [(6, 5), (4, 3, 5), (2, 3, 2, 5)])
def test_a_vector_gives_scale_and_shift(shape):
    x, style = normal(2, *shape), normal(2, 7, seed=1)
    layer = scrambled(AdaIN(), x.shape, style.shape)
    scale, shift = np.split(dense(layer, "style_projection", style), 2, -1)
    middle = (2, *[1] * (len(shape) - 1), 5)
    mean, deviation = statistics(x)
    expected = (x - mean.reshape(middle)) / deviation.reshape(middle)
    assert_close(layer([x, style]), expected * (1 + scale).reshape(middle) + shift.reshape(middle))


def test_masked_positions_are_left_out_of_both_statistics():
    x, style = normal(2, 6, 5), normal(2, 4, 5, seed=1)
    masks = np.arange(6) < np.array([[6], [3]]), np.arange(4) < np.array([[2], [4]])
    x[~masks[0]], style[~masks[1]] = np.nan, np.nan
    layer = AdaIN()
    y = np.asarray(layer([x, style], mask=list(masks)))
    mean, deviation = (s[:, None] for s in statistics(x, masks[0]))
    shift, scale = (s[:, None] for s in statistics(style, masks[1]))
    assert_close(y[masks[0]], (scale * (x - mean) / deviation + shift)[masks[0]])
    inputs = keras.Input((6, 5)), keras.Input((4, 5))
    assert layer([keras.layers.Masking()(inputs[0]), inputs[1]])._keras_mask is not None


# Modulated convolution.


@pytest.mark.parametrize("demodulate", [False, True])
@pytest.mark.parametrize("size", [1, 3])
def test_each_example_has_a_kernel_of_its_own(demodulate, size):
    x, style = normal(3, 4, 5, 6), normal(3, 7, seed=1)
    layer = ModulatedConv2D(4, size, demodulate=demodulate, epsilon=1e-3)
    scrambled(layer, x.shape, style.shape)
    scale = 1 + dense(layer, "style_projection", style)
    kernels = weights(layer, "convolution")[0] * scale[:, None, None, :, None]
    if demodulate:
        kernels /= np.sqrt((kernels**2).sum((1, 2, 3), keepdims=True) + 1e-3)
    got = np.asarray(layer([x, style]))
    for i, kernel in enumerate(kernels):
        assert_close(got[i : i + 1], convolved(x[i : i + 1], kernel) + np.asarray(layer.bias))


def test_no_scale_of_kernel_or_style_reaches_what_is_demodulated():
    x, style = normal(2, 4, 5, 6), normal(2, 7, seed=1)
    layer = scrambled(ModulatedConv2D(epsilon=0.0, use_bias=False), x.shape, style.shape)
    y = np.asarray(layer([x, style]))
    kernel = layer.convolution.kernel
    kernel.assign(100 * kernel)
    assert_close(layer([x, style]), y)
    # And of independent unit inputs the variance is one.
    x = normal(1, 60, 60, 6)
    assert abs(np.var(layer([x, style[:1]])[:, 1:-1, 1:-1]) - 1) < 0.1


def test_a_style_of_zero_is_a_plain_convolution():
    x, style = normal(2, 4, 5, 6), np.zeros((2, 7))
    layer = scrambled(ModulatedConv2D(4, demodulate=False), x.shape, style.shape)
    layer.style_projection.bias.assign(np.zeros(6))
    plain = keras.layers.Conv2D(4, 3, padding="same")
    plain.build(x.shape)
    plain.set_weights([*weights(layer, "convolution"), layer.bias])
    assert_close(layer([x, style]), plain(x))


# Conditional layer normalisation.


def normalized(x, epsilon=1e-6):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon)


@pytest.mark.parametrize("shape", [(5,), (6, 5), (4, 3, 5)])
@pytest.mark.parametrize("positions", [False, True])
@pytest.mark.parametrize("use_gate", [False, True])
def test_the_condition_gives_scale_shift_and_gate(shape, positions, use_gate):
    x, condition = normal(2, *shape), normal(2, *(shape[:-1] if positions else ()), 7, seed=1)
    layer = ConditionalLayerNormalization(use_gate, epsilon=1e-3)
    scrambled(layer, x.shape, condition.shape)
    parts = dense(layer, "condition_projection", condition * sigmoid(condition))
    if not positions:
        parts = parts.reshape(2, *[1] * (len(shape) - 1), -1)
    shift, scale, *gate = np.split(parts, 3 if use_gate else 2, -1)
    got = layer([x, condition])
    assert_close(got[0] if use_gate else got, (1 + scale) * normalized(x, 1e-3) + shift)
    if use_gate:
        assert_close(got[1], gate[0])


def test_it_starts_as_layer_normalisation_and_a_residual_block_as_the_identity():
    x, condition = normal(2, 6, 5), normal(2, 7, seed=1)
    assert_close(ConditionalLayerNormalization()([x, condition]), normalized(x))
    y, gate = ConditionalLayerNormalization(use_gate=True)([x, condition])
    assert_close(x + gate * keras.layers.Dense(5)(y), x)


def test_the_mask_goes_with_what_is_normalised_and_not_with_the_gate():
    x, condition = keras.Input((6, 5)), keras.Input((7,))
    layer = ConditionalLayerNormalization(use_gate=True)
    y, gate = layer([keras.layers.Masking()(x), condition])
    assert y._keras_mask is not None and getattr(gate, "_keras_mask", None) is None


# Published conditionings, through the options that they need.


def test_film_of_given_coefficients():
    x, gamma, beta = normal(2, 4, 3, 5), normal(2, 5, seed=1), normal(2, 5, seed=2)
    layer = FiLM(gamma_offset=0.0, use_bias=False)
    layer.build([x.shape, (2, 10)])
    layer.set_weights([np.eye(10)])
    expected = gamma[:, None, None] * x + beta[:, None, None]
    assert_close(layer([x, np.concatenate([gamma, beta], -1)]), expected)


def test_the_film_block_modulates_after_the_normalisation():
    x, condition = normal(2, 4, 3, 4), normal(2, 8, seed=1)
    block = FiLMResidualBlock2D(4, gamma_offset=0.0)
    scrambled(block, x.shape, condition.shape)
    kernel, bias = block.film.get_weights()
    gamma, beta = np.split((condition @ kernel + bias)[:, None, None], 2, -1)
    taps, bias = weights(block, "input_convolution")
    h = relu(convolved(x, taps) + bias)
    taps, bias = weights(block, "convolution")
    mean, variance = weights(block, "normalization")
    y = (convolved(h, taps) + bias - mean) / np.sqrt(variance + 1e-5)
    assert_close(block([x, condition]), h + relu(gamma * y + beta))


def test_spade_by_instances_is_its_formula():
    x, m = normal(2, 6, 4, 3), normal(2, 3, 2, 2, seed=1)
    layer = scrambled(SPADE(16), x.shape, m.shape)
    hidden, gamma, beta = (
        weights(layer, f"{name}_convolution") for name in ("hidden", "gamma", "beta")
    )
    a = relu(convolved(m.repeat(2, 1).repeat(2, 2), hidden[0]) + hidden[1])
    n = (x - x.mean((1, 2), keepdims=True)) / np.sqrt(x.var((1, 2), keepdims=True) + 1e-5)
    gamma, beta = (convolved(a, kernel) + bias for kernel, bias in (gamma, beta))
    assert_close(layer([x, m]), n * (1 + gamma) + beta)


# All of them.

GATED = {
    "plain": SqueezeExcite2D,
    "effective": lambda **kwargs: SqueezeExcite2D("effective", **kwargs),
    "concurrent": lambda **kwargs: SqueezeExcite2D("concurrent", **kwargs),
    "CBAM2D": CBAM2D,
    "EfficientChannelAttention2D": EfficientChannelAttention2D,
}
CONDITIONED = {
    "AdaIN": AdaIN,
    "ModulatedConv2D": ModulatedConv2D,
    "ConditionalLayerNormalization": ConditionalLayerNormalization,
}


@pytest.mark.parametrize("make", GATED.values(), ids=GATED)
def test_channels_first_is_channels_last_transposed(make):
    x = normal(*IMAGE)
    layer = scrambled(make(data_format="channels_last"), IMAGE)
    first = make(data_format="channels_first")
    first.build((2, 6, 4, 3))
    first.set_weights(layer.get_weights())
    assert_close(first(np.moveaxis(x, -1, 1)), np.moveaxis(np.asarray(layer(x)), -1, 1))


@pytest.mark.parametrize("make", CONDITIONED.values(), ids=CONDITIONED)
def test_channels_first_of_a_condition_is_channels_last_transposed(make):
    x, condition = normal(*IMAGE), normal(2, 7, seed=1)
    layer = scrambled(make(data_format="channels_last"), IMAGE, (2, 7))
    first = make(data_format="channels_first")
    first.build([(2, 6, 4, 3), (2, 7)])
    first.set_weights(layer.get_weights())
    y = np.asarray(layer([x, condition]))
    assert_close(first([np.moveaxis(x, -1, 1), condition]), np.moveaxis(y, -1, 1))


def test_an_image_and_its_style_may_both_have_their_channels_first():
    x, style = normal(*IMAGE), normal(2, 3, 2, 6, seed=1)
    y = np.asarray(AdaIN()([x, style]))
    first = AdaIN(data_format="channels_first")
    assert_close(first([np.moveaxis(t, -1, 1) for t in (x, style)]), np.moveaxis(y, -1, 1))


@pytest.mark.parametrize("make", CONDITIONED.values(), ids=CONDITIONED)
def test_squares_of_large_values_do_not_overflow(make):
    x, condition = 1e4 * normal(2, 8, 8, 6), normal(2, 7, seed=1)
    layer = make(dtype="mixed_float16")
    y = np.asarray(layer([x, condition]), "float64")
    exact = make(dtype="float32")
    exact.build([x.shape, condition.shape])
    exact.set_weights(layer.get_weights())
    expected = np.asarray(exact([x, condition]))
    assert np.abs(y - expected).max() <= 2**-8 * np.abs(expected).max()


@pytest.mark.parametrize("make", GATED.values(), ids=GATED)
@pytest.mark.parametrize("built", [False, True])
def test_what_is_no_image_is_refused(make, built):
    layer = make()
    if built:
        layer(normal(*IMAGE))
    for wrong in (normal(2, 5), normal(2, 6, 5), normal(2, 1, 4, 3, 5), keras.Input((4, 3, None))):
        with pytest.raises(ValueError, match="Received: "):
            layer(wrong)


@pytest.mark.parametrize("make", CONDITIONED.values(), ids=CONDITIONED)
@pytest.mark.parametrize("built", [False, True])
def test_what_does_not_fit_is_refused_on_every_call(make, built):
    layer, x, condition = make(), normal(2, 4, 3, 5), normal(2, 7)
    if built:
        layer([x, condition])
    for wrong in (
        x,
        None,
        [x],
        [x, condition, condition],
        [x, [1.0, 2.0]],
        [x, condition.astype("int32")],
        [x.astype("int64"), condition],
        [x, condition[:1]],
        [x, normal(2, 3, 7)],
        [x, normal(2, 4, 2, 7)],
        [x, normal(2)],
        [normal(2), condition],
    ):
        with pytest.raises(ValueError, match=r"Expected .* Received: "):
            layer(wrong)


def test_adain_needs_positions():
    with pytest.raises(ValueError, match="`x` to have positions"):
        AdaIN()([normal(2, 5), normal(2, 5)])


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (SqueezeExcite2D, {"mode": "spatial"}),
        (SqueezeExcite2D, {"ratio": -1.0}),
        (SqueezeExcite2D, {"hidden_units": 0}),
        (SqueezeExcite2D, {"merge": "mean"}),
        (SqueezeExcite2D, {"data_format": "first"}),
        (CBAM2D, {"ratio": "all"}),
        (CBAM2D, {"hidden_units": 1.5}),
        (CBAM2D, {"kernel_size": 0}),
        (EfficientChannelAttention2D, {"kernel_size": 0}),
        (AdaIN, {"epsilon": -1e-5}),
        (ModulatedConv2D, {"filters": 0}),
        (ModulatedConv2D, {"kernel_size": (3, 3)}),
        (ModulatedConv2D, {"epsilon": None}),
        (ConditionalLayerNormalization, {"epsilon": -1.0}),
    ],
)
def test_arguments_out_of_range_are_refused(make, arguments):
    with pytest.raises(ValueError, match=r"Expected .* Received: "):
        make(**arguments)
