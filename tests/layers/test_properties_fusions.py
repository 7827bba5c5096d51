"""Properties of the bilinear, gated and attending fusions: what must hold whatever the numbers."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.properties import assert_close, float64, normal  # noqa: F401

from keras_hadamard.layers import (
    BLOCK,
    GMU,
    LMF,
    MCB,
    MFB,
    MFH,
    MLB,
    MRN,
    MUTAN,
    BilinearAttention,
    BlockTucker,
    CrossModalGate,
    TensorFusion,
    TuckerFusion,
)
from keras_hadamard.layers.fusion._cores import chunk_sizes

CORES = {"mm_dim": 4, "projection_activation": None}


def pair(*lead):
    return [normal(*lead, 5), normal(*lead, 7, seed=1)]


def copy_weights(layer, other, paths):
    """Gives a layer another's weights by the paths of both."""
    weights = {w.path.partition("/")[2]: w for w in other.weights}
    for weight in layer.weights:
        path = weight.path.partition("/")[2]
        if path in weights and path not in paths:
            weight.assign(weights[path])


# Higher orders.


@pytest.mark.parametrize("rank", [None, 6])
def test_mfh_of_order_one_is_mfb(rank):
    mfh, mfb = MFH(6, rank, factor=3, order=1), MFB(6, rank, factor=3)
    x = pair(2)
    mfh(x), mfb(x)
    mfh.set_weights(mfb.get_weights())
    assert_close(mfh(x), mfb(x))


def test_block_i_of_mfh_is_of_degree_i_in_each_modality():
    layer = MFH(6, factor=2, order=3, normalize=False, use_bias=False)
    x, y = pair(2)
    scaled = np.asarray(layer([2 * x, 3 * y])) / np.asarray(layer([x, y]))
    assert_close(scaled, np.broadcast_to(np.repeat([6.0, 36.0, 216.0], 2), (2, 6)), 1e-9)


def test_dropout_of_mfh_is_handed_on():
    """An entry that is dropped in one block is zero in all that follow."""
    layer = MFH(400, factor=1, order=2, dropout=0.5, normalize=False, seed=1)
    first, second = np.split(np.asarray(layer(pair(1), training=True))[0], 2)
    assert 60 < (first == 0).sum() < 140
    assert (second[first == 0] == 0).all()
    assert (second == 0).sum() > (first == 0).sum()


# Tucker decompositions.


def test_mutan_of_full_rank_is_tucker():
    """Any core is a sum of as many products as it has rows: M_r picks row r, N_r is its matrix."""
    tucker, mutan = TuckerFusion(3, **CORES), MUTAN(3, rank=4, **CORES)
    x = pair(2)
    tucker(x), mutan(x)
    copy_weights(mutan, tucker, ())
    core = np.asarray(tucker.cores[0].kernel)[0]
    # Rank is the fastest index: column (k, r) of M is e_r, of N the matrix C[r, :, k].
    m = np.einsum("ir,k->ikr", np.eye(4), np.ones(4)).reshape(1, 4, 16)
    n = np.transpose(core, (1, 2, 0)).reshape(1, 4, 16)
    mutan.cores[0].set_weights([m, n])
    assert_close(mutan(x), tucker(x))


@pytest.mark.parametrize(
    ("whole", "chunked"),
    [
        (MUTAN(3, rank=2, normalize=True, **CORES), BLOCK(3, chunks=1, rank=2, mm_dim=4)),
        (TuckerFusion(3, normalize=True, **CORES), BlockTucker(3, chunks=1, mm_dim=4)),
    ],
    ids=["MUTAN", "TuckerFusion"],
)
@pytest.mark.parametrize("position", ["before_cat", "after_cat"])
def test_one_chunk_is_the_whole_core(whole, chunked, position):
    x = pair(2)
    config = {**chunked.get_config(), "normalize_position": position, "dtype": "float64"}
    chunked = type(chunked).from_config(config)
    whole = type(whole).from_config({**whole.get_config(), "dtype": "float64"})
    whole(x), chunked(x)
    chunked.set_weights(whole.get_weights())
    assert_close(chunked(x), whole(x))


@pytest.mark.parametrize("kind", [BLOCK, BlockTucker])
def test_chunks_do_not_see_one_another(kind):
    layer = kind(6, mm_dim=7, chunks=3, normalize=False)
    x = pair(1)
    layer(x)
    layer.output_projection.set_weights([np.eye(7)[:, :6], np.zeros(6)])
    before = np.asarray(layer(x))
    kernel, bias = layer.projections[0].get_weights()
    kernel[:, 3:6] += 1
    layer.projections[0].set_weights([kernel, bias])
    changed = (np.abs(np.asarray(layer(x)) - before) > 1e-6)[0]
    np.testing.assert_array_equal(changed, [False] * 3 + [True] * 3)


