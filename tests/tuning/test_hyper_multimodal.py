"""The hypermodel of any inputs: encoders, fusion, and what is searched of them."""

from types import SimpleNamespace

import keras
import keras_tuner
import numpy as np
import pytest
from sklearn.datasets import load_wine

from keras_hadamard import layers
from keras_hadamard._core.optimizer import build_optimizer
from keras_hadamard.tuning import HyperMultimodal, HyperTabular
from keras_hadamard.tuning.encoders import embed, embedding_width
from keras_hadamard.tuning.fields import Field

INPUTS = {
    "image": {"kind": "image", "shape": (12, 32, 1), "dtype": "uint8"},
    "question": {"kind": "tokens", "shape": (5,), "vocabulary_size": 9},
    "extra": {"kind": "vector", "shape": (4,)},
    "place": {"kind": "fields", "shape": (3,), "vocabulary_sizes": (3, 40, 3)},
}


def batch(names, count=6):
    rng = np.random.default_rng(0)
    made = {
        "image": rng.integers(0, 256, (count, 12, 32, 1)).astype("uint8"),
        "question": rng.integers(0, 9, (count, 5)).astype("int32"),
        "extra": rng.normal(size=(count, 4)).astype("float32"),
        "place": rng.integers(0, (3, 40, 3), (count, 3)).astype("int32"),
    }
    return {name: made[name] for name in names}


