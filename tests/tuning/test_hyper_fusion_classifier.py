import keras
import keras_tuner
import numpy as np
import pytest

from keras_hadamard.tuning import HyperFusionClassifier

INPUTS = {
    "image": {"kind": "image", "shape": (12, 32, 1), "dtype": "uint8"},
    "question": {"kind": "tokens", "shape": (5,), "vocabulary_size": 9},
    "extra": {"kind": "vector", "shape": (4,)},
}


def batch(names, count=6):
    rng = np.random.default_rng(0)
    made = {
        "image": rng.integers(0, 256, (count, 12, 32, 1)).astype("uint8"),
        "question": rng.integers(0, 9, (count, 5)).astype("int32"),
        "extra": rng.normal(size=(count, 4)).astype("float32"),
    }
    return {name: made[name] for name in names}


@pytest.mark.parametrize(
    "names", [("image", "question"), ("image", "question", "extra"), ("extra",)]
)
def test_inputs_keep_their_names_and_the_model_fits(names):
    hp = keras_tuner.HyperParameters()
    model = HyperFusionClassifier({n: INPUTS[n] for n in names}, 3, units=8).build(hp)
    assert {i.name for i in model.inputs} == set(names)
    assert model.output_shape == (None, 3)
    assert ("fusion" in hp.values) == (len(names) > 1)
    history = model.fit(batch(names), np.arange(6) % 3, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert "accuracy" in history.history


def test_the_default_is_the_baseline():
    hp = keras_tuner.HyperParameters()
    model = HyperFusionClassifier({n: INPUTS[n] for n in ("image", "extra")}, 3).build(hp)
    assert type(model.get_layer("fusion")).__name__ == "ConcatFusion"
    assert type(model.get_layer("gating")) is keras.layers.Dense


def test_a_space_that_is_not_searched_stays_at_its_default():
    inputs = {n: INPUTS[n] for n in ("image", "extra")}
    for spaces, fixed, free in ((["gating"], "fusion", "gating"), (["fusion"], "gating", "fusion")):
        hp = keras_tuner.HyperParameters()
        HyperFusionClassifier(inputs, 3, spaces=spaces).declare_hyperparameters(hp)
        choices = {p.name: p.values for p in hp.space}
        assert len(choices[fixed]) == 1 and len(choices[free]) > 1


def test_attention_over_the_channels_of_images_is_searched_if_asked_for():
    inputs, spaces = {n: INPUTS[n] for n in ("image", "extra")}, ("gating", "attention")
    hypermodel, plain = (HyperFusionClassifier(inputs, 3, s) for s in (spaces, spaces[:1]))
    hp, without = keras_tuner.HyperParameters(), keras_tuner.HyperParameters()
    hypermodel.declare_hyperparameters(hp)
    plain.declare_hyperparameters(without)
    assert not any("attention" in p.name for p in without.space)
    assert {"image_attention", "image_attention_ratio"} <= {p.name for p in hp.space}
    assert not any(p.name.startswith("extra_") for p in hp.space)
    counts = []
    for kind in ("identity", "squeeze_excite"):
        hp = keras_tuner.HyperParameters()
        hp.values["image_attention"] = kind
        model = hypermodel.build(hp)
        counts.append(model.count_params())
        assert model.get_layer("image_attention").output is model.get_layer("image_flatten").input
    assert counts[0] == plain.build(without).count_params() < counts[1]


def test_token_mixers_of_images_and_tokens_are_searched_if_asked_for():
    hypermodel = HyperFusionClassifier(INPUTS, 3, ("fusion", "token_mixer"), units=8)
    hp = keras_tuner.HyperParameters()
    hypermodel.declare_hyperparameters(hp)
    names = {p.name for p in hp.space if p.name.endswith("token_mixer")}
    assert names == {"image_token_mixer", "question_token_mixer"}
    for image, question in (("attention", "attention"), ("gn_conv", "hydra")):
        hp = keras_tuner.HyperParameters()
        if image != "attention":  # the default
            hp.values |= {"image_token_mixer": image, "question_token_mixer": question}
        model = hypermodel.build(hp)
        assert hp.values["image_token_mixer"] == image
        assert model.get_layer("image_token_mixer").output is model.get_layer("image_flatten").input
        pool = model.get_layer("question_pool")
        assert model.get_layer("question_token_mixer").output is pool.input[0]  # and the mask
        assert np.isfinite(model.fit(batch(INPUTS), np.arange(6) % 3, verbose=0).history["loss"])


def test_outputs_are_float32_under_a_mixed_policy():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = HyperFusionClassifier({"extra": INPUTS["extra"]}, 3).build(
            keras_tuner.HyperParameters()
        )
    finally:
        keras.config.set_dtype_policy(policy)
    assert model.output.dtype == "float32"


def test_large_images_are_reduced():
    spec = {"kind": "image", "shape": (96, 64, 3)}
    model = HyperFusionClassifier({"image": spec}, 3).build(keras_tuner.HyperParameters())
    flat = model.get_layer("image_flatten").output.shape[1]
    assert flat <= 8 * 8 * 48


@pytest.mark.parametrize(
    ("inputs", "classes", "match"),
    [
        ({}, 3, "at least one input"),
        ({"a": {"kind": "sound", "shape": (3,)}}, 3, "kind"),
        ({"a": {"kind": "image", "shape": (3,)}}, 3, "3 axes"),
        ({"a": {"kind": "tokens", "shape": (3,)}}, 3, "vocabulary_size"),
        ({"a": {"kind": "vector", "shape": (3,), "colour": 1}}, 3, "colour"),
        ({"a": {"kind": "vector"}}, 3, "shape"),
        ({"a": {"kind": "vector", "shape": (3,)}}, 1, "classes"),
    ],
)
def test_bad_arguments(inputs, classes, match):
    with pytest.raises(ValueError, match=match):
        HyperFusionClassifier(inputs, classes)