def test_normalised_chunks_have_unit_norm_each_or_together():
    norms = {}
    for position in ("before_cat", "after_cat"):
        layer = BLOCK(8, mm_dim=8, chunks=4, rank=2, normalize_position=position)
        layer.build([(None, 5), (None, 7)])
        layer.output_projection.set_weights([np.eye(8), np.zeros(8)])
        norms[position] = np.linalg.norm(np.asarray(layer(pair(3))).reshape(3, 4, 2), axis=-1)
    assert_close(norms["before_cat"], np.ones((3, 4)))
    assert_close(np.linalg.norm(norms["after_cat"], axis=-1), np.ones(3))


@pytest.mark.parametrize("position", ["before_cat", "after_cat"])
def test_the_axis_of_the_norm_may_be_the_positions(position):
    layer = BLOCK(6, mm_dim=6, chunks=2, rank=2, normalize_axis=1, normalize_position=position)
    layer.build([(None, 4, 5), (None, 4, 7)])
    layer.output_projection.set_weights([np.eye(6), np.zeros(6)])
    assert_close(np.linalg.norm(layer(pair(3, 4)), axis=1), np.ones((3, 6)))
    # Of vectors axis 1 is the features.
    flat = np.asarray(layer.from_config(layer.get_config())(pair(3)))
    assert np.isfinite(flat).all()


@pytest.mark.parametrize(
    ("width", "chunks", "expected"),
    [
        (12, 4, [(4, 3)]),
        (10, 4, [(3, 3), (1, 1)]),
        (10, 7, [(3, 2), (4, 1)]),
        (8, 5, [(3, 2), (2, 1)]),
        (5, 5, [(5, 1)]),
    ],
)
def test_chunk_sizes(width, chunks, expected):
    assert chunk_sizes(width, chunks) == expected
    assert sum(n * size for n, size in expected) == width


def test_chunk_sizes_use_up_every_width():
    for width, chunks in itertools.product(range(1, 40), range(1, 40)):
        if width >= chunks:
            sizes = chunk_sizes(width, chunks)
            assert sum(n for n, _ in sizes) == chunks
            assert sum(n * size for n, size in sizes) == width
            assert all(n > 0 and size > 0 for n, size in sizes)


@pytest.mark.parametrize("kind", [MUTAN, BLOCK, TuckerFusion])
def test_shared_projections_treat_both_inputs_alike(kind):
    options = {} if kind is TuckerFusion else {"rank": 2}
    if kind is BLOCK:
        options["chunks"] = 2
    layer = kind(3, mm_dim=4, shared_projections=True, **options)
    x, y = normal(2, 5), normal(2, 5, seed=1)
    one, other = layer([x, y]), layer([y, x])
    if kind is TuckerFusion:  # whose core is not symmetric
        assert np.abs(np.asarray(one) - other).max() > 1e-3
        assert len(layer.trainable_weights) == 5
    else:
        assert_close(one, other)
        assert len(layer.trainable_weights) == 5
    with pytest.raises(ValueError, match="one width for shared projections"):
        kind(3, mm_dim=4, shared_projections=True, **options)(pair(2))


# Sketches.


def test_mcb_is_the_count_sketch_of_the_outer_product():
    layer = MCB(6, sketch_dim=6, normalize=False, seed=3)
    x, y = pair(2)
    layer([x, y])
    layer.output_projection.set_weights([np.eye(6), np.zeros(6)])
    (h, s), (g, t) = ((np.asarray(z.indices), np.asarray(z.signs)) for z in layer.sketches)
    expected = np.zeros((2, 6))
    for i, j in itertools.product(range(5), range(7)):
        expected[:, (h[i] + g[j]) % 6] += s[i] * t[j] * x[:, i] * y[:, j]
    assert_close(layer([x, y]), expected)


