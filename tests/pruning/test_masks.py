"""The choice of pruned weights, by every criterion and structure, without any training."""

import keras
import numpy as np
import pytest

from keras_hadamard import pruning

SEED = np.random.default_rng(7)


def dense(inputs, units, kernel=None, **kwargs):
    layer = keras.layers.Dense(units, name="dense", **kwargs)
    model = keras.Sequential([keras.Input((inputs,)), layer])
    if kernel is not None:
        layer.kernel.assign(kernel)
    return model


def mask_of(model, *args, **kwargs):
    (mask,) = pruning.prune(model, *args, **kwargs).get_masks().values()
    return mask


def test_magnitude_keeps_the_greatest():
    kernel = SEED.standard_normal((6, 5))
    mask = mask_of(dense(6, 5, kernel), 0.7)
    assert mask.sum() == 9  # 21 of 30 go
    assert np.abs(kernel)[mask].min() > np.abs(kernel)[~mask].max()


@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.29, 0.5, 0.7, 0.999])
@pytest.mark.parametrize("criterion", ["magnitude", "random", "movement"])
def test_exactly_as_many_as_the_sparsity_allows_even_of_equal_ones(sparsity, criterion):
    mask = mask_of(dense(10, 10, np.ones((10, 10))), sparsity, criterion=criterion)
    assert (~mask).sum() == int(np.floor(sparsity * 100 + 1e-9))
    if criterion == "magnitude":
        flat = mask.ravel()
        assert not flat[flat.sum() :].any()  # of equal ones the last go


def test_random_masks_come_from_the_seed():
    model = dense(20, 20)
    first, again, other = (mask_of(model, 0.5, criterion="random", seed=seed) for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()
    more = mask_of(model, 0.8, criterion="random", seed=1)
    assert not (more & ~first).any()


def two_layers():
    model = keras.Sequential(
        [keras.Input((10,)), keras.layers.Dense(10, name="a"), keras.layers.Dense(10, name="b")]
    )
    model.get_layer("a").kernel.assign(SEED.uniform(0.5, 1, (10, 10)))
    model.get_layer("b").kernel.assign(SEED.uniform(0, 0.5, (10, 10)))
    return model


def test_scope():
    model = two_layers()
    layer, everything = (
        pruning.sparsity_report(pruning.prune(model, 0.4, scope)) for scope in ("layer", "global")
    )
    assert [k.sparsity for k in layer.kernels] == [0.4, 0.4]
    assert [k.sparsity for k in everything.kernels] == [0.0, 0.8]
    # One weight of each kernel stays.
    extreme = pruning.sparsity_report(pruning.prune(model, 0.6, "global"))
    assert [k.zeros for k in extreme.kernels] == [20, 100 - 1] or extreme.kernels[1].zeros == 99


def test_n_of_m_counts_inputs():
    kernel = SEED.standard_normal((10, 6))
    mask = mask_of(dense(10, 6, kernel), 0.5, structure="2:4")
    groups = mask[:8].reshape(2, 4, 6)
    assert (groups.sum(axis=1) == 2).all()
    assert mask[8:].all()  # an incomplete rest of two
    kept = np.where(groups, np.abs(kernel[:8].reshape(2, 4, 6)), np.inf).min(axis=1)
    gone = np.where(groups, 0, np.abs(kernel[:8].reshape(2, 4, 6))).max(axis=1)
    assert (kept > gone).all()


def test_n_of_m_of_a_convolution_and_of_einsum():
    conv = keras.Sequential([keras.Input((5, 5, 8)), keras.layers.Conv2D(3, 3)])
    mask = mask_of(conv, 0.75, structure="1:4")
    assert (mask.reshape(3, 3, 2, 4, 3).sum(axis=3) == 1).all()
    einsum = keras.Sequential(
        [keras.Input((5, 8)), keras.layers.EinsumDense("abc,cde->abde", (None, 2, 3))]
    )
    mask = mask_of(einsum, 0.5, structure="2:4")
    assert (mask.reshape(2, 4, 2, 3).sum(axis=1) == 2).all()


def test_n_of_m_is_reached_step_by_step():
    schedule = pruning.PolynomialDecay(0.5, end_step=4, power=1, frequency=1)
    pruned = pruning.prune(dense(8, 3), schedule, structure="2:4")
    counts = []
    for step in range(5):
        pruned.update_masks(step)
        (mask,) = pruned.get_masks().values()
        counts.append(set(mask.reshape(2, 4, 3).sum(axis=1).ravel()))
    assert counts == [{4}, {4}, {3}, {3}, {2}]


def test_channels_and_filters_by_their_norm():
    kernel = SEED.standard_normal((3, 3, 4, 6))
    conv = keras.Sequential([keras.Input((5, 5, 4)), keras.layers.Conv2D(6, 3, name="conv")])
    conv.get_layer("conv").kernel.assign(kernel)
    mask = mask_of(conv, 0.5, structure="filter", target="conv")
    norms = np.linalg.norm(kernel.reshape(-1, 6), axis=0)
    assert set(np.flatnonzero(mask.any((0, 1, 2)))) == set(np.argsort(norms)[3:])
    assert (mask == mask[0, 0, 0]).all()
    mask = mask_of(conv, 0.5, structure="channel")
    norms = np.sqrt(np.square(kernel).sum((0, 1, 3)))
    assert set(np.flatnonzero(mask.any((0, 1, 3)))) == set(np.argsort(norms)[2:])


def test_transposed_convolution_has_its_filters_elsewhere():
    model = keras.Sequential([keras.Input((5, 5, 4)), keras.layers.Conv2DTranspose(6, 3)])
    mask = mask_of(model, 0.5, structure="filter", target="kernel")
    assert mask.shape == (3, 3, 6, 4) and mask.any((0, 1, 3)).sum() == 3


def test_blocks_with_incomplete_edges():
    kernel = SEED.standard_normal((6, 7))
    mask = mask_of(dense(6, 7, kernel), 0.5, structure=(4, 3))
    blocks = [mask[r : r + 4, c : c + 3] for r in (0, 4) for c in (0, 3, 6)]
    assert all(block.all() or not block.any() for block in blocks)
    assert sum(block.all() for block in blocks) == 3
    means = [np.square(kernel[r : r + 4, c : c + 3]).mean() for r in (0, 4) for c in (0, 3, 6)]
    kept = [m for m, block in zip(means, blocks, strict=True) if block.all()]
    assert sorted(kept) == sorted(means)[3:]


def test_filters_take_bias_and_normalisation_with_them():
    model = keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            keras.layers.Conv2D(8, 3, name="conv"),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.DepthwiseConv2D(3),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
            keras.layers.Dense(2, name="out"),
        ]
    )
    for weight in model.weights:
        weight.assign(SEED.uniform(0.5, 1, weight.shape))
    pruned = pruning.prune(model, 0.25, structure="filter")
    (mask,) = pruned.get_masks().values()
    filters = mask.any((0, 1, 2))
    assert filters.sum() == 6
    conv, first, _, depthwise, second = pruned.model.layers[:5]
    for weight in (conv.bias, first.gamma, first.beta, second.gamma, second.beta, depthwise.bias):
        assert ((np.asarray(weight) != 0) == filters).all()
    assert ((np.asarray(depthwise.kernel) != 0).all((0, 1, 3)) == filters).all()
    features = keras.Model(pruned.model.inputs, second.output)(keras.ops.ones((2, 6, 6, 3)))
    assert not np.asarray(features)[..., ~filters].any()


