"""Properties of masks: what is dropped, what is closed, and who sees whom."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.properties import assert_close, float64, normal  # noqa: F401

from keras_hadamard.layers import (
    DropBlock2D,
    DropConnect,
    DropPath,
    HardConcreteGate,
    MaskedConv2D,
    MaskedDense,
    StarBlock2D,
)


def positive(*layers, shape):
    """A model of these layers in which nothing cancels."""
    model = keras.Sequential([keras.Input(shape), *layers])
    model.set_weights([np.abs(w) + 0.1 for w in model.get_weights()])
    return model


def sees(layer, x):
    """Which numbers of an example's input reach which of its output."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
    jacobian = np.asarray(tape.jacobian(y, x))
    return jacobian.reshape(*y.shape[1:], *x.shape[1:]) != 0


# Random masks.

RANDOM = {
    "DropPath": (lambda **k: DropPath(seed=1, **k), (8, 3)),
    "DropConnect": (lambda **k: DropConnect(4, seed=1, kernel_initializer="ones", **k), (8, 3)),
    "DropBlock2D": (lambda **k: DropBlock2D(block_size=3, seed=1, **k), (2, 9, 8, 3)),
}
EACH = pytest.mark.parametrize("name", RANDOM)


@EACH
def test_without_a_rate_or_training_nothing_is_dropped(name):
    make, shape = RANDOM[name]
    x = normal(*shape)
    plain = x if name != "DropConnect" else np.repeat(x.sum(-1, keepdims=True), 4, -1)
    assert_close(make(rate=0.0)(x, training=True), plain)
    assert_close(make(rate=0.6)(x), plain)
    assert np.abs(make(rate=0.6)(x, training=True) - plain).max() > 0.1


@EACH
def test_the_mean_is_kept(name):
    make, shape = RANDOM[name]
    layer, x = make(rate=0.3), tf.ones(shape, "float64")
    run = tf.function(lambda: layer(x, training=True), autograph=False)
    draws = np.array([run() for _ in range(400)])
    plain = np.asarray(layer(x))
    means = draws.reshape(400, -1).mean(1) / plain.mean()
    # Within three standard errors; DropBlock keeps the mean of each draw, to a float32.
    assert abs(means.mean() - 1) <= 3 * means.std() / 400**0.5 + 1e-7


@pytest.mark.parametrize("rank", [2, 3, 4])
def test_drop_path_drops_whole_examples_and_scales_the_others(rank):
    x = normal(500, *[3] * (rank - 1))
    y = np.asarray(DropPath(0.2, seed=1)(x, training=True))
    dropped = (y == 0).reshape(500, -1)
    assert (dropped.all(1) == dropped.any(1)).all()
    assert 0.14 < dropped.all(1).mean() < 0.26
    kept = ~dropped.all(1)
    assert_close(y[kept], x[kept] / 0.8)


def test_the_blocks_drop_by_it():
    block = StarBlock2D(drop_path=0.4, seed=3)
    block.build((None, 4, 4, 5))
    assert isinstance(block.drop, DropPath)
    assert (block.drop.rate, block.drop.seed) == (0.4, 3)


def test_drop_connect_drops_weights_and_scales_the_others():
    layer = DropConnect(40, 0.2, seed=1, use_bias=False)
    kernel = np.asarray(layer(np.eye(50)))
    dropped = np.asarray(layer(np.eye(50), training=True))
    zero = dropped == 0
    assert 0.15 < zero.mean() < 0.25
    assert_close(dropped[~zero], kernel[~zero] / 0.8)


def test_drop_connect_out_of_training_is_dense():
    layer, dense = DropConnect(4, activation="tanh"), keras.layers.Dense(4, activation="tanh")
    x = normal(2, 3, 5)
    layer(x), dense(x)
    layer.set_weights([*dense.get_weights(), *layer.get_weights()[2:]])
    np.testing.assert_array_equal(layer(x), dense(x))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("known", [True, False])
def test_drop_block_drops_squares(size, known):
    layer = DropBlock2D(0.05, size, seed=1)
    spec = tf.TensorSpec((None, 12, 11, 1) if known else (None, None, None, 1), "float64")
    run = tf.function(lambda x: layer(x, training=True), input_signature=[spec], autograph=False)
    zero = np.asarray(run(np.ones((60, 12, 11, 1))))[..., 0] == 0
    assert zero.any()
    windows = np.lib.stride_tricks.sliding_window_view(zero, (size, size), (1, 2)).all((-1, -2))
    # All that is zero is covered by whole squares of zeros.
    covered = np.zeros_like(zero)
    for i, j in np.ndindex(size, size):
        covered[:, i : i + windows.shape[1], j : j + windows.shape[2]] |= windows
    np.testing.assert_array_equal(covered, zero)


