import math
import re

import keras
import keras_tuner
import pytest

from keras_hadamard import layers, tuning
from keras_hadamard.layers.registry.gates import GATES
from keras_hadamard.tuning._fusions import fusion_options
from keras_hadamard.tuning.gating_space import gates
from keras_hadamard.tuning.high_order_space import HIGH_ORDER

FUSIONS = fusion_options()
GATINGS = {on: gates(on) for on in GATES}


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


VECTOR, IMAGE, CONDITION = (7,), (8, 6, 16), (5,)
ON = {
    "vector": [VECTOR],
    "image": [IMAGE],
    "conditioned": [VECTOR, CONDITION],
    "conditioned_image": [IMAGE, CONDITION],
}
LAYERS = {
    "dense": keras.layers.Dense,
    "gated_mlp": layers.GatedMLP,
    "highway": keras.Sequential,
    "gated_residual": layers.GatedResidual,
    "squeeze_excite": layers.SqueezeExcite2D,
    "effective_squeeze_excite": layers.SqueezeExcite2D,
    "concurrent_squeeze_excite": layers.SqueezeExcite2D,
    "cbam": layers.CBAM2D,
    "efficient": layers.EfficientChannelAttention2D,
    "coordinate": layers.CoordinateAttention2D,
    "simam": layers.SimAM,
    "response_norm": layers.GlobalResponseNormalization,
    "film": layers.FiLM,
    "conditional_batch_norm": layers.ConditionalBatchNormalization,
    "adaptation_gate": layers.MultimodalAdaptationGate,
    "conditional_layer_norm": layers.ConditionalLayerNormalization,
    "adain": layers.AdaIN,
    "spade": layers.SPADE,
    "modulated_conv": layers.ModulatedConv2D,
}
EVERY_GATE = pytest.mark.parametrize(
    ("on", "kind"), [(on, kind) for on, space in GATINGS.items() for kind in space.options]
)


def gated(on, **values):
    """The layer of drawn values, and what it gives of inputs that suit it."""
    hp = drawn(**values)
    layer = tuning.gating_space(hp, units=6, on=on)
    inputs = [keras.random.normal((2, *shape), seed=1) for shape in ON[on]]
    return layer, inputs[0], layer(inputs if len(inputs) > 1 else inputs[0]), hp


@EVERY_GATE
def test_every_gate(on, kind):
    layer, x, y, hp = gated(on, gating=kind)
    assert y.shape == ((2, 6) if on == "vector" else x.shape)
    assert layer.name == "gating"
    active = {p.name for p in hp.space if hp.is_active(p)}
    uses = GATINGS[on].options[kind].uses
    assert active == set(hp.values) == {"gating", *(f"gating_{name}" for name in uses)}
    if kind == "identity":
        assert (x == y).numpy().all()
    else:
        assert isinstance(layer, LAYERS.get(kind, layers.GatedDense))


@pytest.mark.parametrize(
    ("on", "parameter"), [(on, p) for on, space in GATINGS.items() for p in space.parameters]
)
def test_every_value_of_a_gates_parameter_builds(on, parameter):
    space = GATINGS[on]
    for kind in (k for k, o in space.options.items() if parameter in o.uses):
        configurations = []
        for value in space.parameters[parameter].values:
            layer, *_ = gated(on, **{"gating": kind, f"gating_{parameter}": value})
            config = layer.get_config()
            config.pop("build_config", None)
            configurations.append(str(config))
        assert len(set(configurations)) == len(configurations) > 1


def test_the_docstring_tells_the_number_of_configurations():
    told = re.findall(r"(\d+)\s+configurations", tuning.gating_space.__doc__)
    counted = [
        sum(
            math.prod(len(space.parameters[parameter].values) for parameter in option.uses)
            for option in space.options.values()
        )
        for space in GATINGS.values()
    ]
    assert [int(number) for number in told] == counted


@pytest.mark.parametrize("on", GATINGS)
def test_the_first_gate_is_the_baseline(on):
    hp = drawn()
    layer = tuning.gating_space(hp, on=on)
    assert hp.values == {"gating": next(iter(GATINGS[on].options))}
    assert isinstance(layer, keras.layers.Dense) or not layer.weights


@pytest.mark.parametrize("on", ["conditioned", "conditioned_image"])
def test_the_baseline_of_a_condition_passes_on_input_and_mask(on, tmp_path):
    layer = tuning.gating_space(drawn(), on=on)
    x, condition = keras.Input((6, 5)), keras.Input((7,))
    y = layer([keras.layers.Masking()(x), condition])
    assert y.shape == (None, 6, 5) and y._keras_mask is not None
    model = keras.Model([x, condition], y)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    values = [keras.ops.ones((2, 6, 5)), keras.ops.ones((2, 7))]
    assert (again(values) == values[0]).numpy().all()


def test_what_is_gated_must_be_known():
    with pytest.raises(ValueError, match="`on`"):
        tuning.gating_space(drawn(), on="images")
    with pytest.raises(ValueError, match="include"):
        tuning.gating_space(drawn(), on="image", include=("glu",))


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
    assert len(seen) < 100
