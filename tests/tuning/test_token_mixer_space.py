"""Backbones of token mixers: each of them, with each of its parameters."""

import keras
import keras_tuner
import numpy as np
import pytest

from keras_hadamard import tuning
from keras_hadamard.layers.registry._over_pixels import OverPixels
from keras_hadamard.layers.registry.mixers import TOKEN_MIXERS
from keras_hadamard.tuning.token_mixer_space import token_mixers

PLACES = {
    "sequence": ("sequence", False, (9, 7)),
    "causal": ("sequence", True, (9, 7)),
    "image": ("image", False, (4, 3, 7)),
}
KINDS = [
    (place, kind)
    for place, (on, causal, _) in PLACES.items()
    for kind in token_mixers(on, causal, None).options
]


def drawn(**values):
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    return hp


def space(hp, place, **kwargs):
    on, causal, _ = PLACES[place]
    return tuning.token_mixer_space(hp, units=16, on=on, causal=causal, **kwargs)


def inputs(place, seed=0):
    shape = (2, *PLACES[place][2])
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize(("place", "kind"), KINDS)
def test_every_mixer(place, kind):
    hp = drawn(token_mixer=kind)
    layer = space(hp, place)
    x = inputs(place)
    y = np.asarray(layer(x))
    assert y.shape == (*x.shape[:-1], 16) and np.isfinite(y).all()
    active = {p.name for p in hp.space if hp.is_active(p)}
    own = {f"token_mixer_{name}" for name in ("depth", *TOKEN_MIXERS[kind].uses)}
    assert active == set(hp.values) == {"token_mixer", *own}
    # Positions are mixed, and never with later ones where that is forbidden.
    other = x.copy()
    other[:, -1] += 1.0
    before = np.abs(np.asarray(layer(other)) - y)[:, 0].max()
    assert (before < 1e-5) if place == "causal" else (before > 0)


def test_every_mixer_has_a_place():
    assert {kind for _, kind in KINDS} == set(TOKEN_MIXERS.names)


@pytest.mark.parametrize("place", PLACES)
def test_the_default_is_attention(place):
    hp = drawn()
    layer = space(hp, place)
    layer(inputs(place))
    blocks = [part for part in layer.layers if part.name.startswith("block")]
    assert hp.values["token_mixer"] == "attention" and len(blocks) == 2
    for block in blocks:
        mixer = block.mixer.mixer if place == "image" else block.mixer
        assert isinstance(block.mixer, OverPixels) == (place == "image")
        assert isinstance(mixer.attention, keras.layers.MultiHeadAttention)


PARAMETERS = {
    k: v
    for on, causal, _ in PLACES.values()
    for k, v in token_mixers(on, causal, None).parameters.items()
}


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_every_value_makes_a_backbone(parameter):
    place, kind = next((p, k) for p, k in KINDS if parameter in ("depth", *TOKEN_MIXERS[k].uses))
    sizes = set()
    for value in PARAMETERS[parameter].values:
        layer = space(drawn(token_mixer=kind, **{f"token_mixer_{parameter}": value}), place)
        layer(inputs(place))
        sizes.add((layer.count_params(), str(layer.get_config())))
    assert len(sizes) == len(PARAMETERS[parameter].values)


@pytest.mark.parametrize(("place", "kind"), [("sequence", "attention"), ("image", "hydra")])
def test_it_is_saved_with_a_model(place, kind, tmp_path):
    x = keras.Input(PLACES[place][2])
    y = space(drawn(token_mixer=kind), place)(x)
    model = keras.Model(x, y)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(model(inputs(place)), again(inputs(place)))


@pytest.mark.parametrize("kind", ["attention", "min_gru", "focal_modulation"])
def test_masked_steps_take_no_part(kind):
    place = "causal" if kind == "min_gru" else "sequence"
    inside = keras.Input((None, 7))
    layer = space(drawn(token_mixer=kind), place)
    y = layer(keras.layers.Masking()(inside))
    assert getattr(y, "_keras_mask", None) is not None
    model, x = keras.Model(inside, y), inputs(place)
    padded = np.concatenate([x, np.zeros((2, 3, 7), "float32")], axis=1)
    np.testing.assert_allclose(np.asarray(model(padded))[:, :9], model(x), atol=1e-5)


def test_a_length_for_sequences_of_unknown_length():
    layer = space(drawn(token_mixer="gmlp"), "causal", length=12)
    assert layer(keras.Input((None, 7))).shape == (None, None, 16)


def test_one_call_declares_every_conditional_parameter():
    hp = drawn()
    tuning.token_mixer_space(hp, include=["attention", "gmlp"], name="mixer")
    names = {"depth", "heads", "hidden_expansion", "attention_units"}
    assert {p.name for p in hp.space} == {"mixer", *(f"mixer_{n}" for n in names)}


@pytest.mark.parametrize(
    "kwargs",
    [
        {"on": "vector"},
        {"on": "image", "causal": True},
        {"units": 24},
        {"units": 0},
        {"include": []},
        {"include": ["gn_conv"]},
        {"include": ["retention"]},
    ],
)
def test_errors(kwargs):
    with pytest.raises(ValueError, match="Received: "):
        tuning.token_mixer_space(drawn(), **kwargs)
