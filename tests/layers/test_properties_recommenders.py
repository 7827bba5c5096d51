"""Properties of the layers of recommenders."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.properties import assert_close, float64, normal  # noqa: F401

from keras_hadamard.layers import (
    BilinearInteraction,
    CrossNetwork,
    DeepCrossV3,
    Dice,
    EulerInteraction,
    FactorizedInteraction,
    FieldSqueezeExcite,
    GatedCrossNetwork,
    GateNU,
    HolographicInteraction,
    InnerProductInteraction,
    LogarithmicTransform,
    MaskBlock,
    MultiHeadBilinear,
    TargetAttention,
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


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_dice_is_rectified_at_the_mean_of_the_data():
    layer = Dice(momentum=0.5)
    x = normal(50, 3) + 7
    y = layer(x, training=True)
    normalised = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-9)
    assert_close(y, sigmoid(normalised) * x)
    assert_close(layer.norm.moving_mean, x.mean(0) / 2)
    layer.alpha.assign([1.0, 1.0, 1.0])
    assert_close(layer(x), x)


def test_the_weights_of_a_target_attention_are_no_shares():
    target, history = normal(2, 3), normal(2, 1, 3, seed=1)
    layer = filled(TargetAttention((4,)), (None, 3), (None, None, 3))
    twice = np.repeat(history, 2, 1)
    assert_close(layer([target, twice]), 2 * layer([target, history]))
    shares = filled(TargetAttention((4,), use_softmax=True), (None, 3), (None, None, 3))
    assert_close(shares([target, twice]), history[:, 0])


def test_a_target_attention_by_its_equation():
    layer = filled(TargetAttention((4,), "tanh"), (None, 3), (None, 5, 3))
    w1, b1, w2, b2 = layer.get_weights()
    t, h = normal(2, 3), normal(2, 5, 3, seed=1)
    expected = 0
    for j in range(5):
        x = np.concatenate([t, h[:, j], t - h[:, j], t * h[:, j]], -1)
        expected = expected + (np.tanh(x @ w1 + b1) @ w2 + b2) * h[:, j]
    assert_close(layer([t, h]), expected)


@pytest.mark.parametrize("use_softmax", [False, True])
def test_a_history_of_nothing_gives_zero(use_softmax):
    layer = filled(TargetAttention((4,), use_softmax=use_softmax), (None, 3), (None, 5, 3))
    mask = np.zeros((2, 5), bool)
    mask[1, :2] = True
    t, h = normal(2, 3), normal(2, 5, 3, seed=1)
    y = np.asarray(layer([t, h], mask=[None, mask]))
    assert (y[0] == 0).all()
    assert_close(y[1:], layer([t[1:], h[1:, :2]]))


def degree_of(layer, width=4):
    """How fast the output grows along a ray of large inputs."""
    x = normal(1, width)
    small, large = (np.abs(layer(s * x)).max() for s in (1e8, 1e9))
    return np.log10(large / small)


@pytest.mark.parametrize(("kind", "degree"), [("exponential", 8), ("linear", 4)])
def test_the_degree_of_the_crosses_of_dcn_v3(kind, degree):
    # The mask, normalised, does not grow.
    layer = DeepCrossV3(3, kind)
    layer.build((None, 4))
    assert abs(degree_of(layer) - degree) < 1e-3


def test_a_cross_of_dcn_v3_by_its_equation():
    layer = filled(DeepCrossV3(1, normalize=False), (None, 4))
    bias, kernel = layer.get_weights()
    x = normal(3, 4)
    h = x @ kernel
    crossed = np.concatenate([h, h * np.maximum(h, 0)], -1) + bias
    assert_close(layer(x), x * crossed + x)
    with pytest.raises(ValueError, match=r"even. Received: width=5"):
        layer = DeepCrossV3()
        layer.build((None, 5))


def test_a_gate_starts_near_one_and_stays_below_its_scale():
    x, prior = normal(3, 4), normal(3, 5, seed=1)
    zero = GateNU(kernel_initializer="zeros")
    assert_close(zero([x, prior]), x)
    layer = filled(GateNU(scale=3.0), (None, 4), (None, 5))
    w1, b1, w2, b2 = layer.get_weights()
    gate = 3 * sigmoid(np.maximum(prior @ w1 + b1, 0) @ w2 + b2)
    assert_close(layer([x, prior]), x * gate)


def test_a_gate_reads_the_features_and_does_not_train_them():
    x, prior, features = (tf.constant(normal(3, n, seed=n)) for n in (4, 5, 6))
    layer = filled(GateNU(), (None, 4), (None, 5), (None, 6))
    with tf.GradientTape() as tape:
        tape.watch([prior, features])
        y = layer([x, prior, features])
    of_prior, of_features = tape.gradient(y, [prior, features])
    assert of_features is None and np.abs(of_prior).max() > 0
    assert np.abs(layer([x, prior, 2 * features]) - y).max() > 1e-3


def test_exponents_are_powers_of_magnitudes():
    layer = LogarithmicTransform(2, normalize=False)
    layer.build((None, 3, 4))
    layer.set_weights([np.array([[2.0, 1.0], [0.0, -1.0], [1.0, 0.5]])])
    x = normal(2, 3, 4)
    one, two, three = (np.abs(x[:, i]) for i in range(3))
    expected = np.concatenate([one**2 * three, one / two * three**0.5], -1)
    assert_close(layer(x), expected)


def test_a_masked_field_is_no_factor():
    layer = LogarithmicTransform(2, normalize=False)
    layer.build((None, 3, 4))
    x = normal(2, 3, 4)
    mask = np.array([[True, True, False]] * 2)
    one = np.concatenate([x[:, :2], np.ones((2, 1, 4))], 1)
    assert_close(layer(x, mask=mask), layer(one))


@pytest.mark.parametrize("width", [1, 2, 5, 8])
def test_circular_products_are_sums_of_products(width):
    x = normal(2, 3, width)
    pairs = [(0, 1), (0, 2), (1, 2)]
    for kind, sign in (("circular_convolution", -1), ("circular_correlation", 1)):
        expected = np.zeros((2, 3, width))
        for n, (i, j) in enumerate(pairs):
            for k in range(width):
                for m in range(width):
                    at = (k - m) % width if sign == -1 else (k + m) % width
                    expected[:, n, k] += x[:, i, m] * x[:, j, at]
        assert_close(HolographicInteraction(kind)(x), expected)
    products = np.stack([x[:, i] * x[:, j] for i, j in pairs], 1)
    assert_close(HolographicInteraction("product")(x), products)


def test_an_euler_interaction_is_a_product_of_complex_powers():
    layer = EulerInteraction(2)
    layer.build([(None, 3, 4)] * 2)
    orders = np.array([[1.0, 2.0], [1.0, -1.0], [0.0, 1.0]])
    layer.set_weights([orders, *(np.zeros(w.shape) for w in layer.weights[1:])])
    r, p = normal(2, 3, 4), normal(2, 3, 4, seed=1)
    x = r + 1j * p
    expected = np.stack([x[:, 0] * x[:, 1], x[:, 0] ** 2 / x[:, 1] * x[:, 2]], 1)
    real, imaginary = layer([r, p])
    # 1e-8 is added to the squares of the magnitudes.
    assert_close(real, expected.real, 1e-5)
    assert_close(imaginary, expected.imag, 1e-5)


def test_fields_of_nothing_have_finite_gradients_of_their_phases():
    layer = filled(EulerInteraction(2), (None, 3, 4), (None, 3, 4))
    zero = tf.zeros((2, 3, 4), "float64")
    with tf.GradientTape() as tape:
        tape.watch(zero)
        y = layer([zero, zero])
    assert np.isfinite(tape.gradient(y, zero)).all()
