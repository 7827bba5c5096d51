"""The Erdos-Renyi-Kernel distribution, against numbers computed by hand."""

import keras
import numpy as np
import pytest

from keras_hadamard import pruning
from keras_hadamard._core.introspection.kernels import kernels_of
from keras_hadamard.pruning._allocation import degrees, erdos_renyi_kernel

L = keras.layers


def lenet():
    return keras.Sequential([keras.Input((784,)), L.Dense(300), L.Dense(100), L.Dense(10)])


def small():
    return keras.Sequential([keras.Input((12,)), L.Dense(16, "relu"), L.Dense(8), L.Dense(3)])


def left(pruned):
    return [int(mask.sum()) for mask in pruned.get_masks().values()]


def test_the_last_layer_of_lenet_is_dense():
    # 26,620 of 266,200 weights stay. The last kernel would keep e * 110 = 1,837 of its 1,000 with
    # e = 26620 / (1084 + 400 + 110) = 16.7: so it keeps all, and e = 25620 / 1484 = 17.264.
    pruned = pruning.prune(lenet(), 0.9, "erk")
    assert left(pruned) == [18714, 6906, 1000]
    # At 98 %, e = 5324 / 1594 = 3.34 leaves none dense.
    assert left(pruning.prune(lenet(), 0.98, "erk")) == [3621, 1336, 367]


def test_two_layers_become_dense_one_after_the_other():
    # e = 560 / 280 = 2 has the last kernel of 90 keep 100; without it e = 470 / 230 has the second
    # of 100 keep 102; what is left is the first one's.
    assert erdos_renyi_kernel([2000, 100, 90], [180, 50, 50], 560) == [370, 100, 90]


def test_windows_count_by_their_sides():
    inputs = keras.Input((8, 9, 6))
    x = L.Conv2D(5, (3, 2), name="conv")(inputs)
    x = L.Conv2D(4, 1, name="pointwise")(x)
    x = L.DepthwiseConv2D((3, 4), name="depthwise")(x)
    x = L.Conv2DTranspose(7, 3, name="up")(x)
    x = L.EinsumDense("abcd,def->abcef", (None, None, 2, 3), name="heads")(x)
    found = {k.layer.name: degrees(k) for k in kernels_of(keras.Model(inputs, x))}
    assert found == {
        "conv": 6 + 5 + 3 + 2,
        "pointwise": 5 + 4 + 1 + 1,
        # Each of four outputs has one input.
        "depthwise": 1 + 4 + 3 + 4,
        "up": 4 + 7 + 3 + 3,
        # A matrix of 7 x 6.
        "heads": 7 + 6,
    }


def test_totals_are_exact_and_no_kernel_gets_a_weight_back():
    rng = np.random.default_rng(1)
    for _ in range(8):
        kernels = rng.integers(1, 25, (rng.integers(1, 9), 2))
        kernels[-1] = kernels[0]  # Of two that are alike the first gets the odd one.
        sizes, sums = kernels.prod(axis=1), kernels.sum(axis=1)
        before = np.ones(len(kernels), int)
        for total in range(len(kernels), sizes.sum() + 1, 7):
            kept = np.array(erdos_renyi_kernel(sizes, sums, total))
            assert kept.sum() == total and (before <= kept).all() and (kept <= sizes).all()
            before = kept
            part = kept < sizes
            ratio = kept[part] / sums[part]
            # One factor for all that are not dense, but for rounding and the weight that stays.
            if part.any() and kept[part].min() > 1:
                assert np.ptp(ratio) <= (1 / sums[part]).max() + 1e-9


CONSTANT = pruning.ConstantSparsity(0.75, end_step=8, frequency=2)
X = np.random.default_rng(3).standard_normal((32, 12)).astype("float32")


@pytest.mark.parametrize("criterion", ["magnitude", "random", "movement", "rigl", "set"])
def test_every_criterion_has_the_same_distribution(criterion):
    # 86 of 344 weights; e = 86 / (28 + 24 + 11) = 1.365.
    pruned = pruning.prune(small(), CONSTANT, "erk", criterion=criterion)
    assert left(pruned) == [38, 33, 15]
    pruned.compile("adam", "mse", jit_compile=False)
    pruned.fit(X, X[:, :3], batch_size=8, epochs=3, verbose=0)
    assert left(pruned) == [38, 33, 15]


@pytest.mark.parametrize("criterion", ["wanda", "sparsegpt"])
def test_with_calibration_each_output_has_its_kernels_sparsity(criterion):
    options = {"calibration": X, "verbose": 0, "block_size": 128}
    if criterion == "wanda":
        del options["block_size"]
    pruned = pruning.prune(small(), 0.75, "erk", criterion=criterion, **options)
    if criterion == "sparsegpt":
        assert left(pruned) == [38, 33, 15]
        return
    # Of 12, 16 and 8 inputs, rounded up in each output: 38/192, 33/128 and 15/24 of them.
    for mask, kept in zip(pruned.get_masks().values(), (3, 5, 5), strict=True):
        assert (mask.sum(axis=0) == kept).all()


def test_a_schedule_gets_there_and_files_know_it(tmp_path):
    schedule = pruning.PolynomialDecay(0.9, end_step=7, frequency=1, power=1)
    pruned = pruning.prune(lenet(), schedule, "erk")
    total = 266200
    for step in range(8):
        pruned.update_masks(step)
        assert sum(left(pruned)) == total - int(schedule.sparsity(step) * total + 1e-9)
    pruned.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert again.scope == "erk" and left(again) == left(pruned) == [18714, 6906, 1000]


def test_structures_and_those_left_out():
    blocks = pruning.prune(lenet(), 0.9, "erk", structure=(4, 2))
    # Whole blocks, and no more than the kernel's share.
    assert all(0 <= n - m < 8 for n, m in zip(left(blocks), [18714, 6906, 1000], strict=True))
    # Of only the first two kernels: e = 26520 / 1484.
    assert left(pruning.prune(lenet(), 0.9, "erk", target=[0, 1])) == [19372, 7148]
    with pytest.raises(ValueError, match=r"scope 'layer': 2:4 prunes.*Received: scope='erk'"):
        pruning.prune(lenet(), 0.5, "erk", structure="2:4")
    with pytest.raises(ValueError, match=r"scope 'layer' with criterion 'rigl', or 'erk'"):
        pruning.prune(small(), CONSTANT, "global", criterion="rigl")
