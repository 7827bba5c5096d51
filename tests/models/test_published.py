"""Checks of every published architecture, on small ones."""

import inspect
import json

import keras
import numpy as np
import pytest
from harness.op_checks import assert_near
from harness.steps import Step
from harness.tiny_models import TINY
from harness.torch_states import state_of

from keras_hadamard import models, serving
from keras_hadamard.models import _checkpoint
from keras_hadamard.models._published import PublishedModel

EVERY = pytest.mark.parametrize("name", sorted(TINY))
PUBLIC = {
    name
    for name in models.__all__
    if isinstance(kind := getattr(models, name), type) and issubclass(kind, keras.Model)
}


def make(name, **kwargs):
    tiny = TINY[name]
    keras.utils.set_random_seed(1)
    return getattr(models, name.split("-")[0])(**{**tiny.kwargs, **kwargs})


def inputs(name, batch=2):
    return TINY[name].inputs(batch)


def has(name, argument):
    code = getattr(models, name.split("-")[0]).__init__.__code__
    return argument in code.co_varnames[: code.co_argcount]


def checkpointed(model):
    return type(model).torch_mapping is not PublishedModel.torch_mapping


def scrambled(model):
    """Other weights than the initial ones, so that nothing passes by chance."""
    rng = np.random.default_rng(2)
    model.set_weights(
        [
            w
            if w.dtype.kind in "iu"
            else np.abs(w + 0.1 * rng.normal(size=w.shape)).astype(w.dtype)
            for w in model.get_weights()
        ]
    )
    return model


@pytest.fixture(scope="module", params=sorted(TINY))
def network(request):
    """The name of a network and one of it, which the tests share and do not change."""
    return request.param, scrambled(make(request.param))


def test_every_model_is_here():
    assert {name.split("-")[0] for name in TINY} == PUBLIC


def test_configuration_and_file_round_trip(network, tmp_path):
    name, model = network
    config = json.loads(json.dumps(model.get_config()))
    assert type(model).from_config(config).get_config() == model.get_config()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert type(again) is type(model)
    np.testing.assert_array_equal(model(inputs(name)), again(inputs(name)))


def test_weights_from_a_file_and_from_no_file(network, tmp_path):
    name, model = network
    model.save_weights(tmp_path / "it.weights.h5")
    again = make(name, weights=tmp_path / "it.weights.h5")
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert "weights" not in again.get_config()
    with pytest.raises(ValueError, match="Received: weights="):
        make(name, weights=tmp_path / "no.weights.h5")
    (tmp_path / "half.weights.h5").write_bytes((tmp_path / "it.weights.h5").read_bytes()[:999])
    with pytest.raises(ValueError, match=r"half\.weights\.h5"):
        make(name, weights=tmp_path / "half.weights.h5")


def test_the_authors_state_dict_goes_in_whole_or_not_at_all(network):
    name, model = network
    if not checkpointed(model):
        with pytest.raises(ValueError, match="published checkpoints"):
            model.load_torch({})
        return
    state = state_of(model.torch_mapping())
    named = {id(entry.variable) for entry in _checkpoint.entries(model.torch_mapping())}
    assert named == {id(w) for w in model.weights if "seed_generator" not in w.path}
    again = type(model).from_torch(
        state | {"bn.num_batches_tracked": np.zeros(())}, **model.get_config()
    )
    np.testing.assert_array_equal(model(inputs(name)), again(inputs(name)))
    before = again.get_weights()
    one = sorted(state)[0]
    for wrong in (
        {k: v for k, v in state.items() if k != one},
        state | {"another.weight": np.zeros(3)},
        {**{k: v + 1 for k, v in state.items()}, one: np.zeros((2, 9, 1, 4))},
    ):
        with pytest.raises(ValueError, match="Received: "):
            again.load_torch(wrong)
        for x, y in zip(before, again.get_weights(), strict=True):
            np.testing.assert_array_equal(x, y)


@EVERY
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_is_finite_and_ends_in_float32(name, policy):
    keras.config.set_dtype_policy(policy)
    # In training mode: running statistics are those of no data yet.
    y = make(name)(inputs(name), training=True)
    assert keras.backend.standardize_dtype(y.dtype) == "float32"
    assert np.isfinite(y).all()


@EVERY
def test_one_training_step_with_and_without_xla(name):
    """What draws random numbers draws others inside XLA, and is left out."""
    keras.config.set_dtype_policy("float64")
    kind = getattr(models, name.split("-")[0])
    still = {k: 0.0 for k in inspect.signature(kind).parameters if "drop" in k}
    step = Step(scrambled(make(name, **still)), inputs(name, 4))
    before = step.model.get_weights()
    plain = step()
    step.model.set_weights(before)
    under_xla = step.under_xla()
    assert plain.keys() == under_xla.keys()
    for what, value in plain.items():
        assert_near(under_xla[what], value, 1e-10, what)
    reached = [np.any(value) for what, value in plain.items() if what.startswith("gradient")]
    assert np.mean(reached) > 0.9
    for result in (step(step.of_constant(0.0), training=False), step(step.of_constant(0.0))):
        for what, value in result.items():
            assert np.isfinite(value).all(), what


@EVERY
def test_without_its_top(name):
    if not has(name, "include_top"):
        return
    whole, body = make(name), make(name, include_top=False)
    assert len(body.output_shape) == 4
    pooled = make(name, include_top=False, pooling="avg")
    assert pooled.output_shape == (None, body.output_shape[-1])
    assert body.count_params() < whole.count_params()
    with pytest.raises(ValueError, match="Received: pooling="):
        make(name, include_top=False, pooling="mean")


def test_runs_on_a_stock_server(one_loader, network, tmp_path):
    _, model = network
    serving.export(model, tmp_path)
    report = serving.check(tmp_path, model)
    assert report.ok, str(report)
