"""Copies of anyone's models, for pruning and adapters."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_hadamard import adapters, pruning, serving
from keras_hadamard._core.introspection.copies import copy_of
from keras_hadamard._core.introspection.private import registered

L = keras.layers


def doubled(x):
    return 2 * x


class Ones(keras.initializers.Initializer):
    """An initializer that nobody registered."""

    def __call__(self, shape, dtype=None):
        return ops.ones(shape, dtype)


class Plain(keras.Model):
    """A model as tutorials write it, whose constructor takes nothing of Keras's."""

    def __init__(self):
        super().__init__()
        self.first, self.last = L.Dense(4, "relu"), L.Dense(3)

    def call(self, x):
        return self.last(self.first(x))


class Configured(Plain):
    """One with arguments of its own."""

    def __init__(self, units=5, **kwargs):
        keras.Model.__init__(self, **kwargs)
        self.units = units
        self.first, self.last = L.Dense(units, "relu"), L.Dense(3)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


# An operation of a graph beside the layer of its name.
OPERATIONS = {
    "Add": lambda x: L.Add()([x, x]) + 1.0,
    "Subtract": lambda x: L.Subtract()([x, L.Dense(3)(x)]) - 1.0,
    "Multiply": lambda x: L.Multiply()([x, x]) * 2.0,
    "Maximum": lambda x: ops.maximum(L.Maximum()([x, L.Dense(3)(x)]), 0.0),
    "Minimum": lambda x: ops.minimum(L.Minimum()([x, L.Dense(3)(x)]), 0.0),
    "Average": lambda x: ops.average(L.Average()([x, x]), axis=-1)[:, None],
    "Concatenate": lambda x: ops.concatenate([L.Concatenate()([x, x]), x], -1),
    "Reshape": lambda x: ops.reshape(L.Reshape((1, 3))(x), (-1, 3)),
    "Softmax": lambda x: ops.softmax(L.Softmax()(x)),
    "Dot": lambda x: ops.dot(L.Dot(1)([x, x]), np.ones((1, 3), "float32")),
}


def of(function):
    x = keras.Input((3,))
    return keras.Model(x, L.Dense(3)(function(x)))


