"""The tasks of a hypermodel: classes, labels and numbers."""

import keras
import keras_tuner
import numpy as np
import pytest

from keras_hadamard._core.optimizer import build_optimizer
from keras_hadamard.tuning import HyperMultimodal, HyperTabular

INPUTS = {"x": {"kind": "vector", "shape": (4,), "normalized": True}}


def made(outputs, **given):
    return HyperMultimodal(INPUTS, outputs, units=16, **given).build(keras_tuner.HyperParameters())


def features(count=256):
    return np.random.default_rng(0).normal(size=(count, 4)).astype("float32")


@pytest.mark.parametrize(("task", "outputs"), [("multiclass", 3), ("binary", 2)])
def test_classes(task, outputs):
    x = features()
    y = (x[:, 0] > 0).astype("int32") + (outputs > 2) * (x[:, 0] > 1)
    model = made(outputs, task=task)
    history = model.fit({"x": x}, y, epochs=20, verbose=0).history
    assert history["accuracy"][-1] > 0.9
    assert model.get_layer("probabilities") is model.layers[-1]
    np.testing.assert_allclose(np.sum(model({"x": x}), axis=-1), 1, atol=1e-5)


@pytest.mark.parametrize("outputs", [1, 3])
def test_labels_are_independent(outputs):
    x = features()
    y = (x[:, :outputs] > 0).astype("int32")
    model = made(outputs, task="multilabel")
    history = model.fit({"x": x}, y, epochs=20, verbose=0).history
    assert history["binary_accuracy"][-1] > 0.9
    probabilities = np.asarray(model({"x": x}))
    assert model.layers[-1].name == "probabilities"
    assert ((probabilities > 0.5) == y).mean() == pytest.approx(0.95, abs=0.05)


@pytest.mark.parametrize("scales", [(1e-6,), (1.0,), (1e6,), (1e-6, 1e6)])
def test_numbers_of_any_size_are_learnt_alike(scales):
    x = features()
    y = ((x @ np.eye(4, len(scales)) + 5) * scales).astype("float32")
    statistics = y.mean(axis=0), y.std(axis=0)
    model = made(len(scales), task="regression", target_statistics=statistics)
    one = len(scales) == 1
    history = model.fit({"x": x}, y[:, 0] if one else y, epochs=20, verbose=0).history
    assert model.layers[-1].name == "prediction"
    predicted = model.predict({"x": x}, verbose=0)
    errors = (predicted - y) / y.std(axis=0)
    assert (np.mean(errors**2, axis=0) < 0.05).all()
    # The loss is in standard deviations, the metric in units.
    assert model.evaluate({"x": x}, y, verbose=0) == pytest.approx(
        [np.mean(errors**2), np.mean(np.abs(predicted - y))], rel=1e-3
    )
    assert 0.5 < history["loss"][0] < 2 and np.isfinite(history["loss"]).all()


def test_a_target_that_never_changes_is_predicted():
    y = np.full(64, 7.0, "float32")
    model = made(1, task="regression", target_statistics=([7.0], [0.0]))
    model.fit({"x": features(64)}, y, epochs=40, verbose=0)
    # Half of the deviation of one that a constant target has; forty short epochs leave a rest.
    np.testing.assert_allclose(model.predict({"x": features(64)}, verbose=0)[:, 0], y, atol=0.5)


def test_without_statistics_numbers_are_what_they_are():
    x = features()
    model = made(1, task="regression")
    model.fit({"x": x}, x[:, 0], epochs=20, verbose=0)
    assert np.mean((model.predict({"x": x}, verbose=0)[:, 0] - x[:, 0]) ** 2) < 0.05


@pytest.mark.parametrize(
    ("task", "outputs"),
    [("multiclass", 3), ("multilabel", 3), ("regression", 1), ("regression", 2)],
)
def test_a_model_is_saved_with_what_it_learns(task, outputs, tmp_path):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        statistics = ([3.0] * outputs, [2.0] * outputs) if task == "regression" else None
        model = made(outputs, task=task, target_statistics=statistics)
    finally:
        keras.config.set_dtype_policy(policy)
    assert model.output.dtype == "float32"
    build_optimizer(model)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    x, y = {"x": features(8)}, np.ones((8, outputs) if task != "multiclass" else 8, "int32")
    assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)


def test_a_pruned_model_predicts_numbers():
    hypermodel = HyperMultimodal(
        INPUTS,
        2,
        ("gating", "pruning"),
        training_steps=8,
        task="regression",
        target_statistics=([5.0, -5.0], [1.0, 2.0]),
    )
    hp = keras_tuner.HyperParameters()
    hp.values = {"pruning": "magnitude"}
    model = hypermodel.build(hp)
    y = np.stack([features()[:, 0] + 5, 2 * features()[:, 1] - 5], axis=1)
    model.fit({"x": features()}, y, epochs=1, verbose=0)
    assert np.abs(model.predict({"x": features()}, verbose=0).mean(axis=0) - [5, -5]).max() < 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"outputs": 1}, r"number of classes, to be two or more. Received: outputs=1"),
        ({"outputs": True}, "number of classes"),
        ({"outputs": 3, "task": "binary"}, "number of classes, to be two. "),
        ({"outputs": 0, "task": "multilabel"}, "number of labels, to be positive"),
        ({"outputs": 0.5, "task": "regression"}, "number of targets, to be positive"),
        ({"outputs": 2, "task": "ranking"}, "`task` to be one of"),
        ({"outputs": 2, "target_statistics": ([0.0], [1.0])}, "as multiclass targets are classes"),
        *(
            ({"outputs": 2, "task": "regression", "target_statistics": s}, r"of 2 target\(s\)")
            for s in (
                ([0.0], [1.0]),
                ([0.0, 1.0], [1.0, -1.0]),
                ([0.0, np.nan], [1.0, 1.0]),
                (1.0,),
                "ab",
            )
        ),
    ],
)
def test_wrong_tasks(given, message):
    with pytest.raises(ValueError, match=message):
        HyperTabular(4, **given)
