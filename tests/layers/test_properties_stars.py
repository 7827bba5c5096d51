"""Properties of the star operation, of MONet's layers and of depthwise convolutions as layers."""

import keras
import numpy as np
import pytest
from harness.properties import assert_close, float64, normal  # noqa: F401

from keras_hadamard.layers import DemoBlock2D, MuLayer, PolyBlock, StarBlock2D, StarOperation
from keras_hadamard.layers._depthwise_conv import DepthwiseConv2D
from keras_hadamard.layers._fan_in import FanInUniform


def misfit(layer, degree, shape, points):
    """How far the output along a line is from a polynomial of the degree."""
    t = np.linspace(-1, 1, points)
    direction = normal(1, *shape)
    y = np.asarray(layer(t.reshape(-1, *[1] * len(shape)) * direction)).reshape(points, -1)
    fit = np.polynomial.polynomial
    again = fit.polyval(t, fit.polyfit(t, y, degree)).T
    return np.abs(again - y).max() / np.abs(y).max()


@pytest.mark.parametrize(
    ("layer", "degree"),
    [
        (lambda: MuLayer(normalize=False), 2),
        (lambda: MuLayer(normalize=False, use_spatial_shift=True, use_alpha=False), 2),
        (lambda: PolyBlock(2, normalize=False), 4),
        (lambda: StarOperation(activation=None), 2),
        (lambda: StarOperation(activation=None, mode="add"), 1),
    ],
)
def test_without_normalisation_it_is_a_polynomial_of_the_degree(layer, degree):
    layer, shape = layer(), (3, 4, 8)
    assert misfit(layer, degree, shape, degree + 4) < 1e-10
    assert misfit(layer, degree - 1, shape, degree + 4) > 1e-5


@pytest.mark.parametrize("layer", [MuLayer, PolyBlock])
def test_with_layer_normalisation_it_is_no_polynomial(layer):
    assert misfit(layer(), 6, (3, 4, 8), 12) > 1e-4


def test_mu_layer_is_dense_where_alpha_is_zero():
    layer = MuLayer(3, hidden_units=8, normalize=False)
    x = normal(2, 5)
    layer(x)
    layer.alpha.assign(0.0)
    assert_close(layer(x), layer.output_projection(layer.value_projection(x)))
    assert tuple(layer.gate_projection.kernel.shape) == (1, 8)


def test_mu_layer_of_full_rank_is_any_product():
    # With D the identity, B of full rank: a (1 + b) for any b.
    layer = MuLayer(4, rank=5, normalize=False, use_bias=False)
    layer.build((None, 5))
    a, b, c = normal(5, 4), normal(5, 4, seed=1), normal(4, 4, seed=2)
    for part, kernel in (
        (layer.value_projection, a),
        (layer.reduction, np.eye(5)),
        (layer.gate_projection, b),
        (layer.output_projection, c),
    ):
        part.set_weights([kernel])
    x = normal(3, 5, seed=3)
    assert_close(layer(x), ((x @ a) * (1 + x @ b)) @ c)


def test_initial_weights_of_the_mu_layer_are_as_published():
    layer = MuLayer(64, hidden_units=512)
    layer.build((None, 256))
    for branch, fan_in in (
        (layer.value_projection, 256),
        (layer.reduction, 256),
        (layer.gate_projection, 64),
    ):
        assert (np.asarray(branch.bias) == 1).all()
        # The spread of 2,048 draws or more, which is itself drawn to within 2 %.
        np.testing.assert_allclose(np.std(branch.kernel), (2 / fan_in) ** 0.5, rtol=0.05)
    assert (np.asarray(layer.output_projection.bias) == 0).all()
    assert float(layer.alpha) == 1


def test_the_shift_alone_lets_pixels_meet():
    x = normal(1, 5, 5, 8)
    other = x.copy()
    other[0, 2, 2] += 1
    # Every channel moves, so a pixel reaches its four neighbours and no longer itself.
    neighbours = {(1, 2), (3, 2), (2, 1), (2, 3)}
    for spatial, reached in ((False, {(2, 2)}), (True, neighbours)):
        layer = MuLayer(hidden_units=32, use_spatial_shift=spatial)
        changed = np.abs(np.asarray(layer(other)) - layer(x)).max(-1)[0] > 1e-9
        assert {(int(h), int(w)) for h, w in np.argwhere(changed)} == reached


