"""The first training step of networks, pruned and adapted models is traced once."""

import keras
import numpy as np
import pytest

from keras_hadamard import adapters, models, pruning

X = np.zeros((8, 8), "float32")


@pytest.fixture(autouse=True)
def _as_keras_has_it(monkeypatch):
    made = keras.Model.make_train_function.__wrapped__
    monkeypatch.setattr(keras.Model, "make_train_function", made)


def plain():
    inputs = keras.Input((8,))
    return keras.Model(inputs, keras.layers.Dense(1)(inputs))


MODELS = {
    "published": lambda: models.DeepCrossNetwork(8, hidden_units=(4,), num_layers=1),
    "pruned": lambda: pruning.prune(plain(), pruning.ConstantSparsity(0.5)),
    "adapted": lambda: adapters.apply(plain(), adapters.LoRA(2)),
}


def traces(model, monkeypatch):
    """How often Python goes through the step."""
    counted = []
    step = model.train_step
    monkeypatch.setattr(model, "train_step", lambda data: (counted.append(0), step(data))[1])
    model.compile("adam", "mse", jit_compile=False)
    model.fit(X, X[:, :1], batch_size=4, epochs=2, verbose=0)
    return len(counted)


def test_keras_traces_the_first_step_twice(monkeypatch):
    assert traces(plain(), monkeypatch) == 2


@pytest.mark.parametrize("name", MODELS)
def test_our_models_trace_it_once(name, monkeypatch):
    assert traces(MODELS[name](), monkeypatch) == 1
