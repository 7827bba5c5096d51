"""STR: a threshold that is learnt for each kernel, against the authors' numbers."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_hadamard import adapters, pruning
from keras_hadamard.pruning._criteria.soft_threshold import soft_threshold

X = np.random.default_rng(3).standard_normal((32, 12)).astype("float32")
Y = X[:, :3] ** 2
L = keras.layers


@pytest.fixture
def golden():
    with np.load(Path(__file__).parent / "golden" / "str_threshold__linear_threshold.npz") as file:
        return dict(file)


def network():
    first, last = L.Dense(16, "relu", name="first"), L.Dense(3, name="last")
    return keras.Sequential([keras.Input((12,)), first, L.BatchNormalization(), last])


def learnt(start=-2.0, plain=None, optimizer=None, **kwargs):
    """A model some of whose weights are below the threshold from the start."""
    plain = plain or network()
    pruned = pruning.prune(plain, criterion="str", initial_threshold=start, **kwargs)
    pruned.compile(optimizer or keras.optimizers.Adam(0.01), "mse", jit_compile=False)
    return pruned


def fit(model, epochs=2, **kwargs):
    model.fit(X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0, **kwargs)


def sigmoid(s):
    return 1 / (1 + np.exp(-s))


def effective(pruned):
    pairs = zip(pruned._kernels, pruned.masks.thresholds, strict=True)
    values = [(np.asarray(k.variable), sigmoid(np.asarray(s))) for k, s in pairs]
    return [np.sign(w) * np.maximum(np.abs(w) - t, 0) for w, t in values]


@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-10), ("float32", 1e-5)])
def test_the_function_is_the_authors(golden, dtype, rtol):
    w, s, upstream = (
        tf.Variable(golden[k].astype(dtype)) for k in ("input_0", "input_1", "cotangent_0")
    )
    with tf.GradientTape() as tape:
        outputs = soft_threshold(w, s)
    gradients = tape.gradient(outputs, [w, s], upstream)
    wanted = [golden[k] for k in ("output_0", "grad_input_0", "grad_input_1")]
    for got, want in zip([outputs, *gradients], wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol)


def test_the_model_is_the_authors(golden):
    keras.config.set_dtype_policy("float64")
    w, threshold, upstream = (golden[k] for k in ("input_0", "input_1", "cotangent_0"))
    plain = keras.Sequential([keras.Input((4,)), L.Dense(6, use_bias=False)])
    plain.layers[0].kernel.assign(w)
    # The threshold of the file, as a sigmoid.
    s = float(np.log(threshold / (1 - threshold)).squeeze())
    pruned = pruning.prune(plain, criterion="str", initial_threshold=s)
    with tf.GradientTape() as tape:
        outputs = pruned(np.eye(4), training=True)
    np.testing.assert_allclose(outputs, golden["output_0"], rtol=1e-10, atol=1e-12)
    variables = pruned.trainable_variables
    assert [v.path for v in variables[1:]] == ["masks/threshold_0"]
    of_w, of_s = tape.gradient(outputs, [v.value for v in variables], upstream)
    np.testing.assert_allclose(of_w, golden["grad_input_0"], rtol=1e-10, atol=1e-12)
    slope = float((threshold * (1 - threshold)).squeeze())
    np.testing.assert_allclose(of_s, slope * golden["grad_input_1"].squeeze(), rtol=1e-10)


def test_thresholds_are_trained_and_decay():
    plain = keras.Sequential([keras.Input((12,)), L.Dense(3, use_bias=False)])
    w = np.asarray(plain.layers[0].kernel)
    t = sigmoid(-2.0)
    left = np.abs(w) > t
    gradient = 2 / Y.size * X.T @ (X @ (np.sign(w) * np.maximum(np.abs(w) - t, 0)) - Y)
    of_s = -t * (1 - t) * (np.sign(w) * gradient)[left].sum()
    for rate, decay in ((0.0, 0.0), (0.5, 0.0), (0.0, 0.3)):
        optimizer = keras.optimizers.SGD(0.1, weight_decay=rate or None)
        pruned = learnt(plain=plain, optimizer=optimizer, threshold_decay=decay or None)
        loss = pruned.evaluate(X, Y, batch_size=32, verbose=0)
        np.testing.assert_allclose(loss, np.mean((pruned(X) - Y) ** 2) + decay / 2 * 4, rtol=1e-5)
        pruned.fit(X, Y, batch_size=32, verbose=0)
        # As on any weight: Keras's decay is outside of the gradient, the other is inside.
        wanted = -2.0 * (1 - 0.1 * rate) - 0.1 * (of_s - 2.0 * decay)
        np.testing.assert_allclose(pruned.masks.thresholds[0], wanted, rtol=1e-5)
        trained = w * (1 - 0.1 * rate) - 0.1 * gradient * left
        np.testing.assert_allclose(pruned.model.layers[0].kernel, trained, rtol=1e-4, atol=1e-6)


def test_sparsity_is_learnt_and_counted_and_stripped():
    pruned = learnt(optimizer=keras.optimizers.AdamW(0.02, weight_decay=2.0))
    zeros = [pruning.sparsity_report(pruned).sparsity]
    for _ in range(2):
        fit(pruned, 4)
        zeros.append(pruning.sparsity_report(pruned).sparsity)
    assert 0.2 < zeros[0] < zeros[1] < zeros[2] < 1
    assert pruned.step == 32 and pruned.schedule.final_sparsity == 0
    for mask, value in zip(pruned.get_masks().values(), effective(pruned), strict=True):
        np.testing.assert_array_equal(mask, value != 0)
    plain = pruning.strip(pruned)
    assert type(plain) is keras.Sequential and len(plain.weights) == len(network().weights)
    np.testing.assert_allclose(plain(X), pruned(X), rtol=1e-5, atol=1e-6)
    report = pruning.sparsity_report(plain)
    assert report.sparsity == zeros[-1]
    assert report.nonzero == pruning.sparsity_report(pruned).nonzero
    for kernel in (plain.layers[0].kernel, plain.layers[2].kernel):
        values = np.asarray(kernel)
        # Positive zeros, which compress better than zeros of both signs.
        assert not np.signbit(values[values == 0]).any()


def test_a_resumed_training_is_the_uninterrupted_one(tmp_path):
    plain = network()
    whole, first = (learnt(plain=plain, threshold_decay=1e-2) for _ in range(2))
    fit(whole)
    fit(first, 1, callbacks=[keras.callbacks.ModelCheckpoint(tmp_path / "half.keras")])
    second = keras.saving.load_model(tmp_path / "half.keras")
    np.testing.assert_array_equal(second(X), first(X))
    config = second.get_config()
    assert (config["initial_threshold"], config["threshold_decay"]) == (-2.0, 1e-2)
    fit(second, 1)
    for got, wanted in zip(second.weights, whole.weights, strict=True):
        if got.name != "step":
            np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


def test_a_backup_goes_on_where_it_was(tmp_path):
    class Stop(Exception):
        pass

    class Stopping(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise Stop

    plain = network()
    whole, stopped, resumed = (learnt(plain=plain) for _ in range(3))

    def backup():
        return keras.callbacks.BackupAndRestore(tmp_path / "backup")

    with pytest.raises(Stop):
        fit(stopped, callbacks=[backup(), Stopping()])
    fit(resumed, callbacks=[backup()])
    fit(whole)
    assert resumed.step == whole.step == 8
    for got, wanted in zip(resumed.masks.thresholds, whole.masks.thresholds, strict=True):
        assert float(got) != -2.0
        np.testing.assert_allclose(got, wanted, rtol=1e-6)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_under_xla_and_mixed_policies(policy):
    keras.config.set_dtype_policy(policy)
    pruned = learnt()
    pruned.compile(keras.optimizers.AdamW(0.01, weight_decay=0.5), "mse", jit_compile=True)
    fit(pruned)
    assert {s.dtype for s in pruned.masks.thresholds} == {"float32"}
    assert all(np.isfinite(np.asarray(w, "float32")).all() for w in pruned.weights)
    assert all(float(s) > -2.0 for s in pruned.masks.thresholds)
    plain = pruning.strip(pruned)
    # Roundings of the compute dtype: both multiply the same weights.
    rounding = {"float32": 2.0**-24, "mixed_float16": 2.0**-11, "mixed_bfloat16": 2.0**-8}[policy]
    got, wanted = (np.asarray(model(X), "float32") for model in (plain, pruned))
    assert np.abs(got - wanted).max() <= 4 * rounding * max(1.0, np.abs(wanted).max())


def test_the_authors_start_is_no_threshold_at_all():
    plain = network()
    pruned = learnt(-3200, plain)
    np.testing.assert_array_equal(pruned(X), plain(X))
    fit(pruned, 1)
    assert [float(s) for s in pruned.masks.thresholds] == [-3200, -3200]


def test_export_and_all_kinds_of_layers(tmp_path):
    inputs = keras.Input((6, 4))
    x = L.Bidirectional(L.LSTM(3, return_sequences=True))(inputs)
    x = L.MultiHeadAttention(2, 3)(x, x)
    model = keras.Model(inputs, L.Dense(2)(L.GRU(5)(L.Conv1D(4, 2)(x))))
    x = X.reshape(16, 6, 4)
    pruned = learnt(plain=model)
    pruned.fit(x, x[:, 0, :2], batch_size=8, verbose=0)
    assert all(float(s) != -2.0 for s in pruned.masks.thresholds)
    pruned.export(tmp_path / "served", verbose=False)
    served = L.TFSMLayer(tmp_path / "served", call_endpoint="serve")
    np.testing.assert_allclose(served(x), pruned(x), rtol=1e-4, atol=1e-5)


def test_given_masks_stay_and_others_prune_further():
    half = pruning.prune(network(), 0.5)
    pruned = pruning.prune(half, criterion="str", initial_threshold=-2.0, exclude="last")
    pruned.compile(keras.optimizers.AdamW(0.05, weight_decay=0.1), "mse", jit_compile=False)
    fit(pruned)
    ((path, mask),) = pruned.get_masks().items()
    assert not (mask & ~half.get_masks()[path]).any() and not mask.all()
    # A mask in place of the threshold: the same model, and from there on nothing is learnt.
    fixed = pruning.prune(pruned, 0.0)
    np.testing.assert_allclose(fixed(X), pruned(X), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(fixed.get_masks()[path], mask)
    assert len(fixed.trainable_weights) == len(network().trainable_weights)
    further = pruning.prune(pruned, 0.9)
    assert pruning.sparsity_report(further).sparsity >= 0.89
    assert not (further.get_masks()[path] & ~mask).any()


def test_adapters_leave_the_zeros(tmp_path):
    pruned = learnt(exclude="last")
    fit(pruned)
    ((path, mask),) = pruned.get_masks().items()
    adapted = adapters.apply(pruned, adapters.LoRA(2), name="low")
    np.testing.assert_allclose(adapted(X), pruned(X), rtol=1e-6, atol=1e-6)
    assert not any("threshold" in v.path for v in adapted.trainable_variables)
    adapted.compile(keras.optimizers.Adam(0.05), "mse", jit_compile=False)
    fit(adapted, 4)
    assert np.abs(adapted(X) - pruned(X)).max() > 0.1
    adapted.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(again(X), adapted(X), rtol=1e-6)
    merged = adapters.merge(adapted)
    np.testing.assert_allclose(merged(X), adapted(X), rtol=1e-4, atol=1e-5)
    assert not (merged.get_masks()[path] & ~mask).any()
    # A kernel that is not pruned is adapted too.
    second = [np.asarray(m.model.layers[2].kernel) for m in (merged, pruned)]
    assert np.abs(second[0] - second[1]).max() > 0.01


@pytest.mark.parametrize("criterion", ["movement", "rigl", "str"])
def test_adapters_reach_convolutions_that_are_not_pruned(criterion):
    # The kernels of these are replaced by the adapted ones, and those before them by pruned ones.
    layers = [L.Dense(16, "relu", name="first"), L.Reshape((4, 4)), L.Conv1D(3, 2, name="last")]
    plain = keras.Sequential([keras.Input((12,)), *layers])
    schedule = None if criterion == "str" else pruning.ConstantSparsity(0.5, end_step=4)
    pruned = pruning.prune(plain, schedule, criterion=criterion, exclude="last")
    adapted = adapters.apply(pruned, adapters.IA3(), name="scales")
    for weights in adapted.trainable_variables:
        weights.assign(weights + 0.5)
    for training in (False, True):
        outputs = [m(X, training=training) for m in (adapted, adapters.merge(adapted))]
        np.testing.assert_allclose(*outputs, rtol=1e-4, atol=1e-5)


def test_a_loop_of_ones_own_has_nothing_to_wait_for():
    pruned = learnt()
    callback = pruning.PruningCallback()
    callback.set_model(pruned)
    callback.on_train_begin()
    for batch in range(3):
        callback.on_train_batch_begin(batch)
        pruned.train_on_batch(X, Y)
        callback.on_train_batch_end(batch)
    callback.on_train_end()
    pruned.update_masks()
    assert pruned.step == 3
    assert all(mask.all() for mask in pruned.masks.get())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"schedule": 0.5}, "no schedule with criterion 'str'.*Received: schedule=0.5"),
        ({"schedule": pruning.PolynomialDecay(0.5, 9)}, "no schedule with criterion 'str'"),
        ({"structure": "2:4"}, "`structure` None with criterion 'str'.*structure='n:m'"),
        ({"structure": "filter"}, "`structure` None with criterion 'str'"),
        ({"scope": "global"}, "scope 'layer' with criterion 'str'.*scope='global'"),
        ({"scope": "erk"}, "scope 'layer' with criterion 'str'"),
        ({"initial_threshold": float("nan")}, "`initial_threshold` to be a finite number"),
        ({"initial_threshold": "low"}, "`initial_threshold` to be a finite number"),
        ({"threshold_decay": -1.0}, "`threshold_decay` to be a number that is not negative"),
        ({"drop_fraction": 0.1}, "`drop_fraction` only with criterion 'rigl' or 'set'"),
        ({"calibration": X}, "`calibration` only with"),
        ({"criterion": "magnitude"}, r"in \[0, 1\)\. Received: schedule=None"),
        (
            {"criterion": "magnitude", "schedule": 0.5, "threshold_decay": 1.0},
            "`threshold_decay` only with criterion 'str'.*'magnitude'",
        ),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        pruning.prune(network(), **{"criterion": "str", **arguments})
