"""Properties of the filters, the quadratic and conditional polynomials, and bilinear pooling."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.properties import assert_close, float64, normal  # noqa: F401

from keras_hadamard.layers import (
    BilinearPooling2D,
    CompactBilinearPooling2D,
    CoPE,
    FourierFilter,
    GaborFilter,
    MultiplicativeInteraction,
    PolynomialDense,
    QuadraticDense,
)


def randomised(layer, shapes):
    """The layer built, with every weight drawn again, those that start at zero too."""
    if not layer.built:
        layer.build(shapes)
    layer.set_weights([normal(*w.shape, seed=i) for i, w in enumerate(layer.weights)])
    return layer


# Filters.


def test_fourier_filter_is_the_sine_of_dense():
    layer = randomised(FourierFilter(4), (None, 3))
    x = normal(5, 3)
    dense = keras.layers.Dense(4)
    dense.build((None, 3))
    dense.set_weights(layer.get_weights())
    assert_close(layer(x), np.sin(dense(x)))


def test_gabor_filter_is_the_fourier_filter_in_its_windows():
    layer = GaborFilter(4, input_scale=3.0, seed=1)
    x = normal(5, 3)
    layer.build((None, 3))
    waves = FourierFilter(4)
    waves.build((None, 3))
    waves.set_weights([layer.kernel, layer.bias])
    mu, gamma = np.asarray(layer.mu), np.asarray(layer.gamma)
    windows = np.exp(-0.5 * gamma * ((x[:, :, None] - mu) ** 2).sum(1))
    assert_close(layer(x), np.asarray(waves(x)) * windows)
    # The windows wide open: nothing but the sinusoids is left.
    layer.gamma.assign(np.zeros(4))
    assert_close(layer(x), waves(x))


def test_gabor_window_is_one_at_its_centre_however_far_away():
    # |x|^2 + |mu|^2 - 2 x mu in float32 would be wrong by 0.1 here.
    for width in (2, 20):
        layer = GaborFilter(1, dtype="float32", bias_initializer="zeros", use_bias=False)
        layer.build((None, width))
        centre = np.full((1, width), 1000.0, "float32") + np.arange(width, dtype="float32") / 7
        layer.mu.assign(centre.T)
        layer.gamma.assign([1.0])
        layer.kernel.assign(np.eye(width, 1) * (np.pi / 2 / 1000.0))
        assert_close(layer(centre)[0, 0], 1.0, 1e-6)
        near = centre.copy()
        near[0, 1] += 0.125
        assert_close(layer(near)[0, 0], np.exp(-0.5 * 0.125**2), 1e-4)


def test_a_filter_of_bands_has_whole_periods():
    x = np.arange(16)[:, None] / 16 - 0.5
    y = np.asarray(FourierFilter(40, bands=[3], seed=2)(x))
    spectrum = np.abs(np.fft.rfft(y, axis=0))
    assert spectrum[4:].max() < 1e-12 and (spectrum[:4].max(1) > 1).all()
    with pytest.raises(ValueError, match="one of `bands` for each coordinate"):
        FourierFilter(4, bands=[3, 2])(x)
    for wrong in ([-1], [1.5], 3, [True]):
        with pytest.raises(ValueError, match="`bands` to be integers"):
            FourierFilter(4, bands=wrong)


@pytest.mark.parametrize("layer", [FourierFilter, GaborFilter])
def test_published_initialisation(layer):
    units, width, scale = 20_000, 3, 10.0
    built = layer(units, input_scale=scale, seed=1)
    built.build((None, width))
    kernel, bias = np.asarray(built.kernel), np.asarray(built.bias)
    limit = scale / width**0.5
    if layer is GaborFilter:
        gamma, mu = np.asarray(built.gamma), np.asarray(built.mu)
        # A Gamma distribution of shape 6 and rate 1 has mean 6 and variance 6.
        assert abs(gamma.mean() - 6) < 0.1 and abs(gamma.var() - 6) < 0.3 and gamma.min() > 0
        assert abs(mu).max() <= 1 and abs(abs(mu).mean() - 0.5) < 0.01
        kernel = kernel / np.sqrt(gamma)
    # Uniform: the largest value is the limit, the mean magnitude half of it.
    assert abs(abs(kernel).max() / limit - 1) < 1e-3
    assert abs(abs(kernel).mean() / limit - 0.5) < 0.01
    assert abs(abs(bias).max() / np.pi - 1) < 1e-3 and abs(abs(bias).mean() / np.pi - 0.5) < 0.01
    # Independent draws, repeated by the seed and by nothing else.
    assert abs(np.corrcoef(kernel[0], bias)[0, 1]) < 0.03
    again, other = (layer(units, input_scale=scale, seed=s) for s in (1, None))
    again.build((None, width)), other.build((None, width))
    assert_close(again.kernel, built.kernel)
    assert not np.allclose(other.kernel, built.kernel)


def test_windows_stay_bounded_where_training_pushes_them_open():
    x = np.full((1, 2), 5.0)
    layers = [GaborFilter(3, alpha=0.5, gamma_constraint=c, seed=1) for c in ("non_neg", None)]
    for layer in layers:
        model = keras.Sequential([layer])
        model.build((None, 2))
        optimizer = keras.optimizers.SGD(10.0)
        optimizer.apply_gradients([(tf.ones_like(layer.gamma), layer.gamma)])
    bounded, free = layers
    assert_close(bounded.gamma, np.zeros(3))
    assert np.abs(bounded(x)).max() <= 1
    assert np.asarray(free.gamma).max() < 0 and np.abs(free(x)).max() > 1


@pytest.mark.parametrize("layer", [FourierFilter, GaborFilter])
def test_coordinates_are_not_rounded_to_16_bits(layer):
    x = np.linspace(-1, 1, 33, dtype="float32").reshape(-1, 1) * np.pi / 3.2
    full, half = (layer(8, dtype=d, seed=1) for d in ("float32", "mixed_float16"))
    full.build((None, 1)), half.build((None, 1))
    inputs = keras.Input((1,), dtype="float32")
    model = keras.Model(inputs, half(inputs))
    y = model(x)
    assert y.dtype == "float16"
    assert np.abs(tf.cast(y, "float32") - full(x)).max() < 1e-3


# Quadratic neurons.


def test_full_form_is_the_quadratic_form():
    layer = randomised(QuadraticDense(3, "full"), (None, 2, 5))
    kernel, linear, bias = layer.get_weights()
    x = normal(4, 2, 5, seed=9)
    assert_close(layer(x), np.einsum("bti,iju,btj->btu", x, kernel, x) + x @ linear + bias)


def test_product_forms_are_full_forms_of_rank_one():
    x = normal(6, 5, seed=9)
    for form in ("product", "product_linear", "product_square"):
        layer = randomised(QuadraticDense(3, form), (None, 5))
        full = QuadraticDense(3, "full")
        full.build((None, 5))
        a, b = (np.asarray(f.kernel) for f in layer.factors)
        kernel = np.einsum("iu,ju->iju", a, b)
        linear, bias = np.zeros((5, 3)), np.zeros(3)
        if form == "product_linear":
            linear, bias = layer.addend.get_weights()
        if form == "product_square":
            square, bias = layer.addend.get_weights()
            kernel = kernel + np.einsum("iu,ij->iju", square, np.eye(5))
            one, other = (np.asarray(f.bias) for f in layer.factors)
            linear, bias = a * other + b * one, bias + one * other
        full.set_weights([kernel, linear, bias])
        assert_close(layer(x), full(x))


def test_forms_have_the_weights_they_should():
    counts = {"full": 5 * 5 * 3 + 18, "product": 30, "product_linear": 48, "product_square": 54}
    for form, count in counts.items():
        layer = QuadraticDense(3, form)
        layer.build((None, 5))
        assert layer.count_params() == count
        factors = [np.asarray(f.kernel) for f in layer.factors]
        assert not factors or not np.allclose(*factors)


# Multiplicative interactions.


@pytest.mark.parametrize("rank", [None, 3])
def test_interaction_is_its_equation_and_starts_as_dense(rank):
    x, z = normal(4, 5), normal(4, 2, seed=1)
    layer = MultiplicativeInteraction(3, rank)
    layer.build([(None, 5), (None, 2)])
    dense = keras.layers.Dense(3)
    dense.build((None, 5))
    dense.set_weights(layer.input_projection.get_weights())
    assert_close(layer([x, z]), dense(x))
    randomised(layer, [(None, 5), (None, 2)])
    weights = {w.path.partition("/")[2]: np.asarray(w) for w in layer.weights}
    w = weights["interaction_kernel"]
    if rank:
        a, b = weights["context_factor/kernel"], weights["input_factor/kernel"]
        w = np.einsum("mr,nr,ru->mnu", a, b, w)
    expected = np.einsum("bm,mnu,bn->bu", z, w, x) + z @ weights["context_kernel"]
    expected += x @ weights["input_projection/kernel"] + weights["input_projection/bias"]
    assert_close(layer([x, z]), expected)


def test_low_rank_of_full_rank_is_any_tensor():
    shapes = [(None, 4), (None, 3)]
    full = randomised(MultiplicativeInteraction(2), shapes)
    # One factor for each pair of an entry of z and one of x.
    low = MultiplicativeInteraction(2, rank=12)
    low.build(shapes)
    low.context_kernel.assign(full.context_kernel)
    low.input_projection.set_weights(full.input_projection.get_weights())
    low.factors[0].set_weights([np.repeat(np.eye(3), 4, axis=1)])
    low.factors[1].set_weights([np.tile(np.eye(4), (1, 3))])
    low.interaction_kernel.assign(np.reshape(full.interaction_kernel, (12, 2)))
    inputs = [normal(5, 4, seed=8), normal(5, 3, seed=9)]
    assert_close(low(inputs), full(inputs))


@pytest.mark.parametrize("rank", [None, 2])
@pytest.mark.parametrize("order", [1, -1])
def test_a_vector_meets_every_position(rank, order):
    shapes = [(None, 4, 3, 5), (None, 2)][::order]
    layer = randomised(MultiplicativeInteraction(3, rank), shapes)
    image, vector = normal(2, 4, 3, 5), normal(2, 2, seed=1)
    tiled = np.broadcast_to(vector[:, None, None], (2, 4, 3, 2))
    assert_close(layer([image, vector][::order]), layer([image, tiled][::order]))


def test_interaction_with_a_constant_context_is_dense():
    layer = randomised(MultiplicativeInteraction(3), [(None, 5), (None, 2)])
    x, z = normal(7, 5), np.tile(normal(1, 2, seed=1), (7, 1))
    steps = [np.asarray(layer([t * x, z])) for t in (0.0, 1.0, 2.0)]
    assert_close(steps[2] - steps[1], steps[1] - steps[0])


# Conditional polynomials.


@pytest.mark.parametrize("decomposition", ["ccp", "ncp", "ncp_skip"])
@pytest.mark.parametrize("use_factor_bias", [False, True])
def test_cope_of_one_input_is_the_polynomial(decomposition, use_factor_bias):
    arguments = {"rank": 4, "use_factor_bias": use_factor_bias, "activation": "tanh"}
    one, other = (kind(3, 3, decomposition, **arguments) for kind in (CoPE, PolynomialDense))
    randomised(one, [(None, 6, 5)])
    other.build((None, 6, 5))
    other.set_weights(one.get_weights())
    x = normal(2, 6, 5, seed=9)
    assert_close(one([x]), other(x))


@pytest.mark.parametrize("decomposition", ["ccp", "ncp", "ncp_skip"])
@pytest.mark.parametrize("use_factor_bias", [False, True])
def test_cope_is_its_recursion(decomposition, use_factor_bias):
    widths, rank, degree = (5, 2, 3), 4, 3
    layer = randomised(
        CoPE(3, degree, decomposition, rank, use_factor_bias=use_factor_bias),
        [(None, w) for w in widths],
    )
    inputs = [normal(6, w, seed=w) for w in widths]
    sums = []
    for first in range(0, len(layer.factors), 3):
        factors = layer.factors[first : first + 3]
        total = sum(z @ np.asarray(f.kernel) for z, f in zip(inputs, factors, strict=True))
        sums.append(total + (np.asarray(factors[-1].bias) if use_factor_bias else 0))
    x = sums[0] * (1 if decomposition == "ccp" else np.asarray(layer.first_state))
    for n in (1, 2):
        state = x
        if decomposition != "ccp":
            kernel, bias = layer.state_projections[n - 1].get_weights()
            state = x @ kernel + bias
        x = sums[n] * state + (0 if decomposition == "ncp" else x)
    kernel, bias = layer.output_projection.get_weights()
    assert_close(layer(inputs), x @ kernel + bias)


@pytest.mark.parametrize("condition_only", [False, True])
@pytest.mark.parametrize("use_factor_bias", [False, True])
@pytest.mark.parametrize("order", [1, -1])
def test_cope_broadcasts_vectors_to_all_positions(condition_only, use_factor_bias, order):
    arguments = {"rank": 4, "condition_only": condition_only, "use_factor_bias": use_factor_bias}
    image, label, noise = normal(2, 4, 3, 5), normal(2, 2, seed=1), normal(2, 3, seed=2)
    inputs = [image, label, noise][::order]
    layer = randomised(CoPE(3, 3, **arguments), [(None, *z.shape[1:]) for z in inputs])
    tiled = [
        z if z.ndim == 4 else np.broadcast_to(z[:, None, None], (2, 4, 3, z.shape[-1]))
        for z in inputs
    ]
    assert_close(layer(inputs), layer(tiled))


@pytest.mark.parametrize("decomposition", ["ccp", "ncp"])
def test_condition_only_is_affine_in_the_input_and_a_polynomial_of_the_condition(decomposition):
    layer = randomised(
        CoPE(3, 3, decomposition, rank=4, condition_only=True), [(None, 5), (None, 2)]
    )
    x, c = normal(1, 5), normal(1, 2, seed=1)
    t = np.linspace(-1, 1, 6)[:, None]

    def misfit(y, degree):
        fit = np.polynomial.polynomial
        again = fit.polyval(t[:, 0], fit.polyfit(t[:, 0], y, degree)).T
        return np.abs(again - y).max() / np.abs(y).max()

    along_input = np.asarray(layer([t * x, np.tile(c, (6, 1))]))
    assert misfit(along_input, 1) < 1e-10 and misfit(along_input, 0) > 1e-3
    along_condition = np.asarray(layer([np.tile(x, (6, 1)), t * c]))
    assert misfit(along_condition, 3) < 1e-10 and misfit(along_condition, 2) > 1e-6


def test_condition_only_is_cope_without_the_inputs_later_projections():
    shapes = [(None, 5), (None, 2)]
    layer = randomised(CoPE(3, 3, rank=4, condition_only=True), shapes)
    full = CoPE(3, 3, rank=4)
    full.build(shapes)
    given = {factor.name: factor.get_weights() for factor in layer.factors}
    for factor in full.factors:
        factor.set_weights(given.get(factor.name, [np.zeros((5, 4))]))
    full.output_projection.set_weights(layer.output_projection.get_weights())
    inputs = [normal(6, 5, seed=8), normal(6, 2, seed=9)]
    assert_close(layer(inputs), full(inputs))


@pytest.mark.parametrize(
    ("arguments", "inputs", "message"),
    [
        ({}, np.ones((2, 3)), "list of one or more"),
        ({}, [np.ones(3)], "known width"),
        ({}, [np.ones((2, 4, 3)), np.ones((2, 5, 3))], "equal batch and positions"),
        ({"condition_only": True}, [np.ones((2, 3))], "a condition"),
    ],
)
def test_cope_inputs_that_do_not_fit(arguments, inputs, message):
    with pytest.raises(ValueError, match=message):
        CoPE(4, **arguments)(inputs)


# Bilinear pooling.


@pytest.mark.parametrize("reduce", ["mean", "sum"])
def test_bilinear_pooling_is_the_outer_products(reduce):
    x, y = normal(2, 4, 3, 5), normal(2, 4, 3, 2, seed=1)
    plain = {"use_signed_sqrt": False, "use_l2_normalization": False}
    z = np.einsum("bhwi,bhwj->bij", x, y).reshape(2, 10) / (12 if reduce == "mean" else 1)
    assert_close(BilinearPooling2D(reduce, **plain)([x, y]), z)
    rooted = np.sign(z) * np.sqrt(np.abs(z))
    assert_close(BilinearPooling2D(reduce, use_l2_normalization=False)([x, y]), rooted)
    normed = rooted / np.linalg.norm(rooted, axis=-1, keepdims=True)
    assert_close(BilinearPooling2D(reduce)([x, y]), normed)
    assert_close(BilinearPooling2D(reduce)(x), BilinearPooling2D(reduce)([x, x]))


POOLINGS = {
    "full": BilinearPooling2D,
    "fft": lambda **kwargs: CompactBilinearPooling2D(6, seed=1, **kwargs),
    "moments": lambda **kwargs: CompactBilinearPooling2D(6, seed=1, method="moments", **kwargs),
}
POOLING = pytest.mark.parametrize("pooling", POOLINGS.values(), ids=POOLINGS.keys())


@POOLING
def test_channels_first_is_channels_last_transposed(pooling):
    x, y = normal(2, 4, 3, 5), normal(2, 4, 3, 2, seed=1)
    first, last = pooling(data_format="channels_first"), pooling()
    assert_close(first([np.moveaxis(m, -1, 1) for m in (x, y)]), last([x, y]))


@POOLING
def test_pooling_does_not_see_the_order_of_positions(pooling):
    layer, x = pooling(use_signed_sqrt=False), normal(2, 4, 3, 5)
    shuffled = x.reshape(2, 12, 5)[:, np.random.default_rng(1).permutation(12)].reshape(x.shape)
    assert_close(layer(shuffled), layer(x))


@pytest.mark.parametrize("inputs", [1, 2])
def test_sketch_of_the_moments_is_the_sum_of_the_sketches(inputs):
    maps = [normal(2, 4, 3, 5), normal(2, 4, 3, 2, seed=1)][:inputs]
    plain = {"use_signed_sqrt": False, "use_l2_normalization": False}
    fft, moments = POOLINGS["fft"](**plain), POOLINGS["moments"](**plain)
    assert_close(moments(maps if inputs == 2 else maps[0]), fft(maps if inputs == 2 else maps[0]))
    # Both are the count sketch of what the full pooling gives.
    full = np.asarray(BilinearPooling2D("sum", **plain)(maps))
    (h, s), (g, t) = ((np.asarray(z.indices), np.asarray(z.signs)) for z in fft.sketches)
    expected = np.zeros((2, 6))
    for i, j in itertools.product(range(len(h)), range(len(g))):
        expected[:, (h[i] + g[j]) % 6] += s[i] * t[j] * full[:, i * len(g) + j]
    assert_close(moments(maps if inputs == 2 else maps[0]), expected)


@pytest.mark.parametrize("method", ["moments", "fft"])
def test_what_no_pair_reaches_is_zero(method):
    """And not what a transform rounds to, which the root would magnify."""
    y = np.asarray(CompactBilinearPooling2D(64, method=method, seed=1)(normal(2, 4, 3, 3)))
    assert (y == 0).sum(axis=-1).min() >= 64 - 9


def test_sum_before_the_one_inverse_transform_is_the_sum_of_the_sketches():
    plain = {"use_signed_sqrt": False, "use_l2_normalization": False}
    layer = CompactBilinearPooling2D(7, seed=1, **plain)
    x, y = normal(2, 4, 3, 5), normal(2, 4, 3, 2, seed=1)
    whole = layer([x, y])
    parts = [
        layer([x[:, i : i + 1, j : j + 1], y[:, i : i + 1, j : j + 1]])
        for i in range(4)
        for j in range(3)
    ]
    assert_close(whole, np.sum(parts, axis=0))


@pytest.mark.parametrize("method", ["fft", "moments"])
def test_inner_products_of_sketches_are_unbiased(method):
    """Over all hashes and signs of two channels, none left out: the mean is exactly <x, y>^2."""
    plain = {"use_signed_sqrt": False, "use_l2_normalization": False}
    layer = CompactBilinearPooling2D(2, **plain, method=method)
    layer.build((None, 1, 1, 2))
    pair = normal(2, 1, 1, 2)
    run = tf.function(lambda x: layer(x), autograph=False)
    hashes = [np.array(h) for h in itertools.product((0, 1), repeat=2)]
    signs = [np.array(s) for s in itertools.product((-1.0, 1.0), repeat=2)]
    got = []
    for h, g, s, t in itertools.product(hashes, hashes, signs, signs):
        for weight, value in zip(layer.weights, (h, s, g, t), strict=True):
            weight.assign(value)
        one, other = np.asarray(run(pair))
        got.append(one @ other)
    expected = (pair[0].ravel() @ pair[1].ravel()) ** 2
    assert np.std(got) > 0.1 * expected
    assert_close(np.mean(got), expected)


def test_hashes_come_from_the_seed_and_are_saved(tmp_path):
    one, again, other = (CompactBilinearPooling2D(64, seed=s) for s in (1, 1, None))
    x = normal(2, 4, 3, 5)
    assert_close(one(x), again(x))
    assert not np.allclose(one(x), other(x))
    assert not one.trainable_weights and len(one.non_trainable_weights) == 4
    first, second = (np.asarray(sketch.indices) for sketch in one.sketches)
    assert first.min() >= 0 and first.max() < 64 and not np.array_equal(first, second)
    assert set(np.unique([sketch.signs for sketch in one.sketches])) <= {-1.0, 1.0}
    model = keras.Sequential([keras.Input((4, 3, 5)), other])
    model.save(tmp_path / "model.keras")
    assert_close(keras.models.load_model(tmp_path / "model.keras")(x), model(x))


def test_float16_maps_are_summed_in_float32():
    keras.config.set_dtype_policy("mixed_float16")
    x = np.full((1, 64, 64, 2), 8.0)
    # Sums of 262,144, beyond the largest float16.
    for pooling in POOLINGS.values():
        y = np.asarray(pooling(reduce="sum")(x))
        assert np.isfinite(y).all() and abs(np.linalg.norm(y.astype("float32")) - 1) < 1e-2


@POOLING
@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([np.ones((2, 4, 3, 5)), np.ones((2, 4, 2, 5))], "equal positions"),
        ([np.ones((2, 4, 3, 5))] * 3, "one or two"),
        (np.ones((2, 4, 3)), "rank 4"),
    ],
)
def test_maps_that_do_not_fit(pooling, inputs, message):
    with pytest.raises(ValueError, match=message):
        pooling()(inputs)


@pytest.mark.parametrize(
    ("layer", "shapes", "kernels"),
    [
        (QuadraticDense(3, "full"), (None, 5), 2),
        (QuadraticDense(3, "product_square"), (None, 5), 3),
        (CoPE(3, 4, rank=2), [(None, 5), (None, 2)], 9),
        (MultiplicativeInteraction(3), [(None, 5), (None, 2)], 3),
        (MultiplicativeInteraction(3, rank=2), [(None, 5), (None, 2)], 5),
        (FourierFilter(3), (None, 5), 1),
    ],
    ids=lambda v: v.name if isinstance(v, keras.layers.Layer) else None,
)
def test_kernel_arguments_reach_every_kernel(layer, shapes, kernels):
    arguments = {
        "kernel_initializer": keras.initializers.RandomNormal(seed=1),
        "kernel_regularizer": "l2",
        "kernel_constraint": "non_neg",
        "bias_initializer": "ones",
    }
    layer = type(layer).from_config({**layer.get_config(), **arguments})
    layer.build(shapes)
    assert len(layer.losses) == kernels
    assert sum(w.constraint is not None for w in layer.trainable_weights) == kernels
    drawn = [np.ravel(w)[:3] for w in layer.trainable_weights if w.path.endswith("/kernel")]
    assert len({str(w) for w in drawn}) == len(drawn) >= 1
    biases = [w for w in layer.trainable_weights if w.name == "bias"]
    assert all((np.asarray(b) == 1).all() for b in biases)
