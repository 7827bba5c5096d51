import math
import re

import keras
import keras_tuner
import numpy as np
import pytest

from keras_hadamard import pruning, tuning
from keras_hadamard.search.training import settled
from keras_hadamard.tuning.pruning_space import CRITERIA


def drawn(**values):
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    return hp


def dense():
    return keras.Sequential([keras.Input((20,)), keras.layers.Dense(10, name="dense")])


def test_one_call_declares_every_conditional_parameter():
    hp = drawn()
    tuning.pruning_space(hp, steps=100)
    names = ["schedule", "scope", "distribution", "sparsity", "threshold"]
    assert [p.name for p in hp.space] == ["pruning", *(f"pruning_{n}" for n in names)]
    assert set(hp.values) == {"pruning"}


def test_the_default_leaves_the_model_as_it_is():
    model = dense()
    assert tuning.pruning_space(drawn(), steps=100)(model) is model
    assert tuning.pruning_space(drawn(), steps=100, include=["none"])(model) is model


def test_its_size_is_the_one_that_is_told():
    count, told = 0, re.search(r"= (\d+)` configurations", tuning.pruning_space.__doc__)
    for kind in CRITERIA:
        hp = drawn(pruning=kind)
        tuning.pruning_space(hp, steps=100)
        count += math.prod(len(p.values) for p in hp.space[1:] if hp.is_active(p))
    assert count == int(told[1])


@pytest.mark.parametrize("scope", ["layer", "global", "erk"])
@pytest.mark.parametrize("schedule", ["polynomial", "constant"])
@pytest.mark.parametrize("criterion", ["magnitude", "movement", "random"])
def test_every_configuration_ends_at_its_sparsity(criterion, schedule, scope):
    hp = drawn(
        pruning=criterion, pruning_schedule=schedule, pruning_scope=scope, pruning_sparsity=0.75
    )
    pruned = tuning.pruning_space(hp, steps=8)(dense())
    assert pruned.schedule.end_step == 6 and pruned.scope == scope
    pruned.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(16, 20)).astype("float32")
    pruned.fit(x, x[:, :10], batch_size=4, epochs=2, verbose=0)
    assert pruning.sparsity_report(pruned).sparsity == 0.75


@pytest.mark.parametrize("distribution", ["layer", "erk"])
@pytest.mark.parametrize("criterion", ["rigl", "set"])
def test_dynamic_sparse_training_is_sparse_from_the_start(criterion, distribution):
    hp = drawn(pruning=criterion, pruning_distribution=distribution, pruning_sparsity=0.75)
    pruned = tuning.pruning_space(hp, steps=8)(dense())
    before = pruned.get_masks()["dense/kernel"]
    assert pruned.scope == distribution and before.sum() == 50
    pruned.compile("adam", "mse", jit_compile=False)
    x = np.random.default_rng(0).normal(size=(16, 20)).astype("float32")
    pruned.fit(x, x[:, :10], batch_size=4, epochs=2, verbose=0)
    after = pruned.get_masks()["dense/kernel"]
    assert after.sum() == 50 and (after != before).any()
    # Three quarters of the training are 6 steps, of 4 an epoch: the second epoch's score counts.
    assert pruned.schedule.end_step == 6 and settled(pruned, 4) == 1


def test_soft_thresholds_start_where_they_are_told():
    for start in (-5.0, -3.0):
        hp = drawn(pruning="str", pruning_threshold=start)
        pruned = tuning.pruning_space(hp, steps=8)(dense())
        assert float(pruned.masks.thresholds[0]) == start
        # No step is known from which it is as sparse as it becomes.
        assert settled(pruned, 4) == 0


def test_include_restricts_the_criteria_and_keeps_their_order():
    hp = drawn()
    tuning.pruning_space(hp, steps=9, include=["random", "magnitude"], sparsities=[0.3], name="p")
    assert [p.name for p in hp.space] == ["p", "p_schedule", "p_scope", "p_sparsity"]
    assert list(hp.space[0].values) == ["magnitude", "random"]
    hp = drawn()
    tuning.pruning_space(hp, steps=9, include=["str", "none"], name="p")
    assert [p.name for p in hp.space] == ["p", "p_threshold"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"steps": 5, "include": []},
        {"steps": 5, "include": ["magnitud"]},
        {"steps": 5, "sparsities": []},
        {"steps": 5, "sparsities": [0.5, 1.0]},
    ],
)
def test_bad_arguments(wrong):
    with pytest.raises(ValueError, match="Received: "):
        tuning.pruning_space(drawn(), **wrong)