def local_layer_called_as_an_operation():
    class Multiply(L.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dense = L.Dense(3)

        def build(self, shape):
            self.dense.build(shape)

        def call(self, x):
            return self.dense(x)

    return of(lambda x: Multiply()(x) * 2.0)


def called(model):
    model(np.ones((2, 3), "float32"))
    return model


def twin_branches():
    y = keras.Input((3,))
    inner = keras.Model(y, L.Concatenate()([L.Dense(2, name="l")(y), L.Dense(2, name="r")(y)]))
    one, two = (
        keras.Sequential([keras.Input((3,)), L.Dense(3, name="same")], name=name) for name in "ab"
    )
    return of(lambda x: inner(one(x)) + inner(two(x)))


def siamese():
    inputs = [keras.Input((3,)), keras.Input((3,))]
    shared = keras.Sequential([L.Dense(4, "relu"), L.Dense(4)])
    left, right = map(shared, inputs)
    return keras.Model(inputs, L.Dense(3)(ops.abs(left - right)))


def recurrent():
    x = keras.Input((5, 3))
    y = L.Bidirectional(L.LSTM(3, return_sequences=True))(x)
    y = L.RNN(L.StackedRNNCells([L.LSTMCell(3), L.GRUCell(4)]), return_sequences=True)(y)
    y = L.MultiHeadAttention(2, 3)(y, y)
    return keras.Model(x, L.TimeDistributed(L.Dense(2))(y))


def small_application():
    # It has layers and operations of one name.
    return keras.applications.MobileNetV3Small(
        weights=None, input_shape=(32, 32, 3), classes=3, include_preprocessing=False
    )


MODELS = {
    **{name: (lambda f=function: of(f)) for name, function in OPERATIONS.items()},
    "a local layer": local_layer_called_as_an_operation,
    "a function": lambda: of(L.Dense(3, activation=doubled)),
    "a lambda": lambda: of(L.Lambda(lambda x: ops.sin(x))),
    "an initializer": lambda: of(L.Dense(3, kernel_initializer=Ones())),
    "a subclass": lambda: called(Plain()),
    "a configured subclass": lambda: called(Configured(6)),
    "twin branches": twin_branches,
    "siamese": siamese,
    "recurrent": recurrent,
}


def arrays(model):
    shapes = [t.shape for t in model.inputs] if getattr(model, "inputs", None) else [(None, 3)]
    rng = np.random.default_rng(0)
    made = [rng.normal(size=(2, *shape[1:])).astype("float32") for shape in shapes]
    return made if len(made) > 1 else made[0]


@pytest.mark.parametrize("name", MODELS)
def test_models_are_pruned_adapted_and_exported(name, tmp_path):
    model = MODELS[name]()
    x = arrays(model)
    expected = np.asarray(model(x))
    np.testing.assert_array_equal(copy_of(model)(x), expected)
    pruned = pruning.prune(model, 0.5)
    assert pruning.sparsity_report(pruned).sparsity > 0.3
    adapted = adapters.apply(model, adapters.LoRA(2))
    np.testing.assert_allclose(adapted(x), expected, rtol=1e-5, atol=1e-6)
    for weight in adapted.trainable_variables:
        weight.assign_add(np.full(weight.shape, 0.1))
    for number, wrapped in enumerate((pruned, adapted)):
        got = np.asarray(wrapped(x))
        assert np.abs(got - expected).max() > 1e-6
        wrapped.export(tmp_path / f"keras_{number}", verbose=False)
        serving.export(wrapped, tmp_path / f"server_{number}")
        plain = pruning.strip(wrapped) if wrapped is pruned else adapters.merge(wrapped)
        np.testing.assert_allclose(plain(x), got, rtol=1e-4, atol=1e-5)


def test_an_application_with_layers_and_operations_of_one_name():
    model = small_application()
    x = arrays(model)
    pruned = pruning.prune(model, 0.5)
    np.testing.assert_array_equal(pruning.strip(pruned)(x), pruned(x))
    np.testing.assert_allclose(adapters.apply(model, adapters.LoRA(2))(x), model(x), 1e-5, 1e-6)


def test_what_cannot_be_copied_can_be_handed_over():
    class Hidden(keras.Model):
        def __init__(self, layer):
            super().__init__()
            self.layer = layer

        def call(self, x):
            return self.layer(x)

        def get_config(self):
            return {}

    model = called(Hidden(L.Dense(3)))
    with pytest.raises(ValueError, match=r"cannot be copied, `PrunedModel\("):
        pruning.prune(model, 0.5)
    assert pruning.PrunedModel(model, 0.5).get_masks()
    assert adapters.AdaptedModel(called(Hidden(L.Dense(3)))).adaptable_kernels


def test_names_are_registered_for_a_while():
    """Keras keeps them in two dictionaries."""

    def local(x):
        return x

    other = lambda x: x  # noqa: E731
    before = dict(keras.saving.get_custom_objects())
    with registered([local, other, Plain, L.Dense]):
        for thing in (local, other, Plain):
            name = keras.saving.get_registered_name(thing)
            assert keras.saving.get_registered_object(name) is thing
        assert keras.saving.get_registered_name(L.Dense) == "Dense"
        config = keras.saving.serialize_keras_object(L.Dense(1, activation=other))
        assert keras.saving.deserialize_keras_object(config).activation is other
    assert dict(keras.saving.get_custom_objects()) == before
    assert other.__name__ == "<lambda>"
    assert keras.saving.get_registered_name(local) == "local"


def test_weights_are_shared_until_one_changes():
    model = keras.Sequential([keras.Input((64,)), L.Dense(64)])
    copy = copy_of(model)
    ours, theirs = copy.layers[0].kernel, model.layers[0].kernel

    def shared():
        return np.shares_memory(*(np.asarray(memoryview(w.value.value())) for w in (ours, theirs)))

    assert shared()
    before = np.array(theirs)
    ours.assign_add(np.ones((64, 64)))
    assert not shared()
    np.testing.assert_array_equal(theirs, before)