@pytest.mark.parametrize("size", [1, 2, 5, 6])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_drop_block_drops_about_its_rate(size, data_format):
    layer = DropBlock2D(0.1, size, seed=1, data_format=data_format)
    shape = (100, 20, 20, 2) if data_format == "channels_last" else (100, 2, 20, 20)
    y = np.asarray(layer(np.ones(shape), training=True))
    assert 0.075 < (y == 0).mean() < 0.115
    assert_close(y.mean(), 1, 1e-6)
    channels = np.moveaxis(y, 1 if data_format == "channels_first" else -1, 0)
    np.testing.assert_array_equal(channels[0], channels[1])


@pytest.mark.parametrize("known", [True, False])
def test_drop_block_of_an_image_that_is_smaller(known):
    layer = DropBlock2D(0.3, 7, seed=1)
    spec = tf.TensorSpec((None, 5, 5, 1) if known else (None, None, None, 1), "float64")
    run = tf.function(lambda x: layer(x, training=True), input_signature=[spec], autograph=False)
    zero = (np.asarray(run(np.ones((400, 5, 5, 1)))) == 0).reshape(400, -1)
    assert (zero.all(1) == zero.any(1)).all()
    assert 0.23 < zero.mean() < 0.37


# Gates that close.


def test_deterministic_gate_is_the_formula():
    layer = HardConcreteGate(0.0, axis=1)
    x = normal(2, 5, 3)
    layer.build(x.shape)
    log_alpha = np.array([-3.0, -1.0, 0.0, 1.0, 3.0])
    layer.log_alpha.assign(log_alpha)
    gate = np.clip(1.2 / (1 + np.exp(-log_alpha)) - 0.1, 0, 1)
    assert_close(layer(x), x * gate[:, None])
    assert layer.open_gates() == 4


def test_penalty_is_the_frequency_of_open_gates():
    layer = HardConcreteGate(2.0, per_sample=True, seed=1)
    x = np.ones((20000, 4))
    layer.build(x.shape)
    layer.log_alpha.assign([-2.0, -0.5, 0.5, 2.0])
    open_share = (np.asarray(layer(x, training=True)) > 0).mean(0)
    (loss,) = layer.losses
    # Four standard errors.
    assert abs(2 * open_share.sum() - float(loss)) < 2 * 4 * (4 * 0.25 / 20000) ** 0.5
    layer(x), layer(x)
    assert len(layer.losses) == 1
    free = HardConcreteGate(0.0)
    free(x)
    assert not free.losses


@pytest.mark.parametrize("per_sample", [True, False])
def test_gates_of_a_batch_and_of_a_sample(per_sample):
    layer = HardConcreteGate(0.0, per_sample=per_sample, seed=1)
    x = np.ones((6, 3, 5))
    y = np.asarray(layer(x, training=True))
    assert (y == y[:, :1]).all()
    assert (y == y[:1]).all() != per_sample
    assert np.abs(y - np.asarray(layer(x, training=True))).max() > 0.1


def test_gates_start_by_their_rate_and_stay_in_bounds():
    layer = HardConcreteGate(1.0, droprate_init=0.2, seed=1)
    layer.build((None, 200))
    start = np.asarray(layer.log_alpha)
    assert abs(start.mean() - np.log(4)) < 4 * 0.01 / 200**0.5
    assert 0.008 < start.std() < 0.012
    layer.log_alpha.assign(layer.log_alpha.constraint(np.linspace(-9, 9, 200)))
    assert_close([np.min(layer.log_alpha), np.max(layer.log_alpha)], np.log([0.01, 100]))


def test_training_closes_the_gates_that_help_nothing():
    x = tf.constant(normal(256, 6))
    y = 2 * x[:, :1] - 3 * x[:, 1:2]
    gate, dense = HardConcreteGate(0.3, seed=1), keras.layers.Dense(1)
    model = keras.Sequential([keras.Input((6,), dtype="float64"), gate, dense])
    optimizer = keras.optimizers.Adam(0.05)
    optimizer.build(model.trainable_variables)

    @tf.function(autograph=False)
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(x, training=True) - y) ** 2) + model.losses[0]
        variables = [v.value for v in model.trainable_variables]
        optimizer.apply(tape.gradient(loss, variables), model.trainable_variables)

    for _ in range(300):
        step()
    shown = np.asarray(gate(np.ones((1, 6))))[0]
    assert (shown[:2] > 0.5).all() and not shown[2:].any()
    assert gate.open_gates() == 2


