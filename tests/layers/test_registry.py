"""Layers by name: each of the four registries, with layers of users."""

import keras
import keras_tuner
import numpy as np
import pytest

from keras_hadamard import layers, models, tuning
from keras_hadamard.layers.registry.fusions import FUSIONS
from keras_hadamard.layers.registry.gates import GATES
from keras_hadamard.layers.registry.mixers import mixer_names
from keras_hadamard.layers.registry.recurrences import RECURRENCES

PLAIN = {"vector": [(5,)], "image": [(4, 3, 5)]}
INPUTS = {**PLAIN, "conditioned": [(5,), (7,)], "conditioned_image": [(4, 3, 5), (7,)]}


def drawn(**values):
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    return hp


def tensors(shapes, seed=0):
    rng = np.random.default_rng(seed)
    made = [rng.normal(size=(2, *shape)).astype("float32") for shape in shapes]
    return made if len(made) > 1 else made[0]


@pytest.mark.parametrize(
    ("on", "causal"), [("sequence", False), ("sequence", True), ("image", False)]
)
def test_every_token_mixer_is_made_by_its_name(on, causal):
    for name in mixer_names(on, causal):
        x = tensors([(4, 3, 16) if on == "image" else (6, 16)])
        mixer = layers.get_token_mixer(name, 16, 6 if on == "sequence" else None, causal, on)
        assert mixer(x).shape[:-1] == x.shape[:-1], name


@pytest.mark.parametrize("name", RECURRENCES.names)
def test_every_recurrence_is_made_by_its_name(name):
    layer = layers.get_recurrence(name, 4, return_sequences=True)
    assert layer(tensors([(6, 5)])).shape == (2, 6, 4)


@pytest.mark.parametrize(("on", "name"), [(on, name) for on in GATES for name in GATES[on].names])
def test_every_gate_is_made_by_its_name(on, name):
    gate = layers.get_gate(name, 6 if on == "vector" else None, on, name="here")
    x = tensors(INPUTS[on])
    y = gate(x)
    assert y.shape == ((2, 6) if on == "vector" else (2, *INPUTS[on][0]))
    assert gate.name == "here"


def test_unknown_names_are_told_the_nearest():
    for get in (layers.get_token_mixer, layers.get_recurrence, layers.get_gate, layers.get_fusion):
        with pytest.raises(ValueError, match="did you mean"):
            get({layers.get_fusion: "mlbb", layers.get_gate: "gluu"}.get(get, "min_gruu"), 4)
    with pytest.raises(ValueError, match="fit on='sequence' and causal=False"):
        layers.get_token_mixer("retention", 8)
    with pytest.raises(ValueError, match="`units`"):
        layers.get_gate("glu")


REGISTER = {
    "fusion": (layers.register_fusion, "mlb"),
    "mixer": (layers.register_token_mixer, "retention"),
    "gate": (layers.register_gate, "glu"),
    "recurrence": (layers.register_recurrence, "gru"),
}


@pytest.mark.parametrize("kind", REGISTER)
def test_what_cannot_be_registered(kind):
    register, own = REGISTER[kind]
    with pytest.raises(ValueError, match="other than the package's own"):
        register(own, keras.layers.Dense)
    with pytest.raises(ValueError, match=f"name of a {kind}"):
        register("", keras.layers.Dense)
    with pytest.raises(ValueError, match="a layer class or a function"):
        register("good", 3)
    with pytest.raises(ValueError, match="`choices`"):
        register("good", keras.layers.Dense, choices={"rank": (None,)})


def test_parameters_of_users_are_not_those_of_others():
    with pytest.raises(
        ValueError, match=r"whose parameters differ from those of others.*core_rank"
    ):
        layers.register_fusion("core", layers.MLB, choices={"rank": (3, 4)})
    layers.register_fusion("mine", layers.MLB, choices={"rank": (3, 4)})
    layers.register_fusion("mine", layers.MLB, choices={"rank": (5, 6)})
    assert FUSIONS["mine"].uses["mine_rank"].values == (5, 6)


