"""Properties of the layers that a condition or a map modulates."""

import keras
import numpy as np
import pytest
from harness.properties import assert_close, float64, normal  # noqa: F401

from keras_hadamard.layers import SPADE, ConditionalBatchNormalization, FiLM, FiLMResidualBlock2D
from keras_hadamard.layers._normalization import BatchNormalization
from keras_hadamard.layers.modulation.spade import nearest

POSITIONS = ["input", "convolution", "norm", "relu", "output"]


def tensor(*shape):
    return keras.Input(shape, dtype="float64")


def scramble(layer):
    """No weight and no statistic stays where it starts."""
    for i, weight in enumerate(layer.weights):
        value = normal(*weight.shape, seed=10 + i)
        weight.assign(np.abs(value) if "variance" in weight.name else value)
    return layer


def relu(x):
    return np.maximum(x, 0)


# The residual block.


def test_without_a_condition_it_is_the_plain_residual_block():
    x, h = tensor(4, 3, 5), keras.layers.Conv2D(6, 1, activation="relu", name="in")
    h = h(x)
    y = keras.layers.Conv2D(6, 3, padding="same")(h)
    y = keras.layers.BatchNormalization(epsilon=1e-5, center=False, scale=False)(y)
    plain = scramble(keras.Model(x, h + keras.ops.relu(y)))
    image, condition = normal(2, 4, 3, 5), normal(2, 7, seed=1)
    expected = np.asarray(plain(image))
    for position in POSITIONS:
        block = FiLMResidualBlock2D(6, film_position=position)
        y = np.asarray(block([image, condition]))
        block.set_weights([*plain.get_weights(), *(np.zeros_like(w) for w in _film(block))])
        assert_close(block([image, condition]), expected)
        assert np.abs(y - expected).max() > 0.1


def _film(block):
    return block.film.get_weights()


@pytest.mark.parametrize("position", POSITIONS)
def test_the_condition_modulates_at_its_position(position):
    x, condition = normal(2, 4, 3, 5), normal(2, 7, seed=1)
    block = FiLMResidualBlock2D(6, film_position=position, gamma_offset=0.5)
    block.build([x.shape, condition.shape])
    scramble(block)
    kernel, bias = _film(block)
    gamma, beta = np.split((condition @ kernel + bias)[:, None, None], 2, axis=-1)

    def at(here, value):
        value = np.asarray(value)
        return (gamma + 0.5) * value + beta if here == position else value

    h = block.input_convolution(at("input", x))
    y = at("norm", block.normalization(at("convolution", block.convolution(h))))
    assert_close(block([x, condition]), at("output", h + at("relu", relu(y))))
    # The shortcut has passed an activation: it is not the input of the block.
    assert (np.asarray(h) >= 0).all()


def test_maps_are_more_channels():
    x, condition, maps = normal(2, 4, 3, 5), normal(2, 7, seed=1), normal(2, 4, 3, 2, seed=2)
    apart, joined = FiLMResidualBlock2D(6), FiLMResidualBlock2D(6)
    y = apart([x, condition, maps])
    joined.build([(2, 4, 3, 7), (2, 7)])
    joined.set_weights(apart.get_weights())
    assert_close(joined([np.concatenate([x, maps], -1), condition]), y)


def test_a_seed_makes_no_two_kernels_alike():
    initializer = keras.initializers.RandomNormal(seed=1)
    for make in (FiLMResidualBlock2D, SPADE):
        layer = make(6, kernel_initializer=initializer)
        layer.build([(2, 4, 3, 6), (2, 4, 3, 6)])
        starts = {tuple(np.ravel(w)[:3]) for w in layer.weights if w.name == "kernel"}
        assert len(starts) == 3


# Conditional batch normalisation.


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("hidden", [None, 3])
@pytest.mark.parametrize("masked", [False, True])
def test_it_starts_as_batch_normalisation(training, hidden, masked):
    x, condition = normal(4, 6, 5), normal(4, 7, seed=1)
    mask = np.array([[True] * 4 + [False] * 2] * 4) if masked else None
    layer, plain = ConditionalBatchNormalization(hidden), BatchNormalization()
    layer.build([x.shape, condition.shape])
    plain.build(x.shape)
    scramble(plain)
    for ours, theirs in ((layer, plain), (layer.normalization, plain)):
        for name in ("gamma", "beta") if ours is layer else ("moving_mean", "moving_variance"):
            getattr(ours, name).assign(getattr(theirs, name))
    expected = np.asarray(plain(x, training=training, mask=mask))
    valid = np.full(x.shape[:2], True) if mask is None else mask
    x[~valid] = np.nan
    got = layer([x, condition], training=training, mask=None if mask is None else [mask, None])
    assert_close(np.asarray(got)[valid], expected[valid])
    for name in ("moving_mean", "moving_variance"):
        assert_close(getattr(layer.normalization, name), getattr(plain, name))