# Fixed masks.


def test_dense_with_a_mask_of_ones_is_dense():
    layer = MaskedDense(4, np.ones((5, 4)), activation="tanh")
    dense = keras.layers.Dense(4, activation="tanh")
    x = normal(2, 3, 5)
    layer(x), dense(x)
    layer.set_weights(dense.get_weights())
    np.testing.assert_array_equal(layer(x), dense(x))


@pytest.mark.parametrize("mask", [np.ones((3, 2)), np.ones((3, 2, 5, 4))], ids=["2d", "4d"])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_convolution_with_a_mask_of_ones_is_convolution(mask, padding):
    options = {"padding": padding, "activation": "tanh", "strides": 2}
    layer, plain = (
        MaskedConv2D(4, (3, 2), mask, **options),
        keras.layers.Conv2D(4, (3, 2), **options),
    )
    x = normal(2, 6, 4, 5)
    layer(x), plain(x)
    layer.set_weights(plain.get_weights())
    np.testing.assert_array_equal(layer(x), plain(x))


def test_channels_first_is_channels_last_transposed():
    options = {"bias_initializer": "normal", "activation": "tanh"}
    last, first = (
        MaskedConv2D(4, 3, "A", data_format=f"channels_{where}", **options)
        for where in ("last", "first")
    )
    x = normal(2, 6, 4, 5)
    y = np.asarray(last(x))
    first.build((None, 5, 6, 4))
    first.set_weights(last.get_weights())
    assert_close(first(np.moveaxis(x, -1, 1)), np.moveaxis(y, -1, 1))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (MaskedDense(4, [[1, 0, 0, 1], [0, 1, 1, 0], [1, 1, 0, 0]]), (2, 3)),
        (MaskedConv2D(6, 3, "A", 3), (2, 4, 4, 3)),
        (MaskedConv2D(6, 3, "rows"), (2, 4, 4, 3)),
    ],
    ids=["dense", "pixels", "rows"],
)
def test_masked_weights_neither_count_nor_learn(layer, shape):
    x = tf.constant(normal(*shape))
    layer = type(layer).from_config({**layer.get_config(), "dtype": "float64"})
    layer(x)
    mask = np.broadcast_to(layer.kernel_mask, layer.kernel.shape)
    assert 0 < mask.mean() < 1
    with tf.GradientTape() as tape:
        y = layer(x)
        loss = tf.reduce_sum(y**2)
    gradient = np.asarray(tape.gradient(loss, layer.kernel.value))
    np.testing.assert_array_equal(gradient != 0, mask == 1)
    layer.kernel.assign(np.where(mask, layer.kernel, 7.0))
    np.testing.assert_array_equal(layer(x), y)


def test_causal_dense_sees_what_was_before():
    seen = sees(positive(MaskedDense(5, "causal"), shape=(5,)), normal(1, 5))
    np.testing.assert_array_equal(seen, np.tril(np.ones((5, 5))))


def made(features, hidden, outputs=1):
    layers = [MaskedDense(hidden[0], "made_input", features)]
    layers += [MaskedDense(units, "made_hidden", features) for units in hidden[1:]]
    layers += [MaskedDense(features * outputs, "made_output", features)]
    return positive(*layers, shape=(features,))


@pytest.mark.parametrize("features", [1, 2, 5])
@pytest.mark.parametrize("hidden", [(7,), (8, 11), (4, 8, 9)])
@pytest.mark.parametrize("outputs", [1, 3])
def test_made_is_autoregressive(features, hidden, outputs):
    seen = sees(made(features, hidden, outputs), normal(1, features))
    # All the variables before one, and nothing else.
    expected = np.repeat(np.tril(np.ones((features, features)), -1), outputs, 0)
    np.testing.assert_array_equal(seen, expected)


def pixels(*layers, channels=1):
    """(row, column, filter) of the output by (row, column, channel) of the input."""
    return sees(positive(*layers, shape=(5, 5, channels)), normal(1, 5, 5, channels))