def test_hashes_of_mcb_come_from_the_seed_and_are_saved(tmp_path):
    x = pair(2)
    one, again, other = (MCB(4, sketch_dim=64, seed=s) for s in (1, 1, None))
    one(x), again(x), other(x)
    for weight, copy in zip(one.non_trainable_weights, again.non_trainable_weights, strict=True):
        np.testing.assert_array_equal(weight, copy)
    assert any(
        np.any(np.asarray(w) != np.asarray(v))
        for w, v in zip(one.non_trainable_weights, other.non_trainable_weights, strict=True)
    )
    assert len(other.trainable_weights) == 2
    inputs = [keras.Input((5,)), keras.Input((7,))]
    model = keras.Model(inputs, other(inputs))
    model.save(tmp_path / "model.keras")
    assert_close(keras.models.load_model(tmp_path / "model.keras")(x), model(x))


def test_transforms_of_mcb_are_float32_under_mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    layer = MCB(4, sketch_dim=32, seed=1)
    # The convolution by itself would overflow float16.
    x = [np.full((2, 5), 300.0, "float16"), np.full((2, 7), 300.0, "float16")]
    assert np.isfinite(np.asarray(layer(x))).all()


# Tensors of all modalities.


def test_lmf_is_tensor_fusion_by_a_tensor_of_low_rank():
    x = [*pair(2), normal(2, 3, seed=2)]
    lmf, full = LMF(4, rank=2, bias_initializer="normal"), TensorFusion(4)
    lmf(x), full(x)
    factors = [np.asarray(f).reshape(-1, 2, 4) for f in lmf.factors]
    kernel = np.einsum("aru,bru,cru->abcu", *factors).reshape(-1, 4)
    full.projection.set_weights([kernel, np.asarray(lmf.bias)])
    assert_close(lmf(x), full(x))


def test_rank_weights_of_one_are_the_plain_sum():
    x = pair(2)
    plain, weighed = LMF(4, rank=3), LMF(4, rank=3, use_rank_weights=True)
    plain(x), weighed(x)
    copy_weights(weighed, plain, ())
    assert_close(weighed(x), plain(x))
    weighed.rank_weights.assign([[2.0, 2.0, 2.0]])
    assert_close(weighed(x), 2 * np.asarray(plain(x)))


def test_tensor_fusion_of_a_missing_modality_is_that_of_the_others():
    """The joined one keeps what does not depend on the modality that is zero."""
    x, y = pair(2)
    z = np.zeros((2, 3))
    three, two = TensorFusion(4), TensorFusion(4)
    three([x, y, z]), two([x, y])
    kernel = np.asarray(three.projection.kernel).reshape(6, 8, 4, 4)
    two.projection.set_weights([kernel[:, :, 0].reshape(48, 4), np.zeros(4)])
    assert_close(three([x, y, z]), two([x, y]))


def test_tensor_fusion_refuses_what_would_not_fit_and_says_its_bytes():
    keras.config.set_dtype_policy("float32")
    kernel = 4 * 1001 * 1001 * 301 * 8
    with pytest.raises(ValueError, match=f"not {kernel:,} and .* bytes; `LMF`"):
        TensorFusion(8).build([(None, 1000), (None, 1000), (None, 300)])
    # Told only when the batch is known, and before anything is computed.
    layer = TensorFusion(2, max_bytes=10_000)
    layer.build([(None, 5), (None, 7)])
    assert layer([np.ones((9, 5)), np.ones((9, 7))]).shape == (9, 2)
    with pytest.raises(ValueError, match="not 384 and 19,200 bytes"):
        layer([np.ones((100, 5)), np.ones((100, 7))])


# Residuals, gates and attention.


def test_mrn_without_products_is_linear_in_the_question():
    layer = MRN(4, depth=2, use_bias=False)
    x, q = pair(2)
    layer([x, q])
    silent = layer([np.zeros_like(x), q])
    expected = q
    for shortcut in layer.shortcuts:
        expected = expected @ np.asarray(shortcut.kernel)
    assert_close(silent, expected)
    assert np.abs(np.asarray(layer([x, q])) - expected).max() > 1e-3


def test_open_and_closed_gates_of_gmu_choose_a_modality():
    x = pair(2)
    layer = GMU(4, return_gates=True)
    layer(x)
    for bias, modality in ((1e3, 0), (-1e3, 1)):
        layer.gate_projection.set_weights([np.zeros((12, 4)), np.full(4, bias)])
        y, gate = layer(x)
        assert_close(y, np.tanh(layer.projections[modality](x[modality])))
        assert_close(gate, np.full((2, 4), float(bias > 0)))


