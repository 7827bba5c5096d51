import keras
import keras_tuner
import pytest

from keras_hadamard import layers, tuning
from keras_hadamard.tuning._fusions import fusion_options
from keras_hadamard.tuning.gating_space import GATINGS
from keras_hadamard.tuning.high_order_space import HIGH_ORDER

FUSIONS = fusion_options()


def drawn(**values):
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    return hp


def test_one_call_declares_every_conditional_parameter():
    hp = drawn()
    tuning.fusion_space(hp)
    names = {p.name for p in hp.space}
    assert names == {"fusion", *(f"fusion_{p}" for p in FUSIONS.parameters)}
    assert set(hp.values) == {"fusion", "fusion_input_dropout"}  # those of concat


@pytest.mark.parametrize("kind", FUSIONS.options)
def test_only_the_parameters_that_a_method_uses_are_active(kind):
    hp = drawn(fusion=kind)
    tuning.fusion_space(hp)
    active = {p.name for p in hp.space if hp.is_active(p)}
    assert (
        active == set(hp.values) == {"fusion", *(f"fusion_{p}" for p in FUSIONS.options[kind].uses)}
    )


@pytest.mark.parametrize("kind", FUSIONS.options)
def test_every_fusion_fuses_two_vectors(kind):
    layer = tuning.fusion_space(drawn(fusion=kind), units=6)
    assert layer([keras.ops.ones((2, 7)), keras.ops.ones((2, 5))]).shape == (2, 6)
    assert layer.name == "fusion"


@pytest.mark.parametrize("kind", [k for k, o in FUSIONS.options.items() if not o.modalities])
def test_fusions_that_take_more_than_two(kind):
    layer = tuning.fusion_space(drawn(fusion=kind), units=6, modalities=3)
    assert layer([keras.ops.ones((2, n)) for n in (7, 5, 3)]).shape == (2, 6)


def test_fusions_of_pairs_are_left_out_for_more_than_two():
    hp = drawn()
    tuning.fusion_space(hp, modalities=3)
    assert "mfb" not in hp.space[0].values
    assert "fusion_factor" not in {p.name for p in hp.space}
    with pytest.raises(ValueError, match="mfb"):
        tuning.fusion_space(drawn(), include=("mfb",), modalities=3)


@pytest.mark.parametrize("kind", GATINGS.options)
def test_every_gate(kind):
    layer = tuning.gating_space(drawn(gating=kind), units=6)
    assert layer(keras.ops.ones((2, 7))).shape == (2, 6)
    assert isinstance(layer, keras.layers.Dense if kind == "dense" else layers.GatedDense)


@pytest.mark.parametrize("kind", HIGH_ORDER.options)
def test_every_family_of_higher_order(kind):
    hp = drawn(high_order=kind)
    layer = tuning.high_order_space(hp, units=6)
    assert layer(keras.ops.ones((2, 7))).shape == (2, 6)
    assert layer.name == "high_order"
    active = {p.name.removeprefix("high_order_") for p in hp.space if hp.is_active(p)}
    assert active == {"high_order", *HIGH_ORDER.options[kind].uses}


@pytest.mark.parametrize("parameter", HIGH_ORDER.parameters)
def test_every_value_of_a_parameter_of_higher_order_builds(parameter):
    kind = next(k for k, o in HIGH_ORDER.options.items() if parameter in o.uses)
    for value in HIGH_ORDER.parameters[parameter].values:
        hp = drawn(high_order=kind, **{f"high_order_{parameter}": value})
        layer = tuning.high_order_space(hp, units=6)
        assert layer(keras.ops.ones((2, 7))).shape == (2, 6)
        wanted = None if value == "none" else value
        if parameter == "polynomials":
            assert layer.degree == 2**value
        else:
            assert layer.get_config()[parameter] == wanted


def test_drawn_values_reach_the_layer():
    hp = drawn(fusion="mfb", fusion_rank=64, fusion_factor=5, fusion_normalize=False)
    layer = tuning.fusion_space(hp, units=6)
    assert (layer.rank, layer.factor, layer.normalize) == (64, 5, False)


def test_include_keeps_the_tables_order_so_that_concat_stays_the_default():
    hp = drawn()
    tuning.fusion_space(hp, include=("mlb", "concat"))
    assert hp.space[0].values == ["concat", "mlb"]
    assert hp.get("fusion") == "concat"


def test_names_and_name_scopes_keep_two_fusions_apart():
    hp = drawn()
    tuning.fusion_space(hp, name="early")
    with hp.name_scope("late"):
        tuning.fusion_space(hp)
    names = {p.name for p in hp.space}
    assert {"early", "early_rank", "late/fusion", "late/fusion_rank"} <= names
    hp.values["late/fusion"] = "mlb"
    assert {p.name for p in hp.space if p.name.startswith("late") and hp.is_active(p)} == {
        "late/fusion",
        "late/fusion_rank",
        "late/fusion_normalize",
        "late/fusion_dropout",
    }


@pytest.mark.parametrize("include", [(), ("nothing",)])
def test_include_must_name_something(include):
    with pytest.raises(ValueError, match="include"):
        tuning.fusion_space(drawn(), include=include)
    with pytest.raises(ValueError, match="include"):
        tuning.gating_space(drawn(), include=include)


def test_a_search_over_anyones_own_build(tmp_path):
    seen = []

    def build(hp):
        one, two = keras.Input((3,), name="one"), keras.Input((2,), name="two")
        fused = tuning.fusion_space(hp, units=4)([one, two])
        seen.append(dict(hp.values))
        head = tuning.gating_space(hp, units=4)(fused)
        return keras.Model([one, two], keras.layers.Dense(2)(head))

    tuner = keras_tuner.RandomSearch(
        build, "val_loss", max_trials=2, directory=tmp_path, project_name="own"
    )
    assert {"fusion", "gating", "fusion_rank", "fusion_factor"} <= {
        p.name for p in tuner.oracle.get_space().space
    }
    # KerasTuner builds until it has seen every scope active, as often as it has not.
    assert len(seen) < 80
