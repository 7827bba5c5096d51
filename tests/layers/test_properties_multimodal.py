"""Properties of gates between modalities, of attention over sets, and of gates of columns."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.properties import assert_close, float64, normal  # noqa: F401

from keras_hadamard.layers import (
    AttentionPooling,
    GatedCrossAttention,
    MultimodalAdaptationGate,
    MultimodalTransferModule,
    TabNetEncoder,
    VariableSelection,
)
from keras_hadamard.layers._normalization import BatchNormalization
from keras_hadamard.layers._normalization.ghost import GhostBatchNormalization


def scramble(layer):
    """No weight and no statistic stays where it starts."""
    for i, weight in enumerate(layer.weights):
        value = normal(*weight.shape, seed=10 + i)
        weight.assign(np.abs(value) if "variance" in weight.name else value)
    return layer


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def dense(layer, x):
    kernel, *bias = (np.asarray(w) for w in layer.get_weights())
    return x @ kernel + (bias[0] if bias else 0)


def layer_norm(x, epsilon=1e-5):
    """Before its scale and its shift."""
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon)


# Attention over a set.


@pytest.mark.parametrize("gated", [True, False])
@pytest.mark.parametrize("branches", [1, 3])
def test_attention_pooling_is_its_equation(gated, branches):
    x = normal(2, 6, 5)
    layer = AttentionPooling(4, branches, gated, return_weights=True)
    layer.build(x.shape)
    scramble(layer)
    hidden = np.tanh(dense(layer.value_projection, x))
    if gated:
        hidden = hidden * sigmoid(dense(layer.gate_projection, x))
    a = softmax(np.swapaxes(dense(layer.score_projection, hidden), 1, 2))
    y, weights = layer(x)
    assert_close(y, np.squeeze(a @ x, 1) if branches == 1 else a @ x)
    assert_close(weights, a[:, 0] if branches == 1 else a)


def test_attention_pooling_knows_no_order_and_no_position():
    x = normal(2, 6, 5)
    layer = AttentionPooling(4, return_weights=True)
    y, weights = layer(x)
    shuffled, moved = layer(x[:, ::-1])
    assert_close(shuffled, y)
    assert_close(np.asarray(moved)[:, ::-1], weights)
    image, of_image = layer(x.reshape(2, 2, 3, 5))
    assert_close(image, y)
    assert_close(of_image, np.asarray(weights).reshape(2, 2, 3))


def test_attention_pooling_of_fewer_instances_is_that_of_a_mask():
    x, layer = normal(2, 6, 5), AttentionPooling(4, 2, return_weights=True)
    mask = np.array([[True] * 4 + [False] * 2, [False] * 6])
    y, weights = layer(x, mask=mask)
    fewer, of_fewer = layer(x[:, :4])
    assert_close(y[0], fewer[0])
    assert_close(weights[0, :, :4], of_fewer[0])
    assert not np.any(weights[0, :, 4:])
    # A bag of nothing is zero.
    assert not np.any(y[1]) and not np.any(weights[1])


def test_attention_pooling_drops_both_factors():
    layer = AttentionPooling(4, dropout=0.999999, seed=1, return_weights=True)
    _, weights = layer(normal(1, 6, 5), training=True)
    assert_close(weights, np.full((1, 6), 1 / 6))


def test_attention_pooling_refuses():
    for shape in ((2, 5), (2, 4, None)):
        with pytest.raises(ValueError, match=r"known width\. Received: shape"):
            AttentionPooling(4).compute_output_shape(shape)


# The adaptation gate.


def _adaptation(beta, *others):
    x = normal(2, 6, 5)
    layer = MultimodalAdaptationGate(beta)
    layer.build([x.shape, *(z.shape for z in others)])
    return x, scramble(layer)


@pytest.mark.parametrize("beta", [0.0, 0.1, 1.0, 100.0])
def test_adaptation_gate_is_its_equation(beta):
    others = [normal(2, 6, 3, seed=1), normal(2, 4, seed=2)]
    x, layer = _adaptation(beta, *others)
    shift = 0
    for other, value, gate in zip(others, layer.values, layer.gates, strict=True):
        other = other if other.ndim == 3 else np.repeat(other[:, None], 6, 1)
        g = np.maximum(dense(gate, np.concatenate([other, x], -1)), 0)
        shift = shift + g * dense(value, other)
    lengths = [np.linalg.norm(z, axis=-1, keepdims=True) for z in (x, shift)]
    shift = np.minimum(beta * lengths[0] / (lengths[1] + 1e-6), 1) * shift
    gamma, offset = layer.normalization.get_weights()
    assert_close(layer([x, *others]), gamma * layer_norm(x + shift) + offset, 1e-11)
    # The shift is no longer than that.
    assert (np.linalg.norm(shift, axis=-1) <= beta * lengths[0][..., 0] * (1 + 1e-9)).all()


def test_adaptation_gate_without_a_shift_is_the_norm_of_its_input():
    x, layer = _adaptation(1.0, normal(2, 4))
    layer.gates[0].set_weights([np.zeros((9, 5)), np.full(5, -1.0)])
    gamma, offset = layer.normalization.get_weights()
    assert_close(layer([x, normal(2, 4)]), gamma * layer_norm(x) + offset)


def test_adaptation_gate_refuses():
    for inputs in ([np.ones((2, 6))], [np.ones((2, 6)), np.ones((2, 3, 4))]):
        with pytest.raises(ValueError, match="Received: "):
            MultimodalAdaptationGate()(inputs)
    with pytest.raises(ValueError, match="`beta`"):
        MultimodalAdaptationGate(-1.0)


# The transfer module.


@pytest.mark.parametrize("gate_scale", [1.0, 2.0])
def test_transfer_module_is_its_equation(gate_scale):
    x = [normal(2, 4, 3, 5), normal(2, 6, 7, seed=1)]
    layer = MultimodalTransferModule(3, gate_scale)
    layer.build([z.shape for z in x])
    scramble(layer)
    assert layer.squeeze.units == 8
    means = np.concatenate([z.mean(tuple(range(1, z.ndim - 1))) for z in x], -1)
    e = np.maximum(dense(layer.squeeze, means), 0)
    for y, z, excitation in zip(layer(x), x, layer.excitations, strict=True):
        gate = gate_scale * sigmoid(dense(excitation, e))
        assert_close(y, z * gate.reshape(2, *[1] * (z.ndim - 2), -1))


def test_transfer_module_leaves_masked_positions_out_of_the_means():
    x, z = normal(2, 6, 5), normal(2, 7, seed=1)
    layer = MultimodalTransferModule()
    mask = np.array([[True] * 4 + [False] * 2] * 2)
    y, other = layer([x, z], mask=[mask, None])
    fewer, of_fewer = layer([x[:, :4], z])
    assert_close(np.asarray(y)[:, :4], fewer)
    assert_close(other, of_fewer)


def test_transfer_module_of_zeros_starts_as_the_identity_in_the_papers_scale():
    x = [normal(2, 6, 5), normal(2, 7, seed=1)]
    zeros = MultimodalTransferModule(kernel_initializer="zeros")
    for y, z in zip(zeros(x), x, strict=True):
        assert_close(y, z)


def test_transfer_module_refuses():
    for inputs in ([np.ones((2, 6))], [np.ones((2, 6)), np.ones((3, 4))]):
        with pytest.raises(ValueError, match="Received: "):
            MultimodalTransferModule()(inputs)
    for arguments in ({"ratio": 0}, {"gate_scale": 0.0}):
        with pytest.raises(ValueError, match="positive number"):
            MultimodalTransferModule(**arguments)


# Gated cross-attention.


def _cross(**kwargs):
    x, media = normal(2, 6, 4), normal(2, 3, 5, 7, seed=1)
    layer = GatedCrossAttention(2, 3, **kwargs)
    layer.build([x.shape, media.shape])
    return x, media, layer


def test_cross_attention_starts_as_the_identity():
    x, media, layer = _cross()
    assert_close(layer([x, media]), x)
    scramble(layer)
    assert np.abs(layer([x, media]) - x).max() > 0.1


def _read(layer, x, media):
    """The first step for a sequence of tokens that all see all of `media`, (positions, width)."""
    gamma, beta = layer.attention_norm.get_weights()
    q = dense(layer.query_projection, layer_norm(x) * gamma + beta).reshape(-1, 2, 3)
    k, v = (
        dense(p, media).reshape(-1, 2, 3) for p in (layer.key_projection, layer.value_projection)
    )
    a = softmax(np.einsum("thd,shd->hts", q, k) / np.sqrt(3))
    read = np.einsum("hts,shd->thd", a, v).reshape(-1, 6)
    return dense(layer.output_projection, read)


@pytest.mark.parametrize("only_last", [True, False])
def test_a_token_sees_the_images_before_it(only_last):
    x, media, layer = _cross(only_last=only_last)
    scramble(layer)
    layer.hidden_gate.assign(0.0)
    locations = np.array([[0, 1, 0, 1, 0, 0], [1, 0, 0, 0, 1, 1]], bool)
    y = np.asarray(layer([x, media], media_locations=locations))
    gate = np.tanh(np.asarray(layer.attention_gate))
    for row, so_far in enumerate(np.cumsum(locations, 1)):
        for place, number in enumerate(so_far):
            token = x[row, place : place + 1]
            seen = media[row, number - 1 if only_last else 0 : number].reshape(-1, 7)
            read = _read(layer, token, seen) if number else 0
            assert_close(y[row, place], (token + gate * read)[0])
    # Before any image, the token is left as it is.
    assert_close(y[0, 0], x[0, 0])


def test_one_image_needs_no_axis_of_images():
    x, media, layer = _cross()
    scramble(layer)
    assert_close(layer([x, media[:, 0]]), layer([x, media[:, :1]]))


def test_masked_media_are_not_seen():
    x, media, layer = _cross()
    scramble(layer)
    mask = np.ones((2, 3, 5), bool)
    mask[:, 1:] = False
    y = layer([x, np.where(mask[..., None], media, np.nan)], mask=[None, mask])
    assert_close(y, layer([x, media[:, :1]]))


def test_locations_are_inputs_of_a_model_of_unknown_lengths(tmp_path):
    x, media = (
        keras.Input((None, 4), dtype="float64"),
        keras.Input((None, None, 7), dtype="float64"),
    )
    locations = keras.Input((None,), dtype="bool")
    layer = GatedCrossAttention(2, 3)
    model = keras.Model([x, media, locations], layer([x, media], media_locations=locations))
    scramble(layer)
    values = [normal(2, 6, 4), normal(2, 3, 5, 7, seed=1), np.arange(12).reshape(2, 6) % 4 == 0]
    y = model(values)
    assert_close(y, layer(values[:2], media_locations=values[2]))
    model.save(tmp_path / "m.keras")
    assert_close(keras.models.load_model(tmp_path / "m.keras")(values), y)


def test_cross_attention_refuses():
    for inputs in ([np.ones((2, 6)), np.ones((2, 3, 4))], [np.ones((2, 6, 5)), np.ones((2, 4))]):
        with pytest.raises(ValueError, match="`media`"):
            GatedCrossAttention()(inputs)
    with pytest.raises(ValueError, match="`expansion`"):
        GatedCrossAttention(expansion=0)


# Variable selection.


@pytest.mark.parametrize("context", [False, True])
def test_variable_selection_is_its_equation(context):
    x = [normal(2, 6, 5), normal(2, 3, seed=1), *([normal(2, 4, seed=2)] if context else [])]
    layer = VariableSelection(4, 7, use_context=context, return_weights=True)
    layer.build([z.shape for z in x])
    scramble(layer)
    y, weights = layer(x)
    both = np.concatenate([x[0], np.repeat(x[1][:, None], 6, 1)], -1)
    w = softmax(np.asarray(layer.selection([both, *x[2:]])))
    one, other = (np.asarray(g(z)) for g, z in zip(layer.networks, x, strict=False))
    assert_close(weights, w)
    assert_close(y, w[..., :1] * one + w[..., 1:] * other[:, None])


def test_a_context_moves_the_weights_and_not_the_variables():
    # Three, as a normalisation leaves of two numbers only which one is greater.
    x = [normal(2, width, seed=width) for width in (5, 3, 2)]
    layer = VariableSelection(4, use_context=True)
    layer.build([(2, 5), (2, 3), (2, 2), (2, 6)])
    scramble(layer)
    given = [np.asarray(layer([*x, c])) for c in (normal(2, 6), normal(2, 6, seed=3))]
    assert np.abs(given[0] - given[1]).max() > 1e-3
    layer.selection.context_projection.set_weights([np.zeros((6, 4))])
    given = [np.asarray(layer([*x, c])) for c in (normal(2, 6), normal(2, 6, seed=3))]
    assert_close(*given)


def test_the_networks_of_one_seed_drop_other_features():
    layer = VariableSelection(4, dropout=0.5, seed=1)
    layer.build([(2, 5), (2, 5)])
    seeds = {network.drop.seed for network in [*layer.networks, layer.selection]}
    assert len(seeds) == 3


def test_variable_selection_refuses():
    for inputs in ([np.ones((2, 6))], [np.ones((2, 6)), np.ones((3, 4))]):
        with pytest.raises(ValueError, match="Received: "):
            VariableSelection(4)(inputs)
    with pytest.raises(ValueError, match="variables and the context"):
        VariableSelection(4, use_context=True)([np.ones((2, 6)), np.ones((2, 4))])


# TabNet.


def _tab_net(x, **kwargs):
    layer = TabNetEncoder(3, return_masks=True, **kwargs)
    layer.build(x.shape)
    return scramble(layer)


@pytest.mark.parametrize("training", [False, True])
def test_masks_are_shares_of_few_columns(training):
    x = normal(20, 9)
    _, masks = _tab_net(x)(x, training=training)
    masks = np.asarray(masks)
    assert_close(masks.sum(-1), np.ones((20, 3)))
    assert (masks >= 0).all() and (masks == 0).mean() > 0.4


def test_a_gamma_of_one_looks_at_no_more_of_a_column_than_there_is():
    x = normal(20, 9)
    layer = _tab_net(x, gamma=1.0, steps=4)
    layer.attention_norms[0].gamma.assign(np.zeros(9))
    first = np.zeros(9)
    first[4] = 5
    layer.attention_norms[0].beta.assign(first)
    _, masks = layer(x)
    # All of the fourth column is taken in the first step.
    assert_close(masks[:, 0, 4], np.ones(20))
    attended = np.asarray(layer.attention_norms[1].beta)
    layer.attention_norms[1].gamma.assign(np.zeros(9))
    layer.attention_norms[1].beta.assign(np.where(np.arange(9) == 4, 100, np.abs(attended)))
    assert not np.any(layer(x)[1][:, 1, 4])


def test_columns_outside_the_masks_reach_no_output():
    x = normal(1, 9)
    layer = _tab_net(x, steps=1)
    # The mask is of what the first network makes of all columns; here of nothing.
    layer.attentions[0].set_weights([np.zeros((3, 9))])
    y, masks = layer(x)
    outside = np.asarray(masks)[0, 0] == 0
    assert 0 < outside.sum() < 9
    changed = np.where(outside, 100.0, x)
    assert_close(layer(changed)[0], y)
    assert np.abs(layer(np.where(outside, x, 100.0))[0] - y).max() > 1e-3


def test_the_loss_is_the_entropy_of_the_masks():
    x = normal(6, 9)
    layer = _tab_net(x, sparsity=0.5)
    _, masks = layer(x)
    masks = np.asarray(masks)
    entropy = -np.where(masks > 0, masks * np.log(masks + 1e-15), 0).sum(-1).mean()
    assert_close(layer.losses, [0.5 * entropy], 1e-10)
    without = _tab_net(x, sparsity=0.0)
    without(x)
    assert without.losses == []


def test_steps_are_what_is_summed():
    x = normal(6, 9)
    steps, _ = _tab_net(x, sum_steps=False)(x)
    assert (np.asarray(steps) >= 0).all()
    assert_close(np.sum(steps, 1), _tab_net(x)(x)[0])


def test_steps_share_the_first_kernels_only():
    layer = _tab_net(normal(2, 9), shared_layers=2, own_layers=1, steps=4)
    assert len(layer.shared_projections) == 2
    assert len(layer.own_projections) == 5
    assert len(layer.norms) == 15


@pytest.mark.parametrize(
    ("batch", "sizes"), [(4, [4]), (5, [3, 2]), (7, [4, 3]), (10, [4, 4, 2]), (9, [3] * 3)]
)
@pytest.mark.parametrize("known", [True, False])
def test_ghosts_are_normalised_one_after_the_other(batch, sizes, known):
    x = normal(batch, 3)
    ghosts, whole = GhostBatchNormalization(4, momentum=0.7), BatchNormalization(momentum=0.7)
    ghosts.build(x.shape)
    whole.build(x.shape)
    scramble(ghosts)
    scramble(whole)
    function = tf.function(lambda x: ghosts(x, training=True), autograph=False)
    shape = x.shape if known else (None, 3)
    y = function.get_concrete_function(tf.TensorSpec(shape, "float64"))(tf.constant(x))
    # The sizes of PyTorch's `chunk`.
    parts = np.split(x, np.cumsum(sizes)[:-1])
    assert_close(y, np.concatenate([whole(part, training=True) for part in parts]))
    for one, other in zip(ghosts.weights, whole.weights, strict=True):
        assert_close(one, other)


def test_tab_net_refuses():
    for arguments in (
        {"gamma": 0.9},
        {"shared_layers": 0, "own_layers": 0},
        {"shared_layers": -1},
        {"virtual_batch_size": 0},
        {"sparsity": -1.0},
    ):
        with pytest.raises(ValueError, match="Received: "):
            TabNetEncoder(**arguments)
