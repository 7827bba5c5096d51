"""Pruned weights stay exactly zero, and 0 % changes nothing, whatever trains them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_hadamard import pruning

optimizers = keras.optimizers
X = np.random.default_rng(3).standard_normal((32, 12)).astype("float32")
Y = X[:, :3] ** 2

OPTIMIZERS = {
    "momentum and decay": lambda: optimizers.SGD(
        0.05, momentum=0.9, nesterov=True, weight_decay=0.1
    ),
    "AdamW": lambda: optimizers.AdamW(0.01, weight_decay=0.1),
    "Lion": lambda: optimizers.Lion(0.01, weight_decay=0.1),
    "Muon": lambda: optimizers.Muon(0.01, weight_decay=0.1),
    "average": lambda: optimizers.Adam(0.01, use_ema=True, ema_momentum=0.5),
    "average, overwriting": lambda: optimizers.Adam(0.01, use_ema=True, ema_overwrite_frequency=2),
    "accumulated": lambda: optimizers.SGD(0.05, momentum=0.9, gradient_accumulation_steps=2),
    "scaled loss": lambda: optimizers.LossScaleOptimizer(optimizers.AdamW(0.01, weight_decay=0.1)),
}


def network(**kwargs):
    return keras.Sequential(
        [
            keras.Input((12,)),
            keras.layers.Dense(16, "relu", **kwargs),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.2, seed=1),
            keras.layers.Dense(3),
        ]
    )


def fit(model, epochs=2, **kwargs):
    return model.fit(X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0, **kwargs)


def zeros_hold(pruned, masks):
    return all(
        not np.asarray(kernel.variable)[~masks[kernel.path]].any() for kernel in pruned._kernels
    )


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_pruned_weights_are_exactly_zero(optimizer):
    pruned = pruning.prune(network(), 0.5)
    before = pruned.get_masks()
    pruned.compile(OPTIMIZERS[optimizer](), "mse")
    held = []
    check = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: held.append(zeros_hold(pruned, before))
    )
    fit(pruned, callbacks=[check])
    assert held == [True] * 8 and zeros_hold(pruned, before)
    assert pruning.sparsity_report(pruned).sparsity == 0.5
    assert all((mask == before[path]).all() for path, mask in pruned.get_masks().items())


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("criterion", ["magnitude", "movement"])
def test_under_xla_and_mixed_policies(policy, criterion):
    keras.config.set_dtype_policy(policy)
    schedule = pruning.PolynomialDecay(0.75, end_step=6, frequency=2)
    pruned = pruning.prune(network(), schedule, "global", criterion=criterion)
    pruned.compile(optimizers.SGD(0.02, momentum=0.9, weight_decay=0.1), "mse", jit_compile=True)
    history = fit(pruned)
    assert np.isfinite(history.history["loss"]).all()
    masks = pruned.get_masks()
    assert zeros_hold(pruned, masks)
    assert sum(int((~m).sum()) for m in masks.values()) == 180  # of 240
    if policy == "mixed_float16":
        assert isinstance(pruned.optimizer, optimizers.LossScaleOptimizer)


@pytest.mark.parametrize("criterion", ["magnitude", "movement"])
@pytest.mark.parametrize("jit", [False, True])
def test_nothing_pruned_is_the_same_model_bit_for_bit(criterion, jit):
    plain = network()
    pruned = pruning.prune(plain, 0.0, criterion=criterion)
    np.testing.assert_array_equal(plain.predict(X, verbose=0), pruned.predict(X, verbose=0))
    losses = []
    for model in (plain, pruned):
        model.compile(optimizers.SGD(0.05, momentum=0.9), "mse", jit_compile=jit)
        losses.append(fit(model).history["loss"])
    if jit:  # Other programs, other orders of sums.
        np.testing.assert_allclose(*losses, rtol=1e-5)
        return
    assert losses[0] == losses[1]
    for a, b in zip(plain.weights, pruned.model.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_masks_follow_the_schedule():
    schedule = pruning.PolynomialDecay(0.8, end_step=8, begin_step=2, frequency=3)
    pruned = pruning.prune(network(), schedule)
    pruned.compile("sgd", "mse")
    seen = []
    record = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(
            pruning.sparsity_report(pruned).kernels[0].zeros
        )
    )
    fit(pruned, epochs=3, callbacks=[record])
    expected = [int(192 * schedule.sparsity(s) + 1e-9) for s in (2, 5, 8)]
    a, b, c = expected
    assert seen == [0, a, a, a, b, b, b, c, c, c, c, c]
    assert pruned.step == 12


def test_several_steps_per_execution():
    schedule = pruning.PolynomialDecay(0.8, end_step=6, frequency=1)
    pruned = pruning.prune(network(), schedule)
    pruned.compile("sgd", "mse", steps_per_execution=3)
    fit(pruned)  # Executions of 3 and 1 steps in each epoch.
    assert pruned.step == 8
    assert pruning.sparsity_report(pruned).kernels[0].zeros == int(0.8 * 192)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_several_steps_per_execution_of_data_whose_size_nobody_knows():
    pruned = pruning.prune(network(), pruning.PolynomialDecay(0.8, end_step=9, frequency=1))
    pruned.compile("sgd", "mse", steps_per_execution=4)
    batches = tf.data.Dataset.from_tensor_slices((X, Y)).batch(6).filter(lambda x, y: True)
    pruned.fit(batches, epochs=2, shuffle=False, verbose=0)
    assert pruned.step == int(pruned.optimizer.iterations) == 12


def test_a_loop_of_ones_own():
    pruned = pruning.prune(network(), pruning.PolynomialDecay(0.5, end_step=4, frequency=2))
    pruned.compile(optimizers.SGD(0.05, momentum=0.9), "mse")
    callback = pruning.PruningCallback()
    callback.set_model(pruned)
    callback.on_train_begin()
    for epoch in range(2):
        callback.on_epoch_begin(epoch)
        for batch in range(3):
            pruned.train_on_batch(X, Y)
            callback.on_train_batch_end(batch)
    callback.on_train_end()
    assert pruned.step == 6 and pruning.sparsity_report(pruned).sparsity == 0.5


def test_the_kernels_own_constraint_stays():
    plain = network(kernel_constraint="non_neg")
    pruned = pruning.prune(plain, 0.5)
    masks = pruned.get_masks()
    pruned.compile(optimizers.SGD(0.1, momentum=0.9), "mse")
    fit(pruned)
    kernel = np.asarray(pruned.model.layers[0].kernel)
    assert kernel.min() == 0 and kernel.max() > 0 and zeros_hold(pruned, masks)
    assert pruning.strip(pruned).layers[0].kernel_constraint.__class__.__name__ == "NonNeg"


def test_losses_of_layers_count_once():
    options = {"kernel_regularizer": "l2", "activity_regularizer": "l2"}
    plain = network(**options)
    for criterion in ("magnitude", "movement"):
        pruned = pruning.prune(plain, 0.0, criterion=criterion)
        plain.compile("sgd", "mse")
        pruned.compile("sgd", "mse")
        losses = [m.evaluate(X, Y, batch_size=32, verbose=0) for m in (plain, pruned)]
        np.testing.assert_allclose(*losses, rtol=1e-6)


def test_movement_learns_scores_straight_through():
    layer = keras.layers.Dense(3, use_bias=False)
    plain = keras.Sequential([keras.Input((12,)), layer])
    pruned = pruning.prune(plain, 0.5, criterion="movement")
    (w,), (mask,) = plain.get_weights(), pruned.get_masks().values()
    pruned.compile(optimizers.SGD(0.1), "mse")
    pruned.fit(X, Y, batch_size=32, verbose=0)
    gradient = 2 / Y.size * X.T @ (X @ (w * mask) - Y)
    # dL/dS = dL/dW_eff * W reaches hidden weights too, dL/dW = dL/dW_eff * M does not.
    np.testing.assert_allclose(pruned.masks.scores[0], -0.1 * gradient * w, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(
        pruned.model.get_weights()[0], w - 0.1 * gradient * mask, rtol=1e-5, atol=1e-7
    )
    assert pruned.model.get_weights()[0].all()  # hidden, not lost, until the schedule ends
    pruned.update_masks()
    best = np.sort(np.argsort(-np.asarray(pruned.masks.scores[0]).ravel())[:18])
    assert (np.flatnonzero(pruned.get_masks()[next(iter(pruned.get_masks()))]) == best).all()


def test_frozen_kernels_are_chosen_among():
    plain = network()
    plain.trainable = False
    schedule = pruning.ConstantSparsity(0.5, frequency=1)
    pruned = pruning.prune(plain, schedule, criterion="movement")
    pruned.compile(optimizers.Adam(0.1), "mse")
    before = pruned.get_masks()
    history = fit(pruned, epochs=15).history["loss"]
    after = pruned.get_masks()
    assert history[-1] < 0.9 * history[0]
    assert any((before[path] != after[path]).any() for path in before)
    for a, b in zip(plain.weights, pruned.model.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_summary_and_evaluation_of_several_outputs():
    inputs = keras.Input((12,), name="x")
    outputs = {k: keras.layers.Dense(3, name=k)(inputs) for k in ("a", "b")}
    pruned = pruning.prune(keras.Model(inputs, outputs), 0.5)
    pruned.compile("sgd", {"a": "mse", "b": "mae"}, metrics={"a": ["mae"]})
    pruned.fit(X, {"a": Y, "b": Y}, verbose=0)
    assert "a_mae" in pruned.evaluate(X, {"a": Y, "b": Y}, verbose=0, return_dict=True)
    lines = []
    pruned.summary(print_fn=lines.append)
    assert "pruned_functional" in lines[0]