def test_both_mu_layers_of_a_block_share_one_normalisation():
    shared, own = PolyBlock(), PolyBlock(shared_normalization=False)
    x = normal(2, 3, 3, 8)
    shared(x), own(x)
    assert len(own.weights) == len(shared.weights) + 2
    weights = shared.get_weights()
    shared.normalizations[0].gamma.assign(2 * np.ones(8))
    assert np.abs(shared(x) - own(x)).max() > 0
    # Two equal normalisations are one.
    shared.set_weights(weights)
    own.set_weights([*weights[:2], *weights[:2], *weights[2:]])
    assert_close(own(x), shared(x))


def test_star_is_the_product_of_its_branches():
    layer = StarOperation(2, activation=None, use_bias=False)
    x = normal(3, 5)
    layer(x)
    u, v, g = layer.get_weights()
    assert_close(layer(x), ((x @ u) * (x @ v)) @ g)
    added = StarOperation(2, mode="add", activation="relu", use_bias=False)
    added(x)
    added.set_weights([u, v, g])
    assert_close(added(x), (np.maximum(x @ u, 0) + x @ v) @ g)


def test_star_without_activation_is_symmetric_in_its_branches():
    layer = StarOperation(2, activation=None)
    x = normal(3, 5)
    y = np.asarray(layer(x))
    u, v, g = (
        p.get_weights()
        for p in (layer.activated_projection, layer.plain_projection, layer.output_projection)
    )
    layer.set_weights([*v, *u, *g])
    assert_close(layer(x), y)


def test_a_seed_does_not_make_the_branches_equal():
    init = keras.initializers.RandomNormal(seed=1)
    for block in (StarBlock2D, DemoBlock2D, PolyBlock):
        layer = block(kernel_initializer=init)
        layer.build((None, 4, 4, 8))
        kernels = [np.ravel(w)[:4] for w in layer.weights if w.name == "kernel"]
        assert (
            len({tuple(k.tolist()) for k in kernels}) == len(kernels) >= 5 - (block is DemoBlock2D)
        )


def test_star_block_is_the_identity_where_its_last_kernel_is_zero():
    layer = StarBlock2D(use_bias=False)
    x = normal(2, 4, 5, 6)
    layer(x)
    layer.depthwise_2.kernel.assign(np.zeros((7, 7, 6, 1)))
    np.testing.assert_array_equal(layer(x), x)


def test_demo_block_starts_next_to_the_identity():
    x = normal(2, 4, 5, 6)
    layer = DemoBlock2D()
    assert 0 < np.abs(np.asarray(layer(x)) - x).max() < 1e-4
    layer.gamma.assign(np.zeros(6))
    np.testing.assert_array_equal(layer(x), x)


def test_demo_blocks_of_both_modes_have_the_same_parameters():
    x = normal(2, 4, 5, 6)
    multiply, add = DemoBlock2D(layer_scale=1.0), DemoBlock2D("add", layer_scale=1.0)
    multiply(x), add(x)
    assert [w.shape for w in multiply.weights] == [w.shape for w in add.weights]
    add.set_weights(multiply.get_weights())
    assert np.abs(np.asarray(add(x)) - multiply(x)).max() > 1e-6
    # With the second branch at one, and one less in what is added, both are the first branch.
    for layer, constant in ((multiply, 1.0), (add, 0.0)):
        plain = layer.star_operation.plain_projection
        plain.set_weights([np.zeros((6, 18)), np.full(18, constant)])
    assert_close(multiply(x), add(x))


@pytest.mark.parametrize("block", [StarBlock2D, DemoBlock2D])
def test_channels_first_is_channels_last_transposed(block):
    x = normal(2, 4, 5, 6)
    last, first = block(data_format="channels_last"), block(data_format="channels_first")
    expected = np.asarray(last(x))
    first.build((2, 6, 4, 5))
    first.set_weights(last.get_weights())
    assert_close(first(np.moveaxis(x, -1, 1)), np.moveaxis(expected, -1, 1))