@pytest.mark.parametrize("hidden", [None, 3])
@pytest.mark.parametrize("shape", [(5,), (6, 5), (3, 2, 5)])
def test_the_condition_moves_scale_and_shift(hidden, shape):
    x, condition = normal(4, *shape), normal(4, 7, seed=1)
    layer = ConditionalBatchNormalization(hidden, epsilon=0.01)
    layer.build([x.shape, condition.shape])
    scramble(layer)
    h = condition
    if hidden:
        kernel, bias = layer.hidden_projection.get_weights()
        h = relu(h @ kernel + bias)
    kernel, bias = layer.condition_projection.get_weights()
    middle = (4, *[1] * (len(shape) - 1), 5)
    gamma, beta = (part.reshape(middle) for part in np.split(h @ kernel + bias, 2, axis=-1))
    axes = tuple(range(len(shape)))
    normalized = (x - x.mean(axes)) / np.sqrt(x.var(axes) + 0.01)
    expected = (layer.gamma + gamma) * normalized + layer.beta + beta
    assert_close(layer([x, condition], training=True), expected)


def test_masked_positions_do_not_reach_the_others():
    x, condition = normal(4, 6, 5), normal(4, 7, seed=1)
    lengths = (
        tensor(6, 5),
        tensor(
            7,
        ),
    )
    layer = ConditionalBatchNormalization(momentum=0.0)
    model = keras.Model(lengths, layer([keras.layers.Masking()(lengths[0]), lengths[1]]))
    x[:, 4:] = 0
    model([x, condition], training=True)
    # Keras divides by the number of valid positions and 1e-7.
    assert_close(layer.normalization.moving_mean, x[:, :4].mean((0, 1)), 1e-6)


# SPADE.


def test_a_constant_map_is_film_of_what_is_normalised():
    x, value = normal(2, 7, 8, 5), normal(2, 3, seed=1)
    layer = SPADE(4, normalization="batch")
    y = np.asarray(layer([x, value]))
    for size in ((1, 1), (7, 8), (5, 3)):
        constant = np.broadcast_to(value[:, None, None], (2, *size, 3))
        assert_close(layer([x, np.array(constant)]), y)
    scramble(layer)
    taps = {w.path.split("/")[-2]: np.asarray(w) for w in layer.weights if w.name == "kernel"}
    hidden = value @ taps["hidden_convolution"].sum((0, 1)) + layer.hidden_convolution.bias
    film = FiLM(data_format="channels_last")
    film.build([(2, 7, 8, 5), (2, 4)])
    parts = ("gamma_convolution", "beta_convolution")
    film.set_weights(
        [
            np.concatenate([taps[part].sum((0, 1)) for part in parts], -1),
            np.concatenate([getattr(layer, part).bias for part in parts]),
        ]
    )
    got = np.asarray(layer([x, value]))
    expected = np.asarray(film([layer.norm(x), relu(hidden)]))
    assert_close(got[:, 2:-2, 2:-2], expected[:, 2:-2, 2:-2])
    assert np.abs(got - expected)[:, 0].max() > 0.1


SOURCES = {
    (3, 6): [0, 0, 1, 1, 2, 2],
    (4, 6): [0, 0, 1, 2, 2, 3],
    (6, 4): [0, 1, 3, 4],
    (5, 5): [0, 1, 2, 3, 4],
    (1, 3): [0, 0, 0],
}


@pytest.mark.parametrize("sizes", SOURCES)
def test_the_nearest_pixel_is_that_of_pytorch(sizes):
    small, (size, wanted) = normal(2, sizes[0], 2, 3), sizes
    expected = small[:, SOURCES[sizes]][:, :, [0, 0, 1, 1]]
    assert_close(nearest(keras.ops.array(small), np.zeros((2, wanted, 4, 1))), expected)
    known = tensor(wanted, 4, 1), tensor(size, 2, 3)
    unknown = tensor(None, None, 1), tensor(None, None, 3)
    layer = SPADE(4)
    models = [keras.Model(inputs, layer(list(inputs))) for inputs in (known, unknown)]
    x = normal(2, wanted, 4, 1, seed=1)
    outputs = [np.asarray(model([x, small])) for model in models]
    assert_close(outputs[0], outputs[1])
    assert_close(outputs[0], layer([x, expected]))


