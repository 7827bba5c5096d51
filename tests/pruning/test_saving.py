"""Masks in files, training that resumes, and lottery tickets."""

import keras
import numpy as np
import pytest

from keras_hadamard import pruning, serving

X = np.random.default_rng(3).standard_normal((32, 12)).astype("float32")
Y = X[:, :3] ** 2


def network():
    return keras.Sequential(
        [
            keras.Input((12,)),
            keras.layers.Dense(16, "relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(3),
        ]
    )


def functional():
    x = keras.Input((12,), name="features")
    return keras.Model(x, keras.layers.Dense(3, name="scores")(x))


def fit(model, epochs, **kwargs):
    model.fit(X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0, **kwargs)


@pytest.mark.parametrize(
    ("criterion", "structure"),
    [("magnitude", None), ("random", "filter"), ("movement", None), ("movement", (4, 2))],
)
def test_a_resumed_training_is_the_uninterrupted_one(tmp_path, criterion, structure):
    schedule = pruning.PolynomialDecay(0.8, end_step=12, frequency=3)
    plain = network()
    models = [
        pruning.prune(plain, schedule, criterion=criterion, structure=structure, seed=4)
        for _ in range(2)
    ]
    for model in models:
        model.compile(keras.optimizers.SGD(0.02, momentum=0.9, weight_decay=0.01), "mse")
    whole, first = models
    fit(whole, 4)
    # In the middle of the schedule, saved by a checkpoint.
    path = tmp_path / "half.keras"
    fit(first, 2, callbacks=[keras.callbacks.ModelCheckpoint(path)])
    second = keras.saving.load_model(path)
    assert isinstance(second, pruning.PrunedModel) and second.step == 8
    fit(second, 2)
    assert second.step == whole.step == 16
    for name, mask in whole.get_masks().items():
        np.testing.assert_array_equal(second.get_masks()[name], mask)
    np.testing.assert_allclose(
        second.predict(X, verbose=0), whole.predict(X, verbose=0), rtol=1e-5, atol=1e-6
    )


class Interrupted(Exception):
    """What ends a training."""


class Interrupting(keras.callbacks.Callback):
    """Ends a training after some batches."""

    def __init__(self, batches):
        super().__init__()
        self.left = batches

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            raise Interrupted


@pytest.mark.parametrize(
    ("criterion", "save_freq", "first"),
    [
        ("magnitude", "epoch", "backup"),
        ("magnitude", 3, "backup"),
        ("magnitude", 3, "pruning"),
        ("random", "epoch", None),
        ("movement", "epoch", None),
        ("movement", 3, None),
    ],
)
def test_a_backup_goes_on_where_it_was(tmp_path, criterion, save_freq, first):
    schedule = pruning.PolynomialDecay(0.8, begin_step=2, end_step=13, frequency=3)
    plain, models = network(), []
    for _ in range(3):
        model = pruning.prune(plain, schedule, criterion=criterion)
        model.compile(keras.optimizers.Adam(0.02), "mse", jit_compile=False)
        models.append(model)
    whole, stopped, resumed = models

    def callbacks():
        backup = keras.callbacks.BackupAndRestore(tmp_path / "backup", save_freq=save_freq)
        mine = {"backup": [backup, pruning.PruningCallback()], None: [backup]}
        return mine.get(first, [pruning.PruningCallback(), backup])

    with pytest.raises(Interrupted):
        fit(stopped, 4, callbacks=[*callbacks(), Interrupting(7)])
    if save_freq == "epoch":
        fit(whole, 4)
    else:
        # Keras saved after six steps, in the second epoch, which it begins again.
        fit(whole, 1)
        whole.fit(X[:16], Y[:16], batch_size=8, shuffle=False, verbose=0)
        fit(whole, 3)
    fit(resumed, 4, callbacks=callbacks())
    assert resumed.step == whole.step == int(resumed.optimizer.iterations)
    for name, mask in whole.get_masks().items():
        np.testing.assert_array_equal(resumed.get_masks()[name], mask)
    for got, wanted in zip(resumed.weights, whole.weights, strict=True):
        # The count becomes a weight when it is saved.
        if wanted.name != "step":
            np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6, err_msg=wanted.path)


def test_files_have_masks_and_prediction(tmp_path):
    pruned = pruning.prune(network(), 0.7, criterion="movement", target="dense")
    pruned.save(tmp_path / "m.keras")
    pruned.save_weights(tmp_path / "m.weights.h5")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    other = pruning.prune(network(), 0.7, criterion="movement", target="dense")
    other.load_weights(tmp_path / "m.weights.h5")
    for again in (loaded, other):
        assert pruning.sparsity_report(again).sparsity == pruning.sparsity_report(pruned).sparsity
        np.testing.assert_array_equal(again.predict(X, verbose=0), pruned.predict(X, verbose=0))
    assert loaded.get_config()["schedule"] == pruned.get_config()["schedule"]


def test_rewinding_resets_weights_and_optimizer_and_keeps_masks():
    plain = network()
    start = plain.get_weights()
    pruned = pruning.prune(plain, pruning.PolynomialDecay(0.5, end_step=4, frequency=1))
    pruned.compile(keras.optimizers.Adam(0.01), "mse")
    fit(pruned, 2)
    masks = pruned.get_masks()
    pruning.rewind_to(pruned, start)
    assert int(pruned.optimizer.iterations) == 0
    assert all(not np.asarray(v).any() for v in pruned.optimizer.variables if v.ndim)
    for variable, value in zip(pruned.model.weights, start, strict=True):
        mask = next((m for m in masks.values() if m.shape == value.shape), 1)
        np.testing.assert_array_equal(variable, value * mask)
    assert pruning.sparsity_report(pruned).sparsity == 0.5
    # And it trains as a new model with these masks does.
    ticket = pruning.prune(plain, 0.0, masks=masks)
    ticket.compile(keras.optimizers.Adam(0.01), "mse")
    for model in (pruned, ticket):
        fit(model, 1)
    for a, b in zip(pruned.model.weights, ticket.model.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_rewinding_a_scaled_optimizer():
    pruned = pruning.prune(network(), 0.5)
    start = pruned.model.get_weights()
    inner = keras.optimizers.SGD(0.01, momentum=0.9)
    pruned.compile(keras.optimizers.LossScaleOptimizer(inner), "mse")
    fit(pruned, 1)
    pruning.rewind_to(pruned, start)
    assert not any(np.asarray(v).any() for v in inner.variables if v.ndim)


@pytest.mark.parametrize("make", [network, functional], ids=["sequential", "functional"])
def test_a_pruned_model_is_exported_with_its_zeros_and_without_masks(one_loader, tmp_path, make):
    model = make()
    pruned = pruning.prune(model, 0.5)
    pruned.export(tmp_path / "keras", verbose=False)
    served = keras.layers.TFSMLayer(tmp_path / "keras", call_endpoint="serve")
    np.testing.assert_allclose(served(X), pruned(X), rtol=1e-5, atol=1e-6)
    # Stripped or not, a stock server runs it, under the names of the model.
    for number, exported in enumerate((pruned, pruning.strip(pruned)), start=1):
        serving.export(exported, tmp_path / "served", number)
        report = serving.check(tmp_path / "served" / str(number), exported)
        assert report.ok, str(report)