@pytest.mark.parametrize("kind", ["A", "B"])
def test_a_pixel_sees_neither_later_pixels_nor_with_a_itself(kind):
    seen = pixels(MaskedConv2D(2, 3, kind), MaskedConv2D(2, 5, "B"), MaskedConv2D(1, 3))
    order = np.arange(25)
    allowed = order[None, :] < order[:, None] if kind == "A" else order[None, :] <= order[:, None]
    flat = seen[:, :, 0, :, :, 0].reshape(25, 25)
    assert not flat[~allowed].any()
    # The neighbours above, to the left, and the pixel itself.
    assert flat[12, [6, 7, 8, 11]].all() and flat[12, 12] == (kind == "B")


@pytest.mark.parametrize("kind", ["A", "B"])
def test_colours_of_a_pixel_see_those_before_them(kind):
    seen = pixels(MaskedConv2D(6, 3, kind, 3), MaskedConv2D(3, 3, "B", 3), channels=3)
    own = seen[2, 2, :, 2, 2]
    np.testing.assert_array_equal(own, np.tril(np.ones((3, 3)), 0 if kind == "B" else -1))
    assert seen[2, 2, :, 1, 2].all() and seen[2, 2, :, 2, 1].all()
    assert not seen[2, 2, :, 2, 3].any() and not seen[2, 2, :, 3].any()


def test_rows_see_the_rows_before_them_and_their_own():
    seen = pixels(MaskedConv2D(1, 3, "rows"), MaskedConv2D(1, 5, "rows", dilation_rate=2))
    row = seen[2, 2, 0, :, :, 0]
    assert row[:3].any(1).all() and row[2, [1, 2, 3]].all() and not row[3:].any()


def test_masks_are_saved(tmp_path):
    mask = np.array([[1, 0], [0, 1], [1, 1]])
    model = keras.Sequential([keras.Input((3,)), MaskedDense(2, mask)])
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.layers[0].kernel_mask, mask)
    np.testing.assert_array_equal(model(normal(2, 3)), again(normal(2, 3)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DropPath(1.0), "`rate`"),
        (lambda: DropConnect(4, -0.1), "`rate`"),
        (lambda: DropConnect(0), "`units`"),
        (lambda: DropBlock2D(0.1, 0), "`block_size`"),
        (lambda: HardConcreteGate(-1.0), "`penalty`"),
        (lambda: HardConcreteGate(0.1, droprate_init=0.0), "`droprate_init`"),
        (lambda: HardConcreteGate(0.1, temperature=0.0), "`temperature`"),
        (lambda: MaskedDense(4, "casual"), "did you mean 'causal'"),
        (lambda: MaskedDense(4, [[0.5]]), "zeros and ones"),
        (lambda: MaskedDense(4, None), "zeros and ones"),
        (lambda: MaskedDense(4, "causal", features=0), "`features`"),
        (lambda: MaskedConv2D(4, 3, "C"), "`mask`"),
        (lambda: MaskedConv2D(4, 3, channel_groups=0), "`channel_groups`"),
        (lambda: MaskedConv2D(4, 3, groups=2), "`groups`"),
    ],
)
def test_arguments_out_of_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (MaskedDense(4, np.ones((4, 5))), (2, 5), r"mask of shape \(5, 4\)"),
        (MaskedDense(4, np.ones(4)), (2, 5), r"mask of shape \(5, 4\)"),
        (MaskedDense(4), (2, 5), "as many units as inputs"),
        (MaskedDense(4, "made_hidden"), (2, 5), "`features`"),
        (MaskedDense(4, "made_input", 4), (2, 5), "as many inputs"),
        (MaskedDense(4, "made_output", 3), (2, 5), "multiple of `features`"),
        (MaskedDense(4), (2, None), "known width"),
        (MaskedConv2D(4, 3, np.ones((3, 2))), (2, 4, 4, 3), r"mask of shape \(3, 3\)"),
        (MaskedConv2D(4, 2), (2, 4, 4, 3), "odd kernel"),
        (MaskedConv2D(4, 3, "A", 3), (2, 4, 4, 3), "multiples of `channel_groups`"),
        (MaskedConv2D(4, 3), (2, 4, 4, None), "known channels"),
        (HardConcreteGate(0.1), (2, None), "known channels"),
    ],
)
def test_inputs_that_do_not_fit(layer, shape, message):
    with pytest.raises(ValueError, match=message):
        layer.build(shape)
