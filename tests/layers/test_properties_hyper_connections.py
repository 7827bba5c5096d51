"""Properties of hyper-connections."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.properties import assert_close, float64, normal  # noqa: F401

from keras_hadamard.layers import HyperConnections, LinearAttention

SHAPE = (2, 5, 3, 4)


def scrambled(layer, shape=SHAPE):
    layer.build(shape)
    for i, weight in enumerate(layer.weights):
        weight.assign(normal(*weight.shape, seed=10 + i))
    return layer


def values(layer):
    return {w.name: np.asarray(w) for w in layer.weights if "branch" not in w.path}


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("activation", ["tanh", None])
def test_it_is_its_formula_stream_by_stream(dynamic, activation):
    branch = keras.layers.Dense(4, name="branch")
    layer = scrambled(HyperConnections(branch, 3, 0, dynamic, activation))
    x, w = normal(*SHAPE), values(layer)
    kernel, bias = branch.get_weights()
    act = np.tanh if activation else lambda v: v
    expected = np.zeros(SHAPE)
    for place in np.ndindex(2, 5):
        h = x[place]
        read, mixing, write = (np.copy(w[name]) for name in ("read", "mixing", "write"))
        if dynamic:
            for s in range(3):
                n = h[s] / np.sqrt((h[s] ** 2).mean()) * (1 + w["gamma"])
                gates = act(n @ w["gate_kernel"])
                read[s] += w["read_scale"] * gates[0]
                mixing[s] += w["read_scale"] * gates[1:4]
                write[s] += w["write_scale"] * gates[4]
        f = read @ h @ kernel + bias
        for s in range(3):
            expected[place][s] = mixing[:, s] @ h + write[s] * f
    assert_close(layer(x), expected, 1e-11)


@pytest.mark.parametrize("index", [0, 2, 7])
def test_it_starts_as_a_skip_that_reads_one_stream(index):
    branch = keras.layers.Dense(4, bias_initializer="ones")
    layer = HyperConnections(branch, 3, index)
    x = normal(*SHAPE)
    f = np.asarray(branch(x[:, :, index % 3]))
    assert_close(layer(x), x + f[:, :, None])
    equal = np.repeat(x[:, :, :1], 3, 2)
    f = np.asarray(branch(x[:, :, :1]))
    assert_close(layer(equal), equal + f)


def test_a_network_of_equal_streams_is_one_of_skips():
    x = keras.Input((5, 4))
    dense = [keras.layers.Dense(4, activation="tanh") for _ in range(3)]
    y = keras.ops.repeat(x[:, :, None], 3, axis=2)
    for i, layer in enumerate(dense):
        y = HyperConnections(layer, 3, i)(y)
    model = keras.Model(x, keras.ops.mean(y, axis=2))
    y = x
    for layer in dense:
        y = y + layer(y)
    given = normal(2, 5, 4)
    assert_close(model(given), keras.Model(x, y)(given))


def test_one_stream_without_gates_is_a_scaled_skip():
    layer = HyperConnections(keras.layers.Dense(4), 1, dynamic=False)
    x = normal(2, 5, 1, 4)
    layer.build(x.shape)
    for name, value in (("read", [2.0]), ("mixing", [[0.5]]), ("write", [3.0])):
        getattr(layer, name).assign(value)
    assert_close(layer(x), 0.5 * x + 3 * np.asarray(layer.branch(2 * x[:, :, 0]))[:, :, None])


def test_a_stream_of_zeros_has_finite_gradients():
    layer = scrambled(HyperConnections(keras.layers.Dense(4), 3))
    x = normal(*SHAPE)
    x[:, :, 1] = 0
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(layer(x) ** 2)
    for gradient in tape.gradient(y, [x, *(w.value for w in layer.trainable_weights)]):
        assert np.isfinite(gradient).all() and np.any(gradient)


def test_the_mask_reaches_the_layer_and_is_passed_on():
    layer = scrambled(HyperConnections(LinearAttention(heads=2), 3), (2, 6, 3, 4))
    assert "branch" in layer.get_config()
    x = normal(2, 6, 3, 4)
    mask = np.array([[True] * 4 + [False] * 2] * 2)
    expected = np.asarray(layer(x[:, :4]))
    x[:, 4:] = 100.0
    assert_close(np.asarray(layer(x, mask=mask))[:, :4], expected)
    seen = keras.Input((6, 3, 4))
    masked = layer(seen, mask=keras.Input((6,), dtype="bool"))
    assert masked.shape == (None, 6, 3, 4)


def test_images_have_streams_too():
    branch = keras.layers.DepthwiseConv2D(3, padding="same")
    layer = HyperConnections(branch, 2)
    x = np.repeat(normal(2, 4, 5, 1, 3), 2, 3)
    assert_close(layer(x), x + np.asarray(branch(x[..., 0, :]))[..., None, :])


def test_it_is_saved_with_its_layer(tmp_path):
    layer = HyperConnections(keras.layers.Dense(4, activation="relu"), 3, dynamic=False)
    model = keras.Sequential([keras.Input(SHAPE[1:]), scrambled(layer)])
    config = json.loads(json.dumps(layer.get_config()))
    assert HyperConnections.from_config(config).branch.activation is keras.activations.relu
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again(normal(*SHAPE)), model(normal(*SHAPE)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: HyperConnections("dense"), "`branch` to be a Keras layer"),
        (lambda: HyperConnections(keras.layers.Dense(4), 0), "`streams`"),
        (lambda: HyperConnections(keras.layers.Dense(4), index=-1), "`index`"),
        (lambda: HyperConnections(keras.layers.Dense(4), activation="no such"), "no such"),
        (lambda: HyperConnections(keras.layers.Dense(4), 2)(normal(*SHAPE)), "2, width"),
        (lambda: HyperConnections(keras.layers.Dense(5), 3)(normal(*SHAPE)), "keeps the shape"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
