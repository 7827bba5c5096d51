"""The language model: with every mixer one step at a time is the whole sequence at once."""

import keras
import numpy as np
import pytest

from keras_hadamard import models, serving
from keras_hadamard.layers.registry.mixers import TOKEN_MIXERS, mixer_names

EVERY = pytest.mark.parametrize("mixer", mixer_names("sequence", causal=True))
WINDOWED = ("attention", "gated_attention", "gmlp", "hyena", "monarch")
TOKENS = np.random.default_rng(0).integers(0, 11, (2, 6))


def make(mixer, **kwargs):
    """A model with weights far from where they start, in float64."""
    keras.config.set_dtype_policy("float64")
    model = models.CausalLanguageModel(
        11, mixer, **{"units": 8, "blocks": 2, "length": 6, **kwargs}
    )
    rng = np.random.default_rng(1)
    for weight in model.trainable_weights:
        weight.assign(weight + 0.3 * rng.normal(size=weight.shape))
    return model


def steps(step, tokens, states=None):
    scores = []
    for token in tokens.T:
        new, states = step(token, states)
        scores.append(np.asarray(new))
    return np.stack(scores, axis=1), states


@EVERY
def test_a_step_at_a_time_is_the_whole_sequence(mixer):
    model = make(mixer)
    assert model.recurrent == (mixer not in WINDOWED)
    whole, (stepped, states) = np.asarray(model(TOKENS)), steps(model.step, TOKENS)
    np.testing.assert_allclose(stepped, whole, rtol=1e-9, atol=1e-9)
    # The states are all that is remembered.
    first, kept = steps(model.step, TOKENS[:, :4])
    rest, _ = steps(model.step, TOKENS[:, 4:], kept)
    np.testing.assert_allclose(np.concatenate([first, rest], 1), stepped, rtol=1e-12, atol=1e-12)
    assert [s.shape for s in states] == [s.shape for s in model.get_initial_state(2)]


@EVERY
def test_the_future_is_not_seen(mixer):
    model = make(mixer)
    later = np.concatenate([TOKENS[:, :3], (TOKENS[:, 3:] + 1) % 11], axis=1)
    one, other = np.asarray(model(TOKENS)), np.asarray(model(later))
    np.testing.assert_allclose(one[:, :3], other[:, :3], rtol=1e-9, atol=1e-9)
    assert np.abs(one - other)[:, 3:].max() > 1e-3
    # The order of what stands before matters, also to mixers that do not know it themselves.
    turned = np.concatenate([TOKENS[:, 2::-1], TOKENS[:, 3:]], axis=1)
    assert np.abs(np.asarray(model(turned)) - one)[:, -1].max() > 1e-6


@pytest.mark.parametrize("mixer", WINDOWED[:2])
def test_a_window_that_is_full_moves_on(mixer):
    model = make(mixer, length=4)
    stepped, _ = steps(model.step, TOKENS)
    np.testing.assert_allclose(stepped[:, :4], model(TOKENS[:, :4]), rtol=1e-9, atol=1e-9)
    last = np.asarray(model(TOKENS[:, 2:]))[:, -1]
    np.testing.assert_allclose(stepped[:, -1], last, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("mixer", ["aft", "min_gru", "attention"])
def test_the_exported_step(mixer, tmp_path, one_loader):
    keras.config.set_dtype_policy("float32")
    model = models.CausalLanguageModel(11, mixer, units=8, length=6)
    step = model.step_model()
    names = [tensor.name for tensor in step.inputs]
    assert names == ["token", *(f"state_{i}" for i in range(len(names) - 1))]
    serving.export(step, tmp_path)
    report = serving.check(tmp_path, step)
    assert report.ok, str(report)

    def call(token, states):
        states = model.get_initial_state(2) if states is None else states
        outputs = step([keras.ops.convert_to_tensor(token), *states])
        return outputs["next"], [outputs[name] for name in names[1:]]

    stepped, _ = steps(call, TOKENS)
    np.testing.assert_allclose(stepped, model(TOKENS), rtol=1e-4, atol=1e-5)


def test_the_step_can_be_saved(tmp_path):
    step = models.CausalLanguageModel(11, "min_gru", units=8).step_model()
    step.save(tmp_path / "step.keras")
    again = keras.models.load_model(tmp_path / "step.keras")
    x = [np.array([3, 4]), *(np.ones((2, *t.shape[1:]), t.dtype) for t in step.inputs[1:])]
    np.testing.assert_array_equal(step(x)["next"], again(x)["next"])


@EVERY
def test_mixers_take_their_arguments(mixer):
    depth = {"mixer_arguments": {"heads": 2}} if mixer in ("attention", "gmlp") else {}
    model = models.CausalLanguageModel(5, mixer, units=8, blocks=3, length=4, **depth)
    assert len(model.stack) == 3
    assert all(block.project_output != TOKEN_MIXERS[mixer].projected for block in model.stack)


@pytest.mark.parametrize(
    ("pattern", "recurrent"),
    [
        (["min_gru", "min_gru", "gated_linear_attention"], True),
        (["gated_delta_net", "attention"], False),
        (["aft", "min_gru"], True),
    ],
)
def test_blocks_take_mixers_in_turns(pattern, recurrent, tmp_path):
    heads = {"heads": 2}
    arguments = {name: heads for name in pattern if "attention" in name}
    model = make(pattern, blocks=5, mixer_arguments=arguments)
    names = [pattern[i % len(pattern)] for i in range(5)]
    alone = {name: models.CausalLanguageModel(11, name, units=8).stack[0] for name in pattern}
    for name, block in zip(names, model.stack, strict=True):
        assert type(block.mixer) is type(alone[name].mixer)
    assert model.recurrent == recurrent
    whole, (stepped, _) = np.asarray(model(TOKENS)), steps(model.step, TOKENS)
    np.testing.assert_allclose(stepped, whole, rtol=1e-9, atol=1e-9)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again(TOKENS), whole)
    assert again.get_config() == model.get_config()


def test_a_mixer_that_ignores_the_order_gets_positions_among_others_too():
    assert models.CausalLanguageModel(5, ["min_gru", "aft"], units=8).positions is not None
    assert models.CausalLanguageModel(5, ["min_gru", "rglru"], units=8).positions is None


@pytest.mark.parametrize(
    "kwargs",
    [
        {"mixer": "gn_conv"},
        {"mixer": []},
        {"mixer": ["min_gru", "gn_conv"]},
        {"mixer": ["min_gru"], "mixer_arguments": {"hgrn": {}}},
        {"mixer": ["min_gru"], "mixer_arguments": {"min_gru": 3}},
        {"vocabulary_size": 0},
        {"units": 0},
        {"blocks": 0},
        {"length": 0},
        {"dropout": 1.0},
        {"mixer": "attention", "units": 7},
    ],
)
def test_errors(kwargs):
    with pytest.raises(ValueError, match="Received: "):
        models.CausalLanguageModel(**{"vocabulary_size": 5, "mixer": "min_gru", **kwargs})
