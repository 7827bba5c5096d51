"""The hypermodels of the domains, and the sizes of all spaces."""

import inspect
import math
import re

import keras
import keras_tuner
import numpy as np
import pytest

from keras_hadamard import tuning

VECTOR = {"kind": "vector", "shape": (4,)}
TOKENS = {"kind": "tokens", "shape": (5,), "vocabulary_size": 9}
IMAGE = {"kind": "image", "shape": (8, 8, 1)}
MODELS = {
    "HyperTabular": ((4, 3), {"features": (4,)}),
    "HyperImage": (((8, 8, 1), 3), {"image": (8, 8, 1)}),
    "HyperSequence": ((5, 9, 3), {"tokens": (5,)}),
    "HyperMultimodal": (({"a": VECTOR, "b": VECTOR}, 3), {"a": (4,), "b": (4,)}),
}
EVERY = pytest.mark.parametrize("name", MODELS)


def hyper(name, **given):
    return getattr(tuning, name)(*MODELS[name][0], **given)


def size(declare):
    hp = keras_tuner.HyperParameters()
    declare(hp)
    return tuning.space_size(hp)


def told(thing):
    text = " ".join(inspect.getdoc(thing).split())
    numbers = re.findall(r"([\d,]+)`? configurations", text)
    return {int(n.replace(",", "")) for n in numbers}


@EVERY
def test_the_size_of_a_hypermodel_is_told(name):
    assert size(hyper(name).declare_hyperparameters) in told(getattr(tuning, name))


@pytest.mark.parametrize(
    ("space", "given"),
    [
        ("fusion_space", {}),
        ("fusion_space", {"modalities": 3}),
        ("fusion_space", {"modalities": (128, 128, 128)}),
        ("high_order_space", {}),
        ("recurrence_space", {}),
        ("token_mixer_space", {"on": "image"}),
        ("token_mixer_space", {"on": "sequence"}),
        ("token_mixer_space", {"on": "sequence", "causal": True}),
        ("pruning_space", {"steps": 100}),
        ("adapter_space", {}),
        *(("gating_space", {"on": on}) for on in ("vector", "image", "conditioned")),
        ("gating_space", {"on": "conditioned_image"}),
    ],
)
def test_the_size_of_a_space_is_told(space, given):
    function = getattr(tuning, space)
    assert size(lambda hp: function(hp, **given)) in told(function)


def test_the_size_counts_what_is_active():
    hp = keras_tuner.HyperParameters()
    assert tuning.space_size(hp) == 1
    hp.Choice("a", ["x", "y", "z"])
    with hp.conditional_scope("a", ["x", "y"]):
        hp.Choice("b", ["1", "2"])
        with hp.conditional_scope("b", ["2"]):
            hp.Boolean("c")
    hp.Choice("d", [1, 2, 3, 4])
    # x and y have b, of which one value has c; z has none.
    assert tuning.space_size(hp) == (2 * (1 + 2) + 1) * 4


@EVERY
def test_the_default_is_plain_keras(name):
    model = hyper(name, units=8).build(keras_tuner.HyperParameters())
    assert {i.name: i.shape[1:] for i in model.inputs} == MODELS[name][1]
    assert model.output_shape == (None, 3)
    # Attention and fusion of the baseline are the identity and a concatenation.
    made = {type(layer).__module__.split(".")[0] for layer in model.layers}
    assert made <= {"keras", "keras_hadamard"}
    gates = [layer for layer in model.layers if layer.name == "gating"]
    assert isinstance(gates[0], keras.layers.Dense)