def test_star_block_starts_as_pytorch_starts():
    layer = StarBlock2D(2)
    layer.build((None, 8, 8, 64))
    star = layer.star_operation
    for part, fan_in in (
        (layer.depthwise_1, 49),
        (layer.depthwise_2, 49),
        (star.activated_projection, 64),
        (star.plain_projection, 64),
        (star.output_projection, 128),
    ):
        for weight in (part.kernel, part.bias):
            largest = np.abs(weight).max()
            assert 0.8 / fan_in**0.5 < largest <= 1 / fan_in**0.5
    again = FanInUniform.from_config(FanInUniform(9, seed=4).get_config())
    np.testing.assert_array_equal(again((5, 6)), FanInUniform(9, seed=4)((5, 6)))


@pytest.mark.parametrize("block", [StarBlock2D, DemoBlock2D, PolyBlock])
def test_dropped_branches_are_dropped_by_example_and_scaled(block):
    x = np.repeat(normal(1, 4, 5, 8), 64, axis=0)
    layer = block(drop_path=0.75, seed=3)
    branch = np.asarray(layer(x)) - x
    dropped = np.asarray(layer(x, training=False)) - x
    assert_close(dropped, branch)
    if block is StarBlock2D:
        # Other statistics in training.
        layer.normalization_1.trainable = layer.normalization_2.trainable = False
        branch = np.asarray(layer(x, training=False)) - x
    moved = np.abs(np.asarray(layer(x, training=True)) - x).max((1, 2, 3))
    assert 0 < (moved == 0).sum() < 64
    if block is not PolyBlock:
        got = np.asarray(layer(x, training=True)) - x
        kept = np.abs(got).max((1, 2, 3)) > 0
        assert_close(got[kept], 4 * branch[kept], 1e-9)


# The depthwise convolution that these and other layers are made of.

OPTIONS = [
    {},
    {"padding": "same"},
    {"padding": "same", "dilation_rate": 2},
    {"strides": 2},
    {"padding": "same", "depth_multiplier": 2},
    {"padding": "same", "use_bias": False, "activation": "relu"},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_depthwise_layer_is_that_of_keras(options, tmp_path):
    ours, theirs = DepthwiseConv2D(3, **options), keras.layers.DepthwiseConv2D(3, **options)
    x = normal(2, 7, 6, 4)
    theirs(x), ours(x)
    assert [(w.name, w.shape) for w in ours.weights] == [(w.name, w.shape) for w in theirs.weights]
    ours.set_weights(weights := theirs.get_weights())
    if options.get("use_bias", True):
        ours.bias.assign(normal(*ours.bias.shape))
        theirs.bias.assign(ours.bias)
    assert_close(ours(x), theirs(x))
    assert tuple(ours.compute_output_shape(x.shape)) == tuple(ours(x).shape)
    model = keras.Sequential([keras.Input((None, None, 4), dtype="float64"), ours])
    model.save(tmp_path / "model.keras")
    assert_close(keras.models.load_model(tmp_path / "model.keras")(x), theirs(x))
    assert len(weights) == len(ours.weights)


def test_a_strided_depthwise_layer_pads_equally():
    x = normal(1, 6, 6, 2)
    ours = DepthwiseConv2D(3, strides=2, padding="same")
    ours(x)
    padded = keras.layers.DepthwiseConv2D(3, strides=2)
    wide = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    padded(wide)
    padded.set_weights(ours.get_weights())
    assert_close(ours(x), padded(wide))
    assert ours(x).shape == (1, 3, 3, 2)


def test_a_depthwise_layer_takes_channels_first():
    x = normal(2, 7, 6, 4)
    last = DepthwiseConv2D(3, padding="same", data_format="channels_last")
    first = DepthwiseConv2D(3, padding="same", data_format="channels_first")
    expected = np.asarray(last(x))
    first.build((2, 4, 7, 6))
    first.set_weights(last.get_weights())
    assert_close(first(np.moveaxis(x, -1, 1)), np.moveaxis(expected, -1, 1))
