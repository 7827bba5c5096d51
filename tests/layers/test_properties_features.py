"""Properties of the crosses, the factorisation machines and the interactions of fields."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.properties import assert_close, float64, normal  # noqa: F401

from keras_hadamard.layers import (
    AttentionalFactorizationMachine,
    CompressedInteraction,
    CrossNetwork,
    DotInteraction,
    FactorizationMachine,
    FeatureCross,
    FieldAwareFactorizationMachine,
    InnerProductInteraction,
    MixtureCross,
    OuterProductInteraction,
)
from keras_hadamard.ops import factorization_machine


def filled(layer, *shapes):
    """The layer, built, each of its weights of other numbers."""
    layer.build(list(shapes) if len(shapes) > 1 else shapes[0])
    layer.set_weights([normal(*w.shape, seed=n) for n, w in enumerate(layer.weights)])
    return layer


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def relu(x):
    return np.maximum(x, 0)


def misfit(layer, degree, width=4):
    """How far the output along a ray is from a polynomial of the degree."""
    t = np.linspace(-1, 1, degree + 6)[:, None]
    y = np.asarray(layer(t * normal(1, width)))
    coefficients = np.polynomial.polynomial.polyfit(t[:, 0], y, degree)
    fit = np.polynomial.polynomial.polyval(t[:, 0], coefficients).T
    return np.abs(fit - y).max() / np.abs(y).max()


# Crosses.


def test_the_weights_of_a_cross_stand_in_the_order_of_other_packages():
    x0, x = normal(3, 4), normal(3, 4, seed=1)
    kernel, bias = normal(4, 4, seed=2), normal(4, seed=3)
    layer = FeatureCross(diag_scale=0.5, pre_activation="relu")
    layer.build((None, 4))
    layer.set_weights([kernel, bias])
    assert_close(layer(x0, x), x0 * (relu(x @ kernel + bias) + 0.5 * x) + x)
    u, v = normal(4, 2, seed=4), normal(2, 4, seed=5)
    layer = FeatureCross(2, diag_scale=0.5, pre_activation="relu")
    layer.build((None, 4))
    layer.set_weights([u, v, bias])
    assert_close(layer(x0, x), x0 * (relu(x @ u @ v + bias) + 0.5 * x) + x)


def test_the_calls_of_a_cross_are_one():
    x0, x = normal(3, 4), normal(3, 4, seed=1)
    for layer in (filled(FeatureCross(2), (None, 4)), filled(MixtureCross(2), (None, 4))):
        assert_close(layer(x0, x), layer([x0, x]))
        assert_close(layer(x0), layer(x0, x0))
        a, b = (keras.Input((4,), dtype="float64") for _ in range(2))
        assert_close(keras.Model([a, b], layer(a, b))([x0, x]), layer(x0, x))


def test_a_cross_saved_with_two_arguments_is_built_again(tmp_path):
    a, b = (keras.Input((4,), dtype="float64") for _ in range(2))
    model = keras.Model([a, b], FeatureCross(2)(a, b))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    inputs = [normal(3, 4), normal(3, 4, seed=1)]
    assert_close(again(inputs), model(inputs))


@pytest.mark.parametrize("layer", [FeatureCross, MixtureCross])
def test_inputs_that_do_not_fit_are_refused(layer):
    for attempt in (
        ([normal(3, 4), normal(3, 5)],),
        (normal(3, 4), normal(3, 5)),
        ([normal(3, 4)] * 3,),
        (normal(3, 4), normal(3, 2, 4)),
    ):
        with pytest.raises(ValueError, match="Received: "):
            layer()(*attempt)


def test_full_rank_in_two_factors_is_full_rank():
    u, v, bias = normal(4, 4), normal(4, 4, seed=1), normal(4, seed=2)
    low, full = FeatureCross(4, diag_scale=0.3), FeatureCross()
    for layer, weights in ((low, [u, v, bias]), (full, [u @ v + 0.3 * np.eye(4), bias])):
        layer.build((None, 4))
        layer.set_weights(weights)
    x0, x = normal(3, 4, seed=3), normal(3, 4, seed=4)
    assert_close(low(x0, x), full(x0, x))


@pytest.mark.parametrize("parameterization", ["matrix", "low_rank", "vector"])
@pytest.mark.parametrize("num_layers", [1, 2, 4])
def test_crosses_are_a_polynomial_of_one_degree_more(parameterization, num_layers):
    layer = filled(CrossNetwork(num_layers, parameterization), (None, 4))
    assert misfit(layer, num_layers + 1) < 1e-9
    assert misfit(layer, num_layers) > 1e-7


@pytest.mark.parametrize("rank", [None, 2])
def test_a_network_is_a_stack_of_crosses(rank):
    kind = "matrix" if rank is None else "low_rank"
    options = {"diag_scale": 0.25, "pre_activation": "tanh"}
    network = filled(CrossNetwork(3, kind, rank, **options), (None, 4))
    x0 = normal(3, 4, seed=9)
    x = x0
    for n in range(3):
        layer = FeatureCross(rank, **options)
        layer.build((None, 4))
        down = [network.down_projections[n].kernel] if rank else []
        layer.set_weights([*down, *network.projections[n].get_weights()])
        x = layer(x0, x)
    assert_close(network(x0), x)


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("num_layers", [1, 3])
def test_vectors_in_closed_form_are_the_recursion(num_layers, use_bias):
    layer = filled(CrossNetwork(num_layers, "vector", use_bias=use_bias), (None, 2, 6))
    kernel = np.asarray(layer.vectors.kernel)
    bias = np.asarray(layer.bias) if use_bias else np.zeros((num_layers, 6))
    x0 = normal(4, 2, 6, seed=9)
    x = x0
    for n in range(num_layers):
        x = x0 * (x @ kernel[:, n])[..., None] + bias[n] + x
    assert_close(layer(x0), x)


def test_equal_seeds_do_not_make_equal_crosses():
    for kind in ("matrix", "vector"):
        network = CrossNetwork(2, kind, kernel_initializer=keras.initializers.RandomNormal(seed=1))
        network.build((None, 4))
        if kind == "matrix":
            one, other = (np.asarray(layer.kernel) for layer in network.projections)
        else:
            one, other = np.asarray(network.vectors.kernel).T
        assert np.abs(one - other).min() > 0


def test_a_quarter_of_the_width_is_the_rank():
    network, mixture = CrossNetwork(1, "low_rank"), MixtureCross()
    for layer in (network, mixture):
        layer.build((None, 12))
    assert network.down_projections[0].kernel.shape == (12, 3)
    assert mixture.down_projection.kernel.shape == (12, 4 * 3)
    assert FeatureCross().projection_dim is None


@pytest.mark.parametrize(
    "options",
    [
        {"parameterization": "matrix", "projection_dim": 2},
        {"parameterization": "vector", "diag_scale": 0.5},
        {"parameterization": "vector", "pre_activation": "relu"},
        {"parameterization": "full"},
        {"num_layers": 0},
        {"diag_scale": -1.0},
    ],
)
def test_options_of_another_parameterization_are_refused(options):
    with pytest.raises(ValueError, match="Received: "):
        CrossNetwork(**options)


@pytest.mark.parametrize("gate", ["softmax", "sigmoid"])
def test_a_mixture_is_the_gated_sum_of_its_experts(gate):
    experts, rank, width = 3, 2, 5
    layer = filled(MixtureCross(experts, rank, gate_activation=gate), (None, width))
    x0, x = normal(4, width, seed=8), normal(4, width, seed=9)
    v, c, u = (
        np.asarray(part.kernel).reshape(part.kernel.shape[0], experts, -1)
        for part in (layer.down_projection, layer.inner, layer.up)
    )
    scores = x @ np.asarray(layer.gate.kernel)
    gates = softmax(scores) if gate == "softmax" else 1 / (1 + np.exp(-scores))
    expected = x
    for i in range(experts):
        hidden = np.tanh(np.tanh(x @ v[:, i]) @ c[:, i])
        expert = x0 * (hidden @ u[:, i] + np.asarray(layer.bias))
        expected = expected + gates[:, i : i + 1] * expert
    assert_close(layer(x0, x), expected)


def test_equal_linear_experts_are_one_low_rank_cross():
    # Whatever the gate: it shares itself out among equals.
    mixture = filled(MixtureCross(2, 2, activation=None), (None, 4))
    bias, v, c, u, gate = mixture.get_weights()
    v, c, u = (np.tile(w[:, : w.shape[1] // 2], 2) for w in (v, c, u))
    mixture.set_weights([bias, v, c, u, gate])
    cross = FeatureCross(2)
    cross.build((None, 4))
    cross.set_weights([v[:, :2], c[:, :2] @ u[:, :4], bias])
    x0, x = normal(3, 4, seed=8), normal(3, 4, seed=9)
    assert_close(mixture(x0, x), cross(x0, x))


# Factorisation machines.


def brute_force(x, kernels, order):
    """The sum over all sets of features, each with the weight of its factors."""
    y = 0
    for m in range(2, order + 1):
        for chosen in itertools.combinations(range(x.shape[-1]), m):
            weight = kernels[m - 2][list(chosen)].prod(0).sum()
            y = y + weight * x[..., list(chosen)].prod(-1)
    return y


@pytest.mark.parametrize("order", [2, 3, 4])
@pytest.mark.parametrize("shared", [False, True])
def test_a_machine_is_the_sum_over_all_sets_of_features(order, shared):
    layer = filled(FactorizationMachine(3, order, shared), (None, 2, 5))
    kernels = [np.asarray(part.kernel) for part in layer.interactions]
    assert len(kernels) == (1 if shared else order - 1)
    kernels = kernels * (order - 1) if shared else kernels
    x = normal(4, 2, 5, seed=9)
    linear = x @ np.asarray(layer.linear.kernel)[:, 0] + float(layer.bias[0])
    assert_close(layer(x)[..., 0], linear + brute_force(x, kernels, order), 1e-10)


def test_a_machine_is_the_op_on_weighted_factors():
    layer = filled(FactorizationMachine(3, use_linear=False, use_bias=False), (None, 5))
    (kernel,) = layer.get_weights()
    x = normal(4, 5, seed=9)
    assert_close(layer(x), factorization_machine(x[:, :, None] * kernel))


def test_no_feature_meets_itself():
    for order in (2, 3):
        layer = filled(FactorizationMachine(3, order), (None, 5))
        x = np.zeros((3, 5))
        x[:, 2] = [1.0, 2.0, 3.0]  # Along one feature the machine is linear.
        assert_close(np.diff(np.asarray(layer(x))[:, 0], n=2), [0.0], 1e-10)


def test_orders_that_the_features_do_not_have_are_refused():
    for attempt in (
        lambda: FactorizationMachine(3, 1),
        lambda: FactorizationMachine(3, 4)(normal(2, 3)),
    ):
        with pytest.raises(ValueError, match="order"):
            attempt()


def test_float16_machines_sum_in_float32():
    x = np.full((1, 4), 300.0, "float16")  # Squares overflow, their difference does not.
    layer = FactorizationMachine(1, use_linear=False, dtype="mixed_float16")
    layer.build((None, 4))
    layer.set_weights([np.zeros(1), np.array([[1.0], [0.01], [0.0], [0.0]])])
    assert abs(float(layer(x)[0, 0]) - 900) < 4


def tables(layer):
    fields = len(layer.vocabulary_sizes)
    return np.asarray(layer.embeddings).reshape(-1, fields, layer.factors)


@pytest.mark.parametrize("reduce", [False, True])
def test_field_aware_embeddings_meet_the_other_field(reduce):
    sizes = (3, 2, 4)
    layer = filled(FieldAwareFactorizationMachine(sizes, 5, reduce=reduce), (None, 3))
    x = np.array([[2, 0, 3], [0, 1, 0], [1, 1, 2]])
    rows = x + np.array([0, 3, 5])
    met = tables(layer)[rows]
    pairs = [met[:, i, j] * met[:, j, i] for i, j in itertools.combinations(range(3), 2)]
    expected = np.stack(pairs, 1)
    assert_close(layer(x), expected.sum((1, 2))[:, None] if reduce else expected)


@pytest.mark.parametrize("category", [-1, 2])
def test_a_category_of_another_field_is_an_error(category):
    layer = FieldAwareFactorizationMachine((3, 2, 4), 5)
    with pytest.raises(ValueError, match=rf"field 1 .*Received: category={category}"):
        layer(np.array([[0, category, 0]]))


def test_equal_scores_attend_to_all_pairs_alike():
    layer = filled(AttentionalFactorizationMachine(4, units=None), (None, 5, 3))
    layer.score.kernel.assign(np.zeros((4, 1)))
    x = normal(2, 5, 3)
    assert_close(layer(x), factorization_machine(x, reduce=False) / 10)


def test_attention_is_over_the_pairs():
    layer = filled(AttentionalFactorizationMachine(4, units=2), (None, 5, 3))
    x = normal(2, 5, 3, seed=9)
    products = np.stack([x[:, i] * x[:, j] for i, j in itertools.combinations(range(5), 2)], 1)
    w, b, h, c, p, d = layer.get_weights()
    weights = softmax((relu(products @ w + b) @ h + c)[..., 0])
    assert_close(layer(x), np.einsum("bp,bpw->bw", weights, products) @ p + d)


def test_no_attention_is_given_to_masked_fields():
    layer = filled(AttentionalFactorizationMachine(4), (None, 5, 3))
    x = normal(2, 5, 3)
    mask = tf.constant([[True, True, False, True, False]] * 2)
    assert_close(layer(x, mask=mask), layer(x[:, [0, 1, 3]]))
    # With nothing to attend to, what remains is the bias.
    nothing = layer(x, mask=tf.zeros((2, 5), bool))
    assert_close(nothing, np.broadcast_to(layer.output_projection.bias, (2, 1)))


def test_dropout_of_attention_is_of_training_alone():
    layer = AttentionalFactorizationMachine(4, attention_dropout=0.5, dropout=0.5, seed=1)
    x = normal(8, 5, 3)
    assert_close(layer(x), layer(x, training=False))
    assert np.abs(layer(x, training=True) - layer(x)).max() > 1e-3


# Interactions of fields.

FIELD_LAYERS = [
    InnerProductInteraction(),
    DotInteraction(self_interaction=True),
    DotInteraction(skip_gather=True),
    OuterProductInteraction("mat"),
    OuterProductInteraction("vec"),
    OuterProductInteraction("num"),
    CompressedInteraction((4, 3)),
    AttentionalFactorizationMachine(4),
]


@pytest.mark.parametrize("layer", FIELD_LAYERS, ids=lambda f: type(f).__name__)
def test_a_list_of_fields_is_their_stack(layer):
    layer = type(layer).from_config({**layer.get_config(), "dtype": "float64"})
    x = normal(2, 4, 3)
    assert_close(layer(list(np.moveaxis(x, 1, 0))), layer(x))


@pytest.mark.parametrize("layer", FIELD_LAYERS[:-1], ids=lambda f: type(f).__name__)
def test_a_masked_field_is_zero(layer):
    layer = type(layer).from_config({**layer.get_config(), "dtype": "float64"})
    x, zeroed = normal(2, 4, 3), normal(2, 4, 3)
    x[:, 2], zeroed[:, 2] = np.inf, 0
    assert_close(layer(x, mask=tf.constant([[True, True, False, True]] * 2)), layer(zeroed))


def test_pairs_in_the_order_of_rows():
    x = normal(2, 4, 3)
    expected = [(x[:, i] * x[:, j]).sum(-1) for i, j in itertools.combinations(range(4), 2)]
    assert_close(InnerProductInteraction()(x), np.stack(expected, 1))


@pytest.mark.parametrize("self_interaction", [False, True])
def test_dots_are_the_lower_triangle_and_whole_the_matrix(self_interaction):
    x = normal(2, 4, 3)
    matrix = np.tril(np.einsum("biw,bjw->bij", x, x), 0 if self_interaction else -1)
    rows, columns = np.tril_indices(4, 0 if self_interaction else -1)
    assert_close(DotInteraction(self_interaction)(x), matrix[:, rows, columns])
    whole = DotInteraction(self_interaction, skip_gather=True)(x)
    assert_close(whole, matrix.reshape(2, 16))


def test_kernels_of_nothing_but_ones_are_the_inner_product():
    x = normal(2, 4, 3)
    inner = InnerProductInteraction()(x)
    for kind in ("vec", "num"):
        assert_close(OuterProductInteraction(kind, kernel_initializer="ones")(x), inner)
    layer = OuterProductInteraction("mat")
    layer.build((None, 4, 3))
    layer.set_weights([np.tile(np.eye(3), 6)])
    assert_close(layer(x), inner)


def test_each_pair_has_a_bilinear_form_of_its_own():
    layer = filled(OuterProductInteraction("mat"), (None, 4, 3))
    kernel = layer.get_weights()[0].reshape(3, 6, 3)
    x = normal(2, 4, 3, seed=9)
    pairs = itertools.combinations(range(4), 2)
    expected = [
        np.einsum("bd,de,be->b", x[:, i], kernel[:, n], x[:, j]) for n, (i, j) in enumerate(pairs)
    ]
    assert_close(layer(x), np.stack(expected, 1))


def test_float16_dots_sum_in_float32():
    x = np.full((1, 2, 8), 200.0, "float16")
    x[0, 1, 4:] = -200
    for layer in (InnerProductInteraction, DotInteraction):
        assert float(layer(dtype="float16")(x)[0, 0]) == 0.0
    assert float(OuterProductInteraction("num", dtype="float16")(x)[0, 0]) == 0.0


@pytest.mark.parametrize("split_half", [False, True])
def test_compressed_interactions_are_the_sums_of_the_paper(split_half):
    sizes = (4, 2, 3)
    layer = filled(CompressedInteraction(sizes, 2, split_half, "relu"), (None, 5, 3))
    x0 = normal(2, 5, 3, seed=9)
    h, kept = x0, []
    for n, size in enumerate(sizes):
        kernel, bias = (np.asarray(w) for w in layer.crosses[n].weights)
        kernel = kernel.reshape(5, h.shape[1], size)
        x = relu(np.einsum("bie,bje,ijn->bne", x0, h, kernel) + bias[:, None])
        split = split_half and n < len(sizes) - 1
        kept.append(x[:, : size // 2] if split else x)
        h = x[:, size // 2 :] if split else x
    features = np.concatenate(kept, 1).sum(2)
    assert features.shape[1] == (2 + 1 + 3 if split_half else 9)
    kernel, bias = layer.output_projection.get_weights()
    assert_close(layer(x0), features @ kernel + bias)


def test_compressed_interactions_have_the_degree_of_their_depth():
    layer = filled(CompressedInteraction((4, 3)), (None, 2, 2))

    def flat(x):
        return layer(np.reshape(x, (-1, 2, 2)))

    assert misfit(flat, 3) < 1e-9
    assert misfit(flat, 2) > 1e-5


def test_an_odd_layer_cannot_be_split():
    with pytest.raises(ValueError, match="even"):
        CompressedInteraction((3, 4), split_half=True)
    assert CompressedInteraction((4, 3), split_half=True).layer_sizes == [4, 3]


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize(
    "layer",
    [*FIELD_LAYERS, CrossNetwork(), CrossNetwork(3, "vector"), FactorizationMachine(2, 3)],
    ids=lambda f: type(f).__name__,
)
def test_gradients_are_finite_at_huge_input(layer, jit):
    layer = type(layer).from_config({**layer.get_config(), "dtype": "float32"})
    crosses = isinstance(layer, CrossNetwork | FactorizationMachine)
    x = tf.fill((2, 4) if crosses else (2, 4, 3), 1e6)

    @tf.function(jit_compile=jit)
    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
        return tape.gradient(y, x)

    layer(x)
    assert np.isfinite(gradient(x)).all()
