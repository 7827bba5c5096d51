"""Every kind of Keras model and layer with kernels, the package's own included."""

import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest

from keras_hadamard import layers, pruning, serving

L = keras.layers
RNG = np.random.default_rng(5)


def recurrent():
    inputs = keras.Input((6, 4))
    x = L.Bidirectional(L.LSTM(3, return_sequences=True))(inputs)
    return keras.Model(inputs, L.Dense(2)(L.GRU(5)(x)))


def attention():
    inputs = keras.Input((6, 8))
    x = L.MultiHeadAttention(2, 4)(inputs, inputs)
    return keras.Model(inputs, L.Dense(2)(L.LayerNormalization()(x)))


def convolutional():
    kinds = [L.SeparableConv2D(4, 3), L.DepthwiseConv2D(3), L.Conv2DTranspose(4, 3)]
    return keras.Sequential([keras.Input((8, 8, 3)), *kinds, L.Flatten(), L.Dense(2)])


def ours():
    inputs = keras.Input((8,))
    x = layers.GatedDense(6)(inputs)
    return keras.Model(inputs, layers.PolynomialDense(2, degree=2)(x))


def embedded():
    inputs = keras.Input((5,), dtype="int32")
    x = L.Embedding(10, 4, mask_zero=True)(inputs)
    return keras.Model(inputs, L.Dense(2)(L.LSTM(3)(x)))


class Subclassed(keras.Model):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.hidden = L.Dense(units, "relu")
        self.out = L.Dense(2)

    def call(self, inputs):
        return self.out(self.hidden(inputs))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def subclassed():
    model = Subclassed(6)
    model(np.zeros((1, 4), "float32"))
    return model


KINDS = {
    recurrent: 7,
    attention: 5,
    convolutional: 5,
    ours: 5,
    embedded: 3,
    subclassed: 2,
}


def data_of(model):
    if not getattr(model, "inputs", None):
        return RNG.standard_normal((8, 4)).astype("float32")
    tensor = model.inputs[0]
    if tensor.dtype == "int32":
        return RNG.integers(0, 10, (8, *tensor.shape[1:]))
    return RNG.standard_normal((8, *tensor.shape[1:])).astype("float32")


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_it_trains_saves_and_is_stripped(make, tmp_path):
    model = make()
    before = model.get_weights()
    x = data_of(model)
    pruned = pruning.prune(model, pruning.PolynomialDecay(0.5, end_step=2, frequency=1))
    np.testing.assert_array_equal(model.predict(x, verbose=0), pruned.predict(x, verbose=0))
    pruned.compile(keras.optimizers.AdamW(0.01), "mse")
    pruned.fit(x, np.zeros(pruned(x).shape), batch_size=4, verbose=0)
    report = pruning.sparsity_report(pruned)
    assert len(report.kernels) == KINDS[make]
    assert all(k.zeros == k.size // 2 for k in report.kernels)
    pruned.save(tmp_path / "m.keras")
    custom = {"Subclassed": Subclassed}
    again = keras.saving.load_model(tmp_path / "m.keras", custom_objects=custom)
    plain = pruning.strip(pruned)
    for other in (again, plain):
        np.testing.assert_allclose(
            other.predict(x, verbose=0), pruned.predict(x, verbose=0), rtol=1e-6, atol=1e-7
        )
        assert [k.zeros for k in pruning.sparsity_report(other).kernels] == [
            k.zeros for k in report.kernels
        ]
    assert type(plain) is type(model)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)  # the given model is not touched


def test_movement_in_recurrent_layers():
    model = recurrent()
    pruned = pruning.prune(model, 0.5, criterion="movement")
    pruned.compile("sgd", "mse")
    pruned.fit(data_of(model), np.zeros((8, 2)), verbose=0)
    assert all(np.asarray(s).any() for s in pruned.masks.scores)


def test_a_kernel_of_two_layers_is_one():
    inputs = [keras.Input((4,), name=n) for n in "ab"]
    shared = L.Dense(3, name="shared")
    model = keras.Model(inputs, L.Add()([shared(x) for x in inputs]))
    assert list(pruning.prune(model, 0.5).get_masks()) == ["shared/kernel"]


@pytest.mark.slow
def test_an_application_end_to_end(one_loader, tmp_path):
    keras.utils.set_random_seed(1)
    model = keras.applications.MobileNet(
        input_shape=(32, 32, 3), alpha=0.25, weights=None, classes=5
    )
    schedule = pruning.PolynomialDecay(0.8, end_step=3, frequency=1)
    pruned = pruning.prune(model, schedule, "global")
    pruned.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    x = RNG.standard_normal((16, 32, 32, 3)).astype("float32")
    y = RNG.integers(0, 5, 16)
    pruned.fit(x, y, batch_size=4, verbose=0)
    report = pruning.sparsity_report(pruned)
    assert 0.799 < report.sparsity <= 0.8
    pruned.save(tmp_path / "m.keras")
    np.save(tmp_path / "x.npy", x)
    program = """
        import sys, keras, numpy as np
        from keras_hadamard import pruning
        folder = sys.argv[1]
        model = keras.saving.load_model(folder + "/m.keras")
        x = np.load(folder + "/x.npy")
        np.save(folder + "/y.npy", model.predict(x, verbose=0))
        model.fit(x, np.zeros(16), batch_size=8, verbose=0)
        report = pruning.sparsity_report(model)
        print(model.step, sum(k.zeros for k in report.kernels))
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    zeros = sum(k.zeros for k in report.kernels)
    assert result.stdout.split() == ["6", str(zeros)]
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), pruned.predict(x, verbose=0), rtol=1e-5)
    serving.export(pruning.strip(pruned), tmp_path / "served")
    assert serving.check(tmp_path / "served", pruned).ok

    smaller = pruning.strip(pruning.prune(model, 0.5, structure="filter"))
    assert smaller.count_params() < 0.75 * model.count_params()