def test_places_and_modes_are_known_ones():
    for arguments in ({"modes": ("later",)}, {"on": ("graph",)}, {"modes": ()}, {"on": ()}):
        with pytest.raises(ValueError, match=r"`modes`|`on`"):
            layers.register_token_mixer("mine", keras.layers.Dense, **arguments)
    with pytest.raises(ValueError, match="`on`"):
        layers.register_gate("mine", keras.layers.Dense, on="graph")


@keras.saving.register_keras_serializable("tests")
class RunningMean(keras.layers.Layer):
    """The mean of all positions before, scaled."""

    def __init__(self, scale=1.0, **kwargs):
        super().__init__(**kwargs)
        self.scale, self.supports_masking = scale, True

    def call(self, inputs):
        steps = keras.ops.arange(1, inputs.shape[1] + 1, dtype=inputs.dtype)
        return self.scale * keras.ops.cumsum(inputs, axis=1) / steps[:, None]

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


def test_a_mixer_of_a_user_is_in_models_and_spaces(tmp_path):
    layers.register_token_mixer(
        "running_mean", RunningMean, choices={"scale": (1.0, 2.0)}, modes=["causal"]
    )
    hp = drawn(token_mixer="running_mean", token_mixer_running_mean_scale=2.0)
    backbone = tuning.token_mixer_space(hp, units=16, causal=True)
    x = tensors([(6, 5)])
    y = backbone(x)
    assert y.shape == (2, 6, 16)
    assert [b.mixer.scale for b in backbone.layers if hasattr(b, "mixer")] == [2.0, 2.0]
    with pytest.raises(ValueError, match="running_mean"):
        tuning.token_mixer_space(drawn(), units=16, include=["running_mean"])
    model = models.CausalLanguageModel(9, "running_mean", {"scale": 3.0}, units=8)
    assert model(np.zeros((2, 6), "int32")).shape == (2, 6, 9)
    scores, _ = model.step(np.zeros((2,), "int32"))
    assert scores.shape == (2, 9)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    tokens = np.arange(12).reshape(2, 6) % 9
    np.testing.assert_array_equal(again(tokens), model(tokens))


def test_a_recurrence_of_a_user_is_in_the_space():
    layers.register_recurrence(
        "simple", keras.layers.SimpleRNN, choices={"activation": ("tanh", "relu")}
    )
    hp = drawn(recurrence="simple", recurrence_depth=2, recurrence_simple_activation="relu")
    stack = tuning.recurrence_space(hp, units=3)
    assert stack(tensors([(6, 5)])).shape == (2, 3)
    assert [type(layer).__name__ for layer in stack.layers] == ["SimpleRNN", "SimpleRNN", "Dense"]
    assert stack.layers[0].activation is keras.activations.relu
    # A state of a user's is as wide as what goes from layer to layer.
    assert "recurrence_expansion" not in {p.name for p in hp.space if hp.is_active(p)}


@pytest.mark.parametrize("on", GATES)
def test_a_gate_of_a_user_is_in_the_space(on):
    def scaled(*units, scale=1.0, name=None):
        first = keras.layers.Lambda(lambda x: scale * (x[0] if isinstance(x, list) else x))
        return keras.Sequential([first, *map(keras.layers.Dense, units)], name=name)

    layers.register_gate("scaled", scaled, choices={"scale": (1.0, 2.0)}, on=on)
    hp = drawn(gating="scaled", gating_scaled_scale=2.0)
    gate = tuning.gating_space(hp, units=6, on=on)
    x = tensors(INPUTS[on])
    y = gate(x)
    if on != "vector":
        np.testing.assert_allclose(y, 2 * (x[0] if isinstance(x, list) else x))
    assert gate.name == "gating"