@pytest.mark.parametrize(
    "names", [("image", "question"), ("image", "question", "extra", "place"), ("extra",)]
)
def test_inputs_keep_their_names_and_the_model_fits(names):
    hp = keras_tuner.HyperParameters()
    model = HyperMultimodal({n: INPUTS[n] for n in names}, 3, ("fusion", "gating"), units=8).build(
        hp
    )
    assert {i.name for i in model.inputs} == set(names)
    assert model.output_shape == (None, 3)
    assert ("fusion" in hp.values) == (len(names) > 1)
    history = model.fit(batch(names), np.arange(6) % 3, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert "accuracy" in history.history


def test_the_default_is_the_baseline():
    hp = keras_tuner.HyperParameters()
    model = HyperMultimodal({n: INPUTS[n] for n in ("image", "extra")}, 3).build(hp)
    assert type(model.get_layer("fusion")).__name__ == "ConcatFusion"
    assert type(model.get_layer("gating")) is keras.layers.Dense


def test_a_space_that_is_not_searched_stays_at_its_default():
    inputs = {n: INPUTS[n] for n in ("image", "extra")}
    for spaces, fixed, free in ((["gating"], "fusion", "gating"), (["fusion"], "gating", "fusion")):
        hp = keras_tuner.HyperParameters()
        HyperMultimodal(inputs, 3, spaces=spaces).declare_hyperparameters(hp)
        choices = {p.name: p.values for p in hp.space}
        assert len(choices[fixed]) == 1 and len(choices[free]) > 1


def test_attention_over_the_channels_of_images_is_searched_if_asked_for():
    inputs, spaces = {n: INPUTS[n] for n in ("image", "extra")}, ("gating", "channel_attention")
    hypermodel, plain = (HyperMultimodal(inputs, 3, s) for s in (spaces, spaces[:1]))
    hp, without = keras_tuner.HyperParameters(), keras_tuner.HyperParameters()
    hypermodel.declare_hyperparameters(hp)
    plain.declare_hyperparameters(without)
    assert not any("channel_attention" in p.name for p in without.space)
    assert {"image_channel_attention", "image_channel_attention_ratio"} <= {
        p.name for p in hp.space
    }
    assert not any(p.name.startswith("extra_") for p in hp.space)
    counts = []
    for kind in ("identity", "squeeze_excite"):
        hp = keras_tuner.HyperParameters()
        hp.values["image_channel_attention"] = kind
        model = hypermodel.build(hp)
        counts.append(model.count_params())
        attention, flatten = (
            model.get_layer(f"image_{n}") for n in ("channel_attention", "flatten")
        )
        assert attention.output is flatten.input
    assert counts[0] == plain.build(without).count_params() < counts[1]


@pytest.mark.slow
def test_token_mixers_of_images_and_tokens_are_searched_if_asked_for():
    inputs = {n: INPUTS[n] for n in ("image", "question", "extra")}
    hypermodel = HyperMultimodal(inputs, 3, ("fusion", "token_mixer"), units=8)
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
        assert np.isfinite(model.fit(batch(inputs), np.arange(6) % 3, verbose=0).history["loss"])


def test_outputs_are_float32_under_a_mixed_policy():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = HyperMultimodal({"extra": INPUTS["extra"]}, 3).build(keras_tuner.HyperParameters())
    finally:
        keras.config.set_dtype_policy(policy)
    assert model.output.dtype == "float32"


def test_large_images_are_reduced():
    spec = {"kind": "image", "shape": (96, 64, 3)}
    model = HyperMultimodal({"image": spec}, 3).build(keras_tuner.HyperParameters())
    flat = model.get_layer("image_flatten").output.shape[1]
    assert flat <= 8 * 8 * 48


@pytest.mark.parametrize(
    ("name", "searched"),
    [
        ("image", "image_channel_attention"),
        ("question", "question_recurrence"),
        ("extra", "extra_high_order"),
        ("place", "place_high_order"),
    ],
)
def test_what_is_searched_of_one_input_if_nothing_is_said(name, searched):
    hypermodel = HyperMultimodal({name: INPUTS[name]}, 3)
    hp = keras_tuner.HyperParameters()
    hypermodel.declare_hyperparameters(hp)
    roots = [p.name for p in hp.space if not p.conditions]
    assert roots == ["learning_rate", searched, "gating"]
    assert hypermodel.spaces == (searched.removeprefix(f"{name}_"), "gating")


def test_what_is_not_searched_of_an_encoder_is_plain_and_fast():
    model = HyperMultimodal(INPUTS, 3).build(keras_tuner.HyperParameters())
    assert isinstance(model.get_layer("question_min_gru"), layers.MinGRU)
    for name in ("image", "extra", "place"):
        dense = model.get_layer(f"{name}_dense")
        assert type(dense) is keras.layers.Dense and dense.activation is keras.activations.relu


def test_a_recurrence_follows_the_token_mixers_if_both_are_searched():
    spaces = ("token_mixer", "recurrence", "high_order", "gating")
    hp = keras_tuner.HyperParameters()
    model = HyperMultimodal({"question": INPUTS["question"]}, 3, spaces, units=8).build(hp)
    names = [layer.name for layer in model.layers if layer.name.startswith("question_")]
    parts = ("embedding", "token_mixer", "recurrence", "high_order")
    assert [n for n in names if n != "question_mask"] == [f"question_{part}" for part in parts]


def test_each_column_has_rows_of_its_own():
    """A column's ids reach only its own rows: what else is changed has no part in its vector."""
    x = keras.Input((3,), dtype="int32")
    field = Field.of("place", INPUTS["place"])
    model = keras.Model(x, embed(x, field, "place"))
    widths = [embedding_width(size) for size in field.vocabulary_sizes]
    assert widths == [3, 13, 3] and model.output_shape == (None, 19)
    assert model.count_params() == 3 * 3 + 40 * 13 + 3 * 3
    rows = [[a, b, c] for a in range(3) for b in range(40) for c in range(3)]
    vectors = np.asarray(model(np.asarray(rows, "int32")))
    # Those of width 3 come first.
    for part, count in ((vectors[:, :3], 3), (vectors[:, 3:6], 3), (vectors[:, 6:], 40)):
        assert len(np.unique(part, axis=0)) == count
    assert not np.array_equal(vectors[0, :3], vectors[0, 3:6])


def test_thousands_of_columns_are_few_layers(tmp_path):
    sizes = tuple(2 + n % 400 for n in range(2000))
    spec = {"kind": "fields", "shape": (2000,), "vocabulary_sizes": sizes}
    model = HyperMultimodal({"many": spec}, 3, units=4).build(keras_tuner.HyperParameters())
    assert len(model.layers) < 80
    build_optimizer(model)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    ids = np.random.default_rng(0).integers(0, sizes, (5, 2000)).astype("int32")
    np.testing.assert_array_equal(again({"many": ids}), model({"many": ids}))


@pytest.mark.parametrize("name", ["image", "extra"])
def test_what_is_normalised_already_is_not_again(name):
    spec = {**INPUTS[name], "dtype": "float32"}
    plain, done = (
        HyperMultimodal({name: {**spec, "normalized": normalized}}, 3).build(
            keras_tuner.HyperParameters()
        )
        for normalized in (False, True)
    )
    layer = plain.get_layer(f"{name}_normalization")
    assert plain.count_params() - done.count_params() == layer.count_params()
    assert not any(isinstance(la, keras.layers.BatchNormalization) for la in done.layers)


def test_a_spec_may_be_an_object():
    spec = SimpleNamespace(**INPUTS["place"], pixels=None, words=None, vocabulary_size=None)
    assert Field.of("place", spec) == Field.of("place", INPUTS["place"])


def test_given_fusions_and_gates_are_those_that_are_searched():
    inputs = {n: INPUTS[n] for n in ("image", "extra")}
    hypermodel = HyperMultimodal(inputs, 3, fusions=("mlb", "sum"), gatings=("glu", "highway"))
    hp = keras_tuner.HyperParameters()
    hypermodel.declare_hyperparameters(hp)
    choices = {p.name: p.values for p in hp.space}
    assert choices["fusion"] == ["sum", "mlb"] and choices["gating"] == ["glu", "highway"]


def test_a_fusion_that_cannot_be_built_is_not_offered():
    inputs = {n: INPUTS[n] for n in ("image", "extra", "question")}
    hypermodel = HyperMultimodal(inputs, 3)
    hp = keras_tuner.HyperParameters()
    hypermodel.declare_hyperparameters(hp)
    assert "tensor" not in next(p.values for p in hp.space if p.name == "fusion")
    narrow = keras_tuner.HyperParameters()
    HyperMultimodal(inputs, 3, units=32).declare_hyperparameters(narrow)
    assert "tensor" in next(p.values for p in narrow.space if p.name == "fusion")
    only = HyperMultimodal(inputs, 3, fusions=("tensor",))
    with pytest.raises(ValueError, match=r"at most 64,000,000 parameters.*tensor"):
        only.declare_hyperparameters(keras_tuner.HyperParameters())


def test_statistics_are_right_after_few_steps():
    """Wine, whose columns are of very different sizes: proline is 750, nonflavanoids 0.36."""
    x, y = load_wine(return_X_y=True)
    assert x.mean(axis=0).max() / x.mean(axis=0).min() > 2000
    test = np.random.default_rng(0).permutation(len(x)) < len(x) // 4
    model = HyperTabular(13, 3).build(keras_tuner.HyperParameters())
    model.fit({"features": x[~test]}, y[~test], batch_size=16, epochs=8, verbose=0)
    assert model.evaluate({"features": x[test]}, y[test], verbose=0)[1] >= 0.9
    layer = model.get_layer("features_normalization")
    shift = (np.asarray(layer.moving_mean) - x[~test].mean(axis=0)) / x.std(axis=0)
    assert np.abs(shift).max() < 0.3


WRONG = [
    ({}, "at least one input"),
    ({"a": {"kind": "sound", "shape": (3,)}}, "kind of a"),
    ({"a": {"kind": "image", "shape": (3,)}}, "3 axes"),
    ({"a": {"kind": "tokens", "shape": (3,)}}, "vocabulary_size of a"),
    ({"a": {"kind": "vector", "shape": (3,), "colour": 1}}, "colour"),
    ({"a": {"kind": "vector"}}, "shape"),
    ({"a": {"kind": "fields", "shape": (2,), "vocabulary_sizes": (3,)}}, "each of its 2 columns"),
    ({"a": {"kind": "fields", "shape": (2,)}}, "each of its 2 columns"),
    ({"a": {"kind": "fields", "shape": (2,), "vocabulary_sizes": (3, 0)}}, "of a, column 1"),
]


@pytest.mark.parametrize(("inputs", "match"), WRONG)
def test_bad_inputs(inputs, match):
    with pytest.raises(ValueError, match=match):
        HyperMultimodal(inputs, 3)
