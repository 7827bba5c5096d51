"""Properties of the layers of recommenders."""

import keras
import numpy as np
import pytest
from harness.properties import assert_close, float64, normal  # noqa: F401

from keras_hadamard.layers import (
    BilinearInteraction,
    CrossNetwork,
    FactorizedInteraction,
    FieldSqueezeExcite,
    GatedCrossNetwork,
    InnerProductInteraction,
    MaskBlock,
    MultiHeadBilinear,
)


def filled(layer, *shapes):
    """The layer, built, each of its weights of other numbers."""
    layer.build(list(shapes) if len(shapes) > 1 else shapes[0])
    layer.set_weights([normal(*w.shape, seed=n) for n, w in enumerate(layer.weights)])
    return layer


def test_open_gates_make_a_cross_network():
    gated = filled(GatedCrossNetwork(2, gate_activation=keras.ops.ones_like), (None, 4))
    plain = CrossNetwork(2)
    plain.build((None, 4))
    plain.set_weights([w for p in gated.projections for w in p.get_weights()])
    x = normal(3, 4)
    assert_close(gated(x), plain(x))


def test_the_gate_of_a_cross_holds_its_bias_back():
    layer = filled(GatedCrossNetwork(1, gate_activation=keras.ops.zeros_like), (None, 4))
    x = normal(3, 4)
    assert_close(layer(x), x)


def test_a_mask_block_by_its_equation():
    layer = MaskBlock(3, reduction_ratio=2, activation=None, hidden_bias=True, normalize=False)
    filled(layer, (None, 4), (None, 5))
    w1, b1, w2, b2, w, b = layer.get_weights()
    assert w1.shape == (5, 8)
    h, e = normal(2, 4), normal(2, 5, seed=1)
    mask = np.maximum(e @ w1 + b1, 0) @ w2 + b2
    assert_close(layer([h, e]), (mask * h) @ w + b)


def test_the_normalisation_of_the_input_makes_its_scale_irrelevant():
    layer = filled(MaskBlock(3, normalize_input=True), (None, 40), (None, 5))
    h, e = 100 * normal(2, 40), normal(2, 5, seed=1)
    assert np.abs(layer([h, e]) - layer([3 * h, e])).max() < 1e-6
    plain = filled(MaskBlock(3, normalize=False), (None, 40), (None, 5))
    assert_close(plain([3 * h, e]), 3 * plain([h, e]))


@pytest.mark.parametrize(
    ("kind", "matrix"),
    [
        ("field_all", lambda i, pair: 0),
        ("field_each", lambda i, pair: i),
        ("field_interaction", lambda i, pair: pair),
    ],
)
def test_a_bilinear_interaction_takes_the_matrix_of_its_type(kind, matrix):
    layer = filled(BilinearInteraction(kind), (None, 4, 3))
    (kernel,) = layer.get_weights()
    x = normal(2, 4, 3)
    expected = []
    for i in range(4):
        for j in range(i + 1, 4):
            at = 3 * matrix(i, len(expected))
            expected.append((x[:, i] @ kernel[:, at : at + 3]) * x[:, j])
    assert_close(layer(x), np.stack(expected, 1))


def test_with_the_identity_the_sums_of_bilinear_products_are_inner_products():
    layer = BilinearInteraction("field_all")
    layer.build((None, 4, 3))
    layer.set_weights([np.eye(3)])
    x = normal(2, 4, 3)
    assert_close(keras.ops.sum(layer(x), -1), InnerProductInteraction()(x))


def test_the_gate_of_a_field_is_one_number_and_may_be_zero():
    layer = FieldSqueezeExcite(2)
    layer.build((None, 4, 3))
    w1, _ = layer.get_weights()
    layer.set_weights([np.abs(w1), np.tile([1.0, -1.0, 1.0, 1.0], (2, 1))])
    x = np.abs(normal(2, 4, 3))
    ratio = np.asarray(layer(x)) / x
    assert_close(ratio, np.repeat(ratio[..., :1], 3, -1))
    assert (ratio[:, 1] == 0).all() and (ratio[:, 0] > 0).all()


def test_one_head_is_the_full_bilinear_form_and_heads_are_its_blocks():
    layer = filled(MultiHeadBilinear(3, 2), (None, 4), (None, 6))
    kernel, u, b, v = layer.get_weights()
    x, z = normal(2, 4), normal(2, 6, seed=1)
    blocks = kernel.reshape(2, 2, 3, 3)
    full = np.zeros((4, 6, 3))
    full[:2, :3], full[2:, 3:] = blocks
    expected = x @ u + b + z @ v + np.einsum("bm,mno,bn->bo", x, full, z)
    assert_close(layer([x, z]), expected)
    whole = MultiHeadBilinear(3)
    whole.build([(None, 4), (None, 6)])
    whole.set_weights([full.reshape(24, 3), u, b, v])
    assert_close(whole([x, z]), expected)


def test_heads_that_do_not_divide_a_width_are_refused():
    with pytest.raises(ValueError, match=r"divide the widths.*Received: num_heads=4"):
        MultiHeadBilinear(3, 4)([normal(2, 4), normal(2, 6)])


def test_both_forms_of_a_factorized_interaction():
    x = normal(2, 5)
    for kind, width in (("sum", 4), ("concat", 2)):
        layer = filled(FactorizedInteraction(4, kind), (None, 5))
        kernel, bias = layer.get_weights()
        g, h = np.split(x @ kernel + bias, 2, -1)
        assert g.shape[-1] == width
        expected = g + g * h if kind == "sum" else np.concatenate([g, g * h], -1)
        assert_close(layer(x), expected)
    with pytest.raises(ValueError, match=r"even.*Received: units=3"):
        FactorizedInteraction(3, "concat")
