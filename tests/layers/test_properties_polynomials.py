"""Properties of the polynomials."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.properties import assert_close, float64, normal  # noqa: F401

from keras_hadamard.layers import (
    DensePolynomialResidualBlock2D,
    PolynomialBlock2D,
    PolynomialConv2D,
    PolynomialDense,
    PolynomialResidualBlock2D,
    ProductOfPolynomials,
)
from keras_hadamard.ops import polynomial_chain


@pytest.mark.parametrize("decomposition", ["ccp", "ncp", "ncp_skip"])
@pytest.mark.parametrize("degree", [1, 2, 3, 5])
def test_output_along_a_ray_is_a_polynomial_of_exactly_the_degree(decomposition, degree):
    layer = PolynomialDense(
        3, degree, decomposition, rank=4, bias_initializer=keras.initializers.RandomNormal(1.0)
    )
    z = normal(1, 5)
    t = np.linspace(-1, 1, degree + 2)[:, None]
    y = np.asarray(layer(t * z))

    def misfit(of):
        coefficients = np.polynomial.polynomial.polyfit(t[:, 0], y, of)
        fit = np.polynomial.polynomial.polyval(t[:, 0], coefficients).T
        return np.abs(fit - y).max() / np.abs(y).max()

    assert misfit(degree) < 1e-9
    assert misfit(degree - 1) > 1e-6


@pytest.mark.parametrize("decomposition", ["ccp", "ncp", "ncp_skip"])
def test_degree_one_is_dense(decomposition):
    layer = PolynomialDense(3, 1, decomposition, rank=4)
    x = normal(6, 5)
    y = layer(x)
    dense = keras.layers.Dense(3)
    dense.build((None, 5))
    kernel = np.asarray(layer.factors[0].kernel)
    if layer.first_state is not None:
        kernel = kernel * np.asarray(layer.first_state)
    output = layer.output_projection
    dense.set_weights([kernel @ np.asarray(output.kernel), np.asarray(output.bias)])
    assert_close(y, dense(x))


def test_two_inputs_of_a_product_meet():
    # What a linear layer cannot be: exactly x1 * x2.
    layer = PolynomialDense(1, 2, "ncp", rank=1, use_bias=False)
    layer.build((None, 2))
    layer.set_weights(
        [
            np.ones(1),
            np.array([[1.0], [0.0]]),
            np.array([[0.0], [1.0]]),
            np.ones((1, 1)),
            np.zeros(1),
            np.ones((1, 1)),
        ]
    )
    x = normal(5, 2)
    assert_close(layer(x)[:, 0], x[:, 0] * x[:, 1])


def misfit(layer_of, degree, points=24):
    """How far the values along a ray are from a polynomial of a degree, and of one less."""
    t = np.cos(np.linspace(0, np.pi, points))
    values = np.asarray(layer_of(t)).reshape(points, -1)
    fit = np.polynomial.chebyshev
    errors = []
    for n in (degree, degree - 1):
        again = fit.chebval(t, fit.chebfit(t, values, n)).T
        errors.append(np.abs(again - values).max() / np.abs(values).max())
    return errors


def scrambled(layer, seed=3):
    rng = np.random.default_rng(seed)
    layer.set_weights(
        [
            w if w.dtype.kind in "iu" else np.abs(w + 0.3 * rng.normal(size=w.shape))
            for w in layer.get_weights()
        ]
    )
    return layer


@pytest.mark.parametrize(
    ("layer", "degree"),
    [
        (ProductOfPolynomials(3, (2, 3), rank=4), 6),
        (ProductOfPolynomials(3, (2, 2, 2), "ncp_skip", rank=4, normalization=None), 8),
        (PolynomialDense(3, 4, rank=4, normalization="batch"), 4),
        (PolynomialDense(3, 5, "ncp_skip", rank=4, use_gates=True), 5),
    ],
    ids=["product", "product of three", "normalised", "gated"],
)
def test_degree_of_compositions(layer, degree):
    layer = type(layer).from_config({**layer.get_config(), "dtype": "float64"})
    z = normal(1, 5)
    layer.build((None, 5))
    scrambled(layer)
    if getattr(layer, "gates", None) is not None:
        layer.gates.assign(np.ones(degree - 1))
    at, below = misfit(lambda t: layer(t[:, None] * z), degree)
    assert at < 1e-9 and below > 1e-6


@pytest.mark.parametrize("decomposition", ["ccp", "ncp", "ncp_skip"])
def test_degree_of_convolutions_and_1x1_is_dense(decomposition):
    layer = PolynomialConv2D(3, 3, 3, decomposition, rank=2, use_factor_bias=True)
    image = normal(1, 4, 3, 2)
    layer.build((None, 4, 3, 2))
    scrambled(layer)
    at, below = misfit(lambda t: layer(t[:, None, None, None] * image), 3)
    assert at < 1e-9 and below > 1e-6
    one, dense = PolynomialConv2D(3, 1, 3, decomposition), PolynomialDense(3, 3, decomposition)
    expected = dense(image)
    one.build(image.shape)
    one.set_weights(
        [w.reshape(v.shape) for w, v in zip(dense.get_weights(), one.weights, strict=True)]
    )
    assert_close(one(image), expected)


@pytest.mark.parametrize("decomposition", ["ccp", "ncp_skip"])
@pytest.mark.parametrize("normalization", [None, "layer"])
def test_gates_start_at_degree_one(decomposition, normalization):
    layer = PolynomialDense(3, 4, decomposition, use_gates=True, normalization=normalization)
    x, y = normal(2, 3, 5)
    layer(x)
    if normalization is None:
        assert_close(layer(x) + layer(y), layer(x + y))
    gate = layer.gates
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x) ** 2)
    assert np.abs(tape.gradient(loss, gate.value)).min() > 0


@pytest.mark.parametrize(
    "make",
    [
        lambda **how: PolynomialConv2D(4, 3, 3, "ncp_skip", strides=2, **how),
        lambda **how: PolynomialBlock2D(4, 5, 2, alpha_initializer="ones", **how),
        lambda **how: PolynomialResidualBlock2D(4, 2, alpha_initializer="ones", **how),
        lambda **how: PolynomialResidualBlock2D(
            4, 2, "shortcut", alpha_initializer="ones", normalization="instance_batch", **how
        ),
    ],
)
def test_channels_first_is_channels_last_transposed(make):
    x = normal(2, 5, 6, 3)
    last, first = make(data_format="channels_last"), make(data_format="channels_first")
    last.build(x.shape)
    first.build((2, 3, 5, 6))
    first.set_weights(scrambled(last).get_weights())
    expected = np.moveaxis(np.asarray(last(x)), -1, 1)
    assert_close(first(np.moveaxis(x, -1, 1)), expected)
    assert first.compute_output_shape((2, 3, 5, 6)) == expected.shape


@pytest.mark.parametrize("product", ["residual", "shortcut"])
def test_residual_block_with_alpha_zero_is_the_linear_block(product):
    block = PolynomialResidualBlock2D(4, 2, product)
    image = normal(1, 4, 4, 3)
    block.build(image.shape)
    rng = np.random.default_rng(0)
    block.set_weights([np.abs(rng.normal(size=w.shape)) for w in block.weights])
    along = lambda t: block(t[:, None, None, None] * image)  # noqa: E731
    block.alpha.assign(0.0)
    at, below = misfit(along, 1)
    assert at < 1e-10 and below > 1e-3
    block.alpha.assign(0.7)
    at, below = misfit(along, 2)
    assert at < 1e-9 and below > 1e-4


def test_dense_connections_multiply_the_degrees():
    """The second block multiplies f and r, of degree two each, with the product of the first."""
    image = normal(1, 4, 4, 3)
    blocks = [
        DensePolynomialResidualBlock2D(3, alpha_initializer="ones", **how)
        for how in ({}, {"dense_convolution": True}, {"dense_skip": True})
    ]
    x = keras.Input((4, 4, 3), dtype="float64")
    outputs = [x]
    products = []
    for block in blocks:
        outputs = block(outputs)
        products.append(outputs[-1])
    model = scrambled(keras.Model(x, products))
    for i, degree in enumerate((2, 6)):
        at, below = misfit(
            lambda t, i=i: model(t[:, None, None, None] * image)[i], degree, points=32
        )
        assert at < 1e-8 and below > 1e-6


def test_theta_zero_takes_the_block_back_to_its_own_product():
    x = [normal(2, 4, 4, 3, seed=s) for s in range(3)]
    block = DensePolynomialResidualBlock2D(3, dense_skip=True, theta_initializer="zeros")
    alone = DensePolynomialResidualBlock2D(3)
    y = block(x)
    alone(x[:1])
    given = {w.path.split("/", 1)[1]: w for w in block.weights}
    for w in alone.weights:
        if "seed" not in w.path:
            w.assign(given[w.path.split("/", 1)[1]])
    assert_close(y[0], alone(x[:1])[0])
    assert_close(y[1], x[1])


def test_dense_dropout_takes_the_block_back_at_its_rate():
    x = [normal(2, 4, 4, 3, seed=s) for s in range(2)]
    block = DensePolynomialResidualBlock2D(
        3, dense_skip=True, dense_dropout=0.25, seed=1, normalization=None
    )
    plain = np.asarray(block(x)[-1])
    own = np.asarray(block(x[:1])[-1])
    seen = [np.asarray(block(x, training=True)[-1]) for _ in range(200)]
    dropped = [np.allclose(s, own) for s in seen]
    assert 0.15 < np.mean(dropped) < 0.35
    for s, gone in zip(seen, dropped, strict=True):
        if not gone:
            assert_close(s - own, (plain - own) / 0.75)


# Numerics.


def test_magnitudes_that_the_docstring_tells():
    """Unit-variance projections, a batch of 64 at width 256, without normalisation or gates."""
    rng = np.random.default_rng(0)
    told = {4: 5e1, 8: 5e2, 16: 8e3, 25: 7e4}
    for degree, value in told.items():
        tops = [
            float(np.abs(polynomial_chain(rng.normal(size=(64, degree, 256)))).max())
            for _ in range(31)
        ]
        assert value / 2 < np.median(tops) < value * 2, (degree, np.median(tops))
    assert told[16] < float(np.finfo("float16").max) < told[25]


# Without gates and normalisation float16 holds degree 16, as told above, and not 25.
@pytest.mark.parametrize(("decomposition", "degree"), [("ccp", 16), ("ccp", 25), ("ncp_skip", 25)])
@pytest.mark.parametrize(
    "options", [{"use_gates": True}, {"normalization": "layer"}], ids=["gates", "layer"]
)
def test_high_degrees_train_in_float16(decomposition, degree, options):
    keras.config.set_dtype_policy("mixed_float16")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(256, 64)).astype("float32")
    y = x[:, :1] * x[:, 1:2]
    model = keras.Sequential(
        [
            PolynomialDense(256, degree, decomposition, **options),
            keras.layers.Dense(1, dtype="float32"),
        ]
    )
    assert np.isfinite(np.asarray(model(x))).all()
    optimizer = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.Adam(1e-4), initial_scale=256.0
    )
    # XLA takes a minute to compile 25 normalised steps; without the norms it does not.
    model.compile(optimizer, "mse", jit_compile="use_gates" in options)
    history = model.fit(x, y, batch_size=64, epochs=6, verbose=0, shuffle=False).history["loss"]
    assert np.isfinite(history).all() and history[-1] < history[0]
    # No step was skipped: every gradient was finite at the first scale.
    assert float(optimizer.dynamic_scale) == 256.0
    assert np.isfinite(np.asarray(model(x))).all()


@pytest.mark.parametrize("value", [0.0, 1e4, -1e4])
@pytest.mark.parametrize("decomposition", ["ccp", "ncp", "ncp_skip"])
def test_gradients_are_finite_at_zero_and_huge_input_and_zero_factors(decomposition, value):
    layer = PolynomialDense(3, 6, decomposition, dtype="float32", use_factor_bias=True)
    x = tf.fill((2, 5), value)
    layer(x)
    for zero in (False, True):
        if zero:
            for factor in layer.factors:
                factor.kernel.assign(0 * factor.kernel)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(layer(x))
        grads = tape.gradient(y, [x, *(v.value for v in layer.trainable_variables)])
        assert all(np.isfinite(g).all() for g in grads if g is not None)
