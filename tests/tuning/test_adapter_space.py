"""The search space of adapters."""

import keras
import keras_tuner
import numpy as np
import pytest

from keras_hadamard import adapters, tuning
from keras_hadamard.tuning.adapter_space import ALPHAS, KINDS, RANKED, RANKS


def drawn(**values):
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    return hp


def dense():
    layers = [keras.layers.Dense(8, name="hidden"), keras.layers.Dense(2, name="head")]
    return keras.Sequential([keras.Input((6,)), *layers])


def test_one_call_declares_every_conditional_parameter():
    hp = drawn()
    tuning.adapter_space(hp)
    parts = ("targets", "rank", "alpha")
    assert [p.name for p in hp.space] == ["adapter", *(f"adapter_{p}" for p in parts)]
    assert hp.values == {"adapter": "none"}


def test_the_default_is_the_model_as_it_is():
    model = dense()
    assert tuning.adapter_space(drawn())(model) is model
    assert tuning.adapter_space(drawn(), include=["none"])(model) is model


def test_its_size_is_as_the_docstring_says():
    size = 1 + len(RANKED) * len(RANKS) * len(ALPHAS) + 1
    assert len(KINDS) == len(RANKED) + 2
    assert f"= {size}`" in tuning.adapter_space.__doc__
    assert f"`1 + {size - 1} * t`" in tuning.adapter_space.__doc__


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "none"])
def test_every_kind_adapts_and_trains(kind):
    hp = drawn(adapter=kind, adapter_rank=4, adapter_alpha=2.0, adapter_targets="last")
    targets = {"all": ".*", "last": "head"}
    model = tuning.adapter_space(hp, targets=targets)(dense())
    assert list(adapters.trainable_parameters(model).kernels) == ["head/kernel"]
    adapter = model.adapters["adapter"].adapter
    assert type(adapter).__name__.lower() == kind
    if kind != "ia3":
        count = adapters.trainable_parameters(model).trainable
        # Of LoKr the second factor, of 4 inputs, is whole at this rank.
        few = {"lokr": 2 * 1 + 4 * 2, "vera": 4 + 2}
        assert count == few.get(kind, 4 * (8 + 2) + 2 * (kind == "dora"))
    model.compile("adam", "mse")
    model.fit(np.ones((4, 6)), np.ones((4, 2)), verbose=0)


def windows():
    layers = [keras.layers.Conv2D(4, 3, name="conv"), keras.layers.Flatten()]
    head = keras.layers.Dense(3, name="head")
    return keras.Sequential([keras.Input((5, 5, 2)), *layers, head])


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "none"])
def test_every_kind_is_built_where_there_are_windows(kind):
    hp = drawn(adapter=kind, adapter_rank=16, adapter_alpha=2.0)
    model = tuning.adapter_space(hp)(windows())
    adapted = list(adapters.trainable_parameters(model).kernels)
    assert adapted == (["head/kernel"] if kind == "vera" else ["conv/kernel", "head/kernel"])
    # Half of 16, of which the head has no more than its 3 outputs.
    assert kind != "abba" or model.adapters["adapter"].adapter == adapters.ABBA(3, alpha=2.0)


def test_kinds_that_no_kernel_can_have_are_left_out():
    hp, targets = drawn(), {"all": ".*", "windows": "conv"}
    with pytest.warns(UserWarning, match=r"'vera' is left out .*\['windows'\]"):
        tuning.adapter_space(hp, targets=targets, model=windows())
    assert hp.space[0].values == [k for k in KINDS if k != "vera"]
    # Another adapter of the same kernels changes nothing.
    adapted = adapters.apply(windows(), adapters.IA3())
    with (
        pytest.raises(ValueError, match="`include` to name a kind that supports a kernel"),
        pytest.warns(UserWarning, match="'vera'"),
    ):
        tuning.adapter_space(drawn(), targets=targets, include=["vera"], model=adapted)
    hp = drawn()
    tuning.adapter_space(hp, model=windows())
    assert hp.space[0].values == list(KINDS)


def test_without_the_model_the_function_says_so():
    made = tuning.adapter_space(drawn(adapter="vera"), targets={"windows": "conv"})
    with pytest.raises(ValueError, match=r"a kernel that 'vera' supports.*target='conv'"):
        made(windows())


def test_names_and_choices_of_ones_own():
    hp = drawn(a="ia3")
    tuning.adapter_space(hp, include=["ia3", "lora"], ranks=[3], name="a")
    assert {p.name for p in hp.space} == {"a", "a_targets", "a_rank", "a_alpha"}
    assert hp.space[0].values == ["lora", "ia3"]
    assert set(hp.values) == {"a", "a_targets"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"include": []}, "at least one kind"),
        ({"include": ["loras"]}, "did you mean 'lora'"),
        ({"ranks": []}, "`ranks` and `targets`"),
        ({"ranks": [0]}, "positive integer"),
        ({"targets": {}}, "`ranks` and `targets`"),
    ],
)
def test_bad_input(wrong, message):
    with pytest.raises(ValueError, match=message):
        tuning.adapter_space(drawn(), **wrong)