ALL = {
    "HyperTabular": {"features_high_order": "ccp", "gating": "glu"},
    "HyperImage": {
        "image_channel_attention": "squeeze_excite",
        "image_token_mixer": "hydra",
        "image_high_order": "mu",
        "gating": "highway",
    },
    "HyperSequence": {
        "tokens_token_mixer": "hydra",
        "tokens_recurrence": "min_gru",
        "tokens_high_order": "star",
        "gating": "swiglu",
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_all_parts_at_once_learn_a_step(name):
    hypermodel = hyper(name, spaces=getattr(tuning, name).spaces_known[:-1], units=8)
    hp = keras_tuner.HyperParameters()
    hp.values = dict(ALL[name])
    model = hypermodel.build(hp)
    assert {n: hp.values[n] for n in ALL[name]} == ALL[name]
    rng = np.random.default_rng(0)
    x = {n: rng.integers(1, 9, (6, *shape)) for n, shape in MODELS[name][1].items()}
    loss = model.fit(x, rng.integers(0, 3, 6), verbose=0).history["loss"]
    assert np.isfinite(loss).all()


@pytest.mark.slow
def test_inputs_of_all_kinds():
    inputs = {"age": VECTOR, "note": TOKENS, "scan": {**IMAGE, "dtype": "uint8"}}
    spaces = ("fusion", "gating", "channel_attention", "recurrence", "high_order", "pruning")
    hypermodel = tuning.HyperMultimodal(inputs, 3, spaces, units=8, training_steps=10)
    hp = keras_tuner.HyperParameters()
    hp.values = {
        "age_high_order": "quadratic",
        "note_recurrence": "qrnn",
        "scan_channel_attention": "response_norm",
        "scan_high_order": "dense",
        "fusion": "hadamard",
        "gating": "glu",
        "pruning": "magnitude",
    }
    model = hypermodel.build(hp)
    names = {layer.name for layer in model.model.layers}
    wanted = {"age_high_order", "note_recurrence", "scan_channel_attention", "fusion", "gating"}
    assert wanted <= names
    x = {"age": np.ones((4, 4)), "note": np.ones((4, 5)), "scan": np.ones((4, 8, 8, 1))}
    assert model.predict(x, verbose=0).shape == (4, 3)


@EVERY
def test_a_search_by_keras_tuner_knows_the_whole_space_at_once(name, tmp_path):
    tuner = keras_tuner.RandomSearch(
        hyper(name, units=8), "val_accuracy", directory=tmp_path, max_trials=1
    )
    hp = keras_tuner.HyperParameters()
    hyper(name, units=8).declare_hyperparameters(hp)
    assert {p.name for p in tuner.oracle.get_space().space} == {p.name for p in hp.space}


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("HyperTabular", {"spaces": ("fusion",)}, "fusion"),
        ("HyperImage", {"units": 0}, "units"),
        ("HyperSequence", {"spaces": ("pruning",)}, "training_steps"),
        ("HyperMultimodal", {"training_steps": 0}, "training_steps"),
    ],
)
def test_wrong_arguments(name, given, message):
    with pytest.raises(ValueError, match=message):
        hyper(name, **given)


def test_a_wrong_shape():
    with pytest.raises(ValueError, match="shape"):
        tuning.HyperImage((8, 8), 3)


@pytest.mark.parametrize("name", list(MODELS)[:3])
def test_every_model_keeps_within_a_number_of_parameters(name):
    limit = 60_000
    hypermodel = hyper(name, max_parameters=limit)
    for gate in ("dense", "glu"):
        hp = keras_tuner.HyperParameters()
        hp.values = {"gating": gate}
        model = hypermodel.build(hp)
        count = sum(math.prod(v.shape) for v in model.trainable_variables)
        assert 0.99 * limit < count <= limit


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("HyperTabular", {"normalized": True}),
        ("HyperImage", {"normalized": True}),
    ],
)
def test_what_is_normalised_already_is_not_again(name, given):
    models = [hyper(name, **g).build(keras_tuner.HyperParameters()) for g in ({}, given)]
    counts = [
        sum(isinstance(layer, keras.layers.BatchNormalization) for layer in m.layers)
        for m in models
    ]
    assert counts == [1, 0]