def test_gates_of_gmu_on_projections_see_them_before_their_activation():
    x = pair(2)
    inputs, projections = GMU(4), GMU(4, gate_on="projections")
    inputs(x), projections(x)
    projections.set_weights([*inputs.get_weights()[:4], normal(8, 4), np.zeros(4)])
    joined = np.concatenate([p(z) for p, z in zip(projections.projections, x, strict=True)], -1)
    z = 1 / (1 + np.exp(-joined @ normal(8, 4)))
    one, other = np.tanh(np.split(joined, 2, axis=-1))
    assert_close(projections(x), z * one + (1 - z) * other)


def test_three_gates_of_gmu_and_their_masks(tmp_path):
    x = [*pair(2, 6), normal(2, 3, seed=2)]
    layer = GMU(4, return_gates=True)
    y, gates = layer(x)
    assert gates.shape == (2, 6, 3, 4)
    values = [np.tanh(p(z)) for p, z in zip(layer.projections, x, strict=True)]
    values[2] = np.broadcast_to(values[2][:, None], (2, 6, 4))
    assert_close(y, (np.asarray(gates) * np.stack(values, axis=2)).sum(axis=2))
    inputs = [keras.Input(z.shape[1:]) for z in x]
    seen = [keras.layers.Masking()(inputs[0]), *inputs[1:]]
    outputs = layer(seen)
    assert [tuple(o.shape) for o in outputs] == [(None, 6, 4), (None, 6, 3, 4)]
    assert outputs[0]._keras_mask is not None
    model = keras.Model(inputs, outputs)
    model.save(tmp_path / "model.keras")
    for got, wanted in zip(
        keras.models.load_model(tmp_path / "model.keras")(x), model(x), strict=True
    ):
        assert_close(got, wanted)


def test_mutual_gates_are_symmetric():
    x = pair(2)
    layer, swapped = CrossModalGate(4, mutual=True), CrossModalGate(4, mutual=True)
    layer(x), swapped(x[::-1])
    weights = layer.get_weights()
    swapped.set_weights([*weights[4:], *weights[:4]])
    assert_close(swapped(x[::-1]), layer(x))
    one = CrossModalGate(4)
    one(x)
    one.gates[0].set_weights([np.zeros((7, 4)), np.full(4, 1e3)])
    assert_close(one(x), one.values[0](x[0]))


def test_bilinear_attention_is_the_sum_over_all_pairs():
    layer = BilinearAttention(4, rank=3, glimpses=2)
    x, y = normal(2, 2, 3, 5), normal(2, 4, 7, seed=1)
    got = layer([x, y])
    x = x.reshape(2, 6, 5)
    u, v = (np.asarray(p(z)) for p, z in zip(layer.attended, (x, y), strict=True))
    logits = np.einsum("bik,bjk,kg->bgij", u, v, np.asarray(layer.attention.kernel))
    attention = np.exp(logits) / np.exp(logits).sum((2, 3), keepdims=True)
    fused = []
    for g, (p, q) in enumerate(zip(layer.factors[::2], layer.factors[1::2], strict=True)):
        fused.append(np.einsum("bij,bik,bjk->bk", attention[:, g], np.asarray(p(x)), q(y)))
    assert_close(got, layer.output_projection(np.concatenate(fused, axis=-1)))


def test_bilinear_attention_of_vectors_is_mlb():
    """One position on either side has all of the attention."""
    attention, mlb = BilinearAttention(4, rank=3), MLB(4, rank=3, projection_activation="relu")
    x = pair(2)
    attention(x), mlb(x)
    factors = [w for p in attention.factors for w in p.get_weights()]
    mlb.set_weights([*factors, *attention.output_projection.get_weights()])
    assert_close(attention(x), mlb(x))


def test_residual_glimpses_are_added_to_every_position():
    layer = BilinearAttention(4, rank=3, glimpses=2, residual=True)
    x = pair(2, 6)
    layer(x)
    for returned in layer.returns:
        returned.set_weights([np.zeros((3, 5)), np.zeros(5)])
    assert_close(layer(x), layer.output_projection(x[0].sum(axis=1)))
    layer.returns[0].set_weights([np.zeros((3, 5)), np.ones(5)])
    assert_close(layer(x), layer.output_projection((x[0] + 1).sum(axis=1)))


def test_masked_pairs_get_no_attention():
    layer = BilinearAttention(4, rank=3, glimpses=2, residual=True, use_bias=False)
    x, y = pair(2, 6)
    seen = np.array([[True] * 4 + [False] * 2, [False] * 6])
    both = layer([x, y], mask=[tf.constant(seen), None])
    assert_close(both[0], layer([x[:1, :4], y[:1]])[0])
    np.testing.assert_array_equal(both[1], np.zeros(4))