def test_filters_of_the_last_layer_stay_unless_named():
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(6), keras.layers.Dense(4, name="out")]
    )
    model.add(keras.layers.Activation("softmax"))
    assert [m.shape for m in pruning.prune(model, 0.5, structure="filter").get_masks().values()] \
        == [(4, 6)]  # fmt: skip
    assert list(pruning.prune(model, 0.5, structure="filter", target="out").get_masks()) == [
        "out/kernel"
    ]


def test_given_masks_and_pruning_further():
    model = dense(6, 5)
    ticket = SEED.random((6, 5)) < 0.5
    pruned = pruning.prune(model, 0.0, masks={"dense/kernel": ticket})
    assert (pruned.get_masks()["dense/kernel"] == ticket).all()
    assert not np.asarray(pruned.model.weights[0])[~ticket].any()
    further = pruning.prune(pruned, 0.8)
    mask = further.get_masks()["dense/kernel"]
    assert mask.sum() == 6 and not (mask & ~ticket).any()


def test_target_and_exclude():
    model = two_layers()
    assert list(pruning.prune(model, 0.5, target="^a/").get_masks()) == ["a/kernel"]
    assert list(pruning.prune(model, 0.5, exclude="a").get_masks()) == ["b/kernel"]
    assert list(pruning.prune(model, 0.5, target=[1]).get_masks()) == ["b/kernel"]


def test_report_counts_and_prints():
    model = two_layers()
    model.get_layer("a").kernel.assign(np.eye(10))
    report = pruning.sparsity_report(model)
    assert [k.zeros for k in report.kernels] == [90, 0]
    assert report.parameters == 220 and report.nonzero == 110 and report.sparsity == 0.45
    lines = str(report).splitlines()
    assert lines[1].split() == ["a/kernel", "10", "x", "10", "90", "of", "100", "90.0%"]
    assert lines[-1] == "110 of 220 parameters are not zero"
