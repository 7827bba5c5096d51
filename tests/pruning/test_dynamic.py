"""RigL and SET: weights that go and grow while the sparsity stays."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_hadamard import pruning
from keras_hadamard.pruning._criteria.dynamic import moved_mask, share_at

X = np.random.default_rng(3).standard_normal((32, 12)).astype("float32")
Y = X[:, :3] ** 2
GOLDEN = Path(__file__).parent / "golden"


def network():
    return keras.Sequential(
        [
            keras.Input((12,)),
            keras.layers.Dense(16, "relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(3),
        ]
    )


def dynamic(criterion, end_step=8, frequency=3, plain=None, optimizer=None, **kwargs):
    schedule = pruning.ConstantSparsity(0.75, end_step=end_step, frequency=frequency)
    pruned = pruning.prune(plain or network(), schedule, criterion=criterion, **kwargs)
    optimizer = optimizer or keras.optimizers.Adam(0.01)
    pruned.compile(optimizer, "mse", jit_compile=False)
    return pruned


def fit(model, epochs=2, **kwargs):
    model.fit(X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0, **kwargs)


class Looking(keras.callbacks.Callback):
    """Has the masks, and the momenta of what has grown, after every step."""

    def __init__(self):
        super().__init__()
        self.masks, self.momenta = [], []

    def on_train_begin(self, logs=None):
        self.masks.append(self.model.get_masks())

    def on_train_batch_end(self, batch, logs=None):
        self.masks.append(self.model.get_masks())
        for kernel in self.model._kernels:
            grown = self.masks[-1][kernel.path] & ~self.masks[-2][kernel.path]
            slots = [
                v
                for v in self.model.optimizer.variables
                if v.shape == kernel.variable.shape and "kernel" in v.name
            ]
            assert len(slots) == 2
            for value in (kernel.variable, *slots):
                assert np.asarray(value).any()
                self.momenta.append(np.asarray(value)[grown])


def test_rigl_is_the_authors():
    with np.load(GOLDEN / "rigl__fraction0.3.npz") as archive:
        file = dict(archive)
    share = json.loads(str(file["config"]))["config"]["drop_fraction"]
    mask, weights, gradient = (file[f"input_{i}"] for i in range(3))
    new = moved_mask(mask.astype(bool), weights, np.abs(gradient), share)
    np.testing.assert_array_equal(new, file["output_0"].astype(bool))
    # What grew back at once keeps its weight, others are zero. The authors hide what has gone.
    np.testing.assert_array_equal(weights * new, file["output_1"] * new)


def test_the_share_falls_as_half_a_cosine():
    schedule = pruning.ConstantSparsity(0.5, begin_step=10, end_step=30)
    found = [share_at(schedule, step, 0.4) for step in (10, 15, 20, 30, 40)]
    np.testing.assert_allclose(found, [0.4, 0.2 + 0.2 / 2**0.5, 0.2, 0, 0], atol=1e-12)


@pytest.mark.parametrize("criterion", ["rigl", "set"])
def test_weights_move_at_constant_sparsity_and_start_from_zero(criterion):
    pruned = dynamic(criterion)
    looking = Looking()
    fit(pruned, epochs=3, callbacks=[looking])
    changed = []
    for step, (before, after) in enumerate(zip(looking.masks, looking.masks[1:], strict=False), 1):
        for name, mask in after.items():
            assert mask.sum() == before[name].sum() == mask.size // 4
            if (mask != before[name]).any():
                changed.append(step)
    # At the end the share is zero.
    assert set(changed) == {3, 6}
    assert sum(m.size for m in looking.momenta) and not np.concatenate(looking.momenta).any()
    for kernel in pruned._kernels:
        assert not np.asarray(kernel.variable)[~looking.masks[-1][kernel.path]].any()


def test_rigl_grows_where_the_gradient_of_the_step_is_greatest():
    plain = keras.Sequential([keras.Input((12,)), keras.layers.Dense(3, use_bias=False)])
    pruned = dynamic("rigl", 100, 1, plain, keras.optimizers.SGD(0.01), drop_fraction=0.4)
    (before,) = pruned.get_masks().values()
    kernel = np.asarray(pruned.model.layers[0].kernel)
    gradient = 2 / (8 * 3) * X[:8].T @ (X[:8] @ kernel - Y[:8])
    pruned.fit(X[:8], Y[:8], batch_size=8, verbose=0)
    (after,) = pruned.get_masks().values()
    trained = np.where(before, kernel - 0.01 * gradient, 0)
    share = share_at(pruned.schedule, 1, 0.4)
    np.testing.assert_array_equal(after, moved_mask(before, trained, np.abs(gradient), share))
    assert (after != before).any()


@pytest.mark.parametrize("kwargs", [{"steps_per_execution": 2}, {"jit_compile": True}])
def test_rigl_in_executions_of_steps_and_compiled(kwargs):
    pruned = dynamic("rigl", frequency=2)
    pruned.compile("adam", "mse", **{"jit_compile": False, **kwargs})
    before = pruned.get_masks()
    fit(pruned)
    assert pruned.step == 8
    assert any((before[name] != mask).any() for name, mask in pruned.get_masks().items())


@pytest.mark.parametrize("criterion", ["rigl", "set"])
def test_a_resumed_training_is_the_uninterrupted_one(tmp_path, criterion):
    plain = network()
    whole, first = (dynamic(criterion, 20, 2, plain, seed=4) for _ in range(2))
    fit(whole)
    fit(first, 1, callbacks=[keras.callbacks.ModelCheckpoint(tmp_path / "half.keras")])
    second = keras.saving.load_model(tmp_path / "half.keras")
    assert second.get_config()["drop_fraction"] == 0.3
    fit(second, 1)
    for name, mask in whole.get_masks().items():
        np.testing.assert_array_equal(second.get_masks()[name], mask)
    np.testing.assert_allclose(second(X), whole(X), rtol=1e-5, atol=1e-6)
    plain = pruning.strip(second)
    np.testing.assert_allclose(plain(X), second(X), rtol=1e-6)
    # What grew at the last step is zero too.
    assert pruning.sparsity_report(plain).sparsity >= 0.75


def test_a_loop_that_does_not_say_when_steps_begin():
    pruned = dynamic("rigl", frequency=1)
    callback = pruning.PruningCallback()
    callback.set_model(pruned)
    callback.on_train_begin()
    with pytest.raises(ValueError, match="between `on_train_batch_begin`"):
        callback.on_train_batch_end(0)
    callback.on_train_batch_begin(1)
    pruned.train_on_batch(X[:8], Y[:8])
    callback.on_train_batch_end(1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"schedule": 0.5}, "ConstantSparsity with an `end_step`.*end_step=None"),
        ({"schedule": pruning.PolynomialDecay(0.5, 9)}, "ConstantSparsity with an"),
        ({"scope": "global"}, "scope 'layer'"),
        ({"structure": "2:4"}, "`structure` None"),
        ({"drop_fraction": 1.5}, r"in \[0, 1\)"),
        ({"criterion": "movement", "drop_fraction": 0.1}, "`drop_fraction` only with"),
    ],
)
def test_bad_arguments(arguments, message):
    given = {"schedule": pruning.ConstantSparsity(0.5, end_step=9), "criterion": "rigl"}
    with pytest.raises(ValueError, match=message):
        pruning.prune(network(), **{**given, **arguments})