def test_batch_statistics_run_as_in_pytorch_and_instances_have_none():
    x, m = normal(3, 4, 5, 2), normal(3, 2, 2, 3, seed=1)
    batch, instance = SPADE(4, "batch"), SPADE(4)
    instance.build([x.shape, m.shape])
    assert not instance.non_trainable_weights
    y = np.asarray(instance([x, m], training=True))
    assert_close(instance([x[1:2], m[1:2]]), y[1:2])
    batch([x, m], training=True)
    assert_close(batch.norm.moving_mean, 0.1 * x.mean((0, 1, 2)))
    assert_close(batch.norm.moving_variance, 0.9 + 0.1 * x.var((0, 1, 2), ddof=1))
    # With convolutions that give nothing, normalisation is left.
    for kernel in instance.trainable_weights:
        kernel.assign(0 * kernel)
    mean, variance = x.mean((1, 2), keepdims=True), x.var((1, 2), keepdims=True)
    assert_close(instance([x, m]), (x - mean) / np.sqrt(variance + 1e-5))


# All of them.

LAYERS = {
    "FiLM": FiLM,
    "FiLMResidualBlock2D": lambda **kwargs: FiLMResidualBlock2D(4, **kwargs),
    "ConditionalBatchNormalization": lambda **kwargs: ConditionalBatchNormalization(3, **kwargs),
    "SPADE": lambda **kwargs: SPADE(4, **kwargs),
}
EVERY = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)


@EVERY
def test_channels_first_is_channels_last_transposed(make):
    x, condition = normal(2, 4, 3, 5), normal(2, 7, seed=1)
    last, first = make(data_format="channels_last"), make(data_format="channels_first")
    last.build([x.shape, condition.shape])
    first.build([(2, 5, 4, 3), condition.shape])
    first.set_weights(scramble(last).get_weights())
    y = last([x, condition])
    assert_close(first([np.moveaxis(x, -1, 1), condition]), np.moveaxis(np.asarray(y), -1, 1))


@EVERY
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
        [x, condition, x, x],
        [x, [1.0, 2.0]],
        [x, condition.astype("int32")],
        [x.astype("int64"), condition],
        [x, condition[:1]],
        [x[:1], condition],
        [x, normal(2, 3, 7)],
        [x, normal(2)],
        [normal(2), condition],
    ):
        with pytest.raises(ValueError, match=r"Expected .* Received: "):
            layer(wrong)


def test_sizes_that_do_not_fit_are_refused():
    x, condition = normal(2, 4, 3, 5), normal(2, 7)
    for layer in (FiLM(), ConditionalBatchNormalization(), FiLMResidualBlock2D(4)):
        with pytest.raises(ValueError, match="positions of `x`"):
            layer([x, normal(2, 3, 4, 7)])
        assert layer([x, normal(2, 1, 3, 7)]).shape[:3] == (2, 4, 3)
    block = FiLMResidualBlock2D(4)
    with pytest.raises(ValueError, match="size of `x`"):
        block([x, condition, normal(2, 4, 4, 2)])
    for layer in (block, SPADE(4)):
        with pytest.raises(ValueError, match="an image"):
            layer([normal(2, 6, 5), condition])
    with pytest.raises(ValueError, match="of known channels, or"):
        SPADE(4)([x, normal(2, 4, 7)])


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (FiLMResidualBlock2D, {"filters": 0}),
        (FiLMResidualBlock2D, {"filters": 4, "kernel_size": 1.5}),
        (FiLMResidualBlock2D, {"filters": 4, "input_kernel_size": 0}),
        (FiLMResidualBlock2D, {"filters": 4, "film_position": "norms"}),
        (ConditionalBatchNormalization, {"hidden_units": 0}),
        (ConditionalBatchNormalization, {"momentum": 1.0}),
        (ConditionalBatchNormalization, {"epsilon": -1.0}),
        (SPADE, {"hidden_units": True}),
        (SPADE, {"normalization": "layer"}),
        (SPADE, {"kernel_size": 0}),
        (SPADE, {"data_format": "first"}),
    ],
)
def test_arguments_out_of_range_are_refused(make, arguments):
    with pytest.raises(ValueError, match=r"Expected .* Received: "):
        make(**arguments)
