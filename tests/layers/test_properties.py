"""Properties of the methods: what must hold whatever the numbers."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.properties import assert_close, float64, normal  # noqa: F401

from keras_hadamard.activations import gelu_tanh, min_gru_g
from keras_hadamard.layers import (
    MFB,
    MLB,
    ConcatFusion,
    FiLM,
    GatedDense,
    HadamardFusion,
    HadamardProduct,
    PolynomialDense,
    SumFusion,
)

# Fusions.

FUSIONS = [
    ConcatFusion(4, hidden_units=(6,)),
    SumFusion(4, rank=6),
    HadamardFusion(4),
    MLB(4, rank=6),
    MFB(4, rank=6, factor=2),
    MFB(4, factor=2),
]


@pytest.mark.parametrize("layer", FUSIONS, ids=lambda f: type(f).__name__)
@pytest.mark.parametrize("order", [1, -1])
def test_a_vector_is_broadcast_to_all_positions(layer, order):
    layer = type(layer).from_config({**layer.get_config(), "dtype": "float64"})
    sequence, vector = normal(2, 3, 5), normal(2, 7, seed=1)
    tiled = np.repeat(vector[:, None], 3, axis=1)
    y = layer([sequence, vector][::order])
    assert_close(y, layer([sequence, tiled][::order]))
    assert y.shape == (2, 3, 4)


def test_products_are_bilinear_and_sums_are_not():
    x, y = normal(2, 5), normal(2, 7, seed=1)
    plain = {"use_bias": False, "projection_activation": None}
    for layer in (MLB(4, rank=6, **plain), HadamardFusion(4, **plain)):
        assert_close(layer([2 * x, 3 * y]), 6 * np.asarray(layer([x, y])))
    pooled = MFB(4, factor=3, normalize=False, use_bias=False)
    assert_close(pooled([2 * x, 3 * y]), 6 * np.asarray(pooled([x, y])))
    added = SumFusion(4, **plain)
    assert np.abs(added([2 * x, 3 * y]) - 6 * np.asarray(added([x, y]))).max() > 0.1


def test_full_rank_mfb_is_any_bilinear_form():
    """With factor = min(widths) each output is x^T W y of any W: here one with a full-rank W."""
    w = normal(5, 7)
    u, s, vt = np.linalg.svd(w, full_matrices=False)
    layer = MFB(1, factor=5, normalize=False, use_bias=False)
    layer.build([(None, 5), (None, 7)])
    layer.set_weights([u * s, vt.T])
    x, y = normal(3, 5, seed=1), normal(3, 7, seed=2)
    assert_close(layer([x, y])[:, 0], np.einsum("bi,ij,bj->b", x, w, y))


def test_mfb_of_factor_one_without_normalisation_is_hadamard_fusion():
    mfb, product = MFB(4, factor=1, normalize=False), HadamardFusion(4)
    x = [normal(2, 5), normal(2, 7, seed=1)]
    mfb(x), product(x)
    product.set_weights(mfb.get_weights())
    assert_close(mfb(x), product(x))


def test_normalised_rows_have_unit_norm_and_zero_rows_stay_zero():
    layer = MFB(4, factor=2, use_bias=False)
    x, y = normal(3, 5), normal(3, 7, seed=1)
    x[1] = 0
    norms = np.linalg.norm(layer([x, y]), axis=-1)
    assert_close(norms, [1, 0, 1])


def test_dropout_drops_products_and_keeps_their_mean():
    layer = MFB(4, factor=500, dropout=0.5, seed=1, normalize=False)
    x = [np.ones((2, 5)), np.ones((2, 7))]
    plain = np.asarray(layer(x))
    kept = np.mean([np.asarray(layer(x, training=True)) for _ in range(20)], axis=0)
    assert np.abs(kept - plain).max() < 0.1 * np.abs(plain).max() + 0.5
    assert not np.allclose(layer(x, training=True), plain)


def test_film_without_generator_is_the_identity_with_offset_one():
    x = normal(2, 3, 3, 5)
    layer = FiLM(kernel_initializer="zeros")
    np.testing.assert_array_equal(layer([x, normal(2, 7)]), x)
    silent = FiLM(kernel_initializer="zeros", gamma_offset=0.0)
    np.testing.assert_array_equal(silent([x, normal(2, 7)]), np.zeros_like(x))


def test_film_channels_first_is_channels_last_transposed():
    x, c = normal(2, 4, 3, 5), normal(2, 7, seed=1)
    last, first = FiLM(), FiLM(data_format="channels_first")
    expected = last([x, c])
    first.build([(2, 5, 4, 3), (2, 7)])
    first.set_weights(last.get_weights())
    assert_close(first([np.moveaxis(x, -1, 1), c]), np.moveaxis(expected, -1, 1))


# Gates.


def test_gate_at_one_is_dense():
    gated = GatedDense(4)
    x = normal(3, 5)
    gated.build((None, 5))
    gated.gate_projection.set_weights([np.zeros((5, 4)), np.full(4, 1e4)])
    assert_close(gated(x), gated.value_projection(x))


def test_bilinear_unit_is_symmetric():
    one, other = GatedDense(4, activation=None), GatedDense(4, activation=None)
    x = normal(3, 5)
    one(x), other(x)
    other.set_weights([*one.get_weights()[2:], *one.get_weights()[:2]])
    assert_close(one(x), other(x))


def test_named_activations():
    x = normal(100)
    assert_close(min_gru_g(x), np.where(x >= 0, x + 0.5, 1 / (1 + np.exp(-x))))
    exact = keras.activations.gelu(tf.constant(x))
    assert 1e-6 < np.abs(gelu_tanh(x) - exact).max() < 1e-3
    assert GatedDense(3, activation="gelu_tanh").activation is gelu_tanh


# The one idea.


def test_hadamard_product_writes_the_others_as_sentences():
    dense = keras.layers.Dense
    x, y = normal(3, 5), normal(3, 7, seed=1)
    for sentence, layer, inputs in [
        (HadamardProduct([dense(4), dense(4, activation="sigmoid")]), GatedDense(4), x),
        (
            HadamardProduct(
                [dense(6, activation="tanh"), dense(6, activation="tanh")], output=dense(4)
            ),
            MLB(4, rank=6),
            [x, y],
        ),
        (
            HadamardProduct([dense(12), dense(12)], reduce=3),
            MFB(4, factor=3, normalize=False),
            [x, y],
        ),
    ]:
        expected = layer(inputs)
        sentence(inputs)
        sentence.set_weights(layer.get_weights())
        assert_close(sentence(inputs), expected)


def test_hadamard_product_serialises_its_branches(tmp_path):
    branches = [keras.layers.Dense(5, activation="tanh"), PolynomialDense(5, 3)]
    x = keras.Input((5,))
    model = keras.Model(x, HadamardProduct(branches, skip=True)(x))
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(model(normal(2, 5)), again(normal(2, 5)))
    assert isinstance(again.layers[1].branches[1], PolynomialDense)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"branches": [keras.layers.Identity()]}, "two or more"),
        ({"branches": [keras.layers.Identity(), "relu"]}, "Keras layers"),
        ({"branches": [keras.layers.Identity()] * 2, "reduce": "sum"}, "`reduce`"),
        ({"branches": [keras.layers.Identity()] * 3, "reduce": 2}, "two branches"),
    ],
)
def test_hadamard_product_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        HadamardProduct(**arguments)


def test_hadamard_product_refuses_inputs():
    layer = HadamardProduct([keras.layers.Identity(), keras.layers.Identity()])
    with pytest.raises(ValueError, match="one for each branch"):
        layer([np.ones((2, 3))] * 3)
    with pytest.raises(ValueError, match="broadcast"):
        layer.compute_output_shape([(2, 3), (2, 4)])


@pytest.mark.parametrize(
    "make",
    [
        lambda: MLB(0),
        lambda: MLB(4, rank=-1),
        lambda: MLB(4, dropout=1.0),
        lambda: MLB(4, normalize_axis=0),
        lambda: MFB(4, factor=1.5),
        lambda: ConcatFusion(4, hidden_units=8),
        lambda: PolynomialDense(4, degree=0),
        lambda: PolynomialDense(4, decomposition="cp"),
        lambda: GatedDense("4"),
        lambda: FiLM(data_format="NHWC"),
    ],
)
def test_arguments_out_of_range(make):
    with pytest.raises(ValueError, match="Received: "):
        make()


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([np.ones((2, 3)), np.ones((3, 3))], "equal batch"),
        ([np.ones((2, 4, 3)), np.ones((2, 5, 3))], "equal batch and positions"),
        ([np.ones((2, 4, 3)), np.ones((2, 4, 4, 3))], "equal batch and positions"),
        ([np.ones((2, 3))] * 3, "a list of 2"),
    ],
)
def test_inputs_that_do_not_fit(inputs, message):
    with pytest.raises(ValueError, match=message):
        MFB(4)(inputs)
