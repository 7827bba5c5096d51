"""Private attributes of Keras that this package reads: these tests fail when one moves."""

import keras
import pytest

from keras_hadamard._core.introspection.private import all_layers, calls_in, graph_of, inner_layers


class Held(keras.layers.Layer):
    """Layers in a list, in a dictionary and in another layer."""

    def __init__(self):
        super().__init__(name="held")
        self.several = [keras.layers.Dense(1, name="a"), keras.layers.Dense(1, name="b")]
        self.named = {"c": keras.layers.Dense(1, name="c")}
        self.inner = keras.Sequential([keras.layers.Dense(1, name="d")], name="inner")


def test_layers_are_found_however_they_are_held():
    held = Held()
    assert all_layers(held)[0] is held
    assert {layer.name for layer in all_layers(held)} == {"held", "a", "b", "c", "inner", "d"}
    assert {layer.name for layer in inner_layers(held)} == {"a", "b", "c", "inner"}


@pytest.mark.parametrize("sequential", [True, False])
def test_every_call_of_a_graph_is_found(sequential):
    dense = keras.layers.Dense(3, name="dense")
    if sequential:
        model = keras.Sequential([keras.Input((3,)), dense, keras.layers.ReLU(name="relu")])
        wanted = ["dense", "relu"]
    else:
        inputs = keras.Input((3,))
        model = keras.Model(inputs, dense(dense(inputs)))
        wanted = ["dense", "dense"]
    nodes = [node for node in calls_in(graph_of(model)) if node.input_tensors]
    assert sorted(node.operation.name for node in nodes) == wanted
    assert all(node.outputs for node in nodes)


def test_what_is_no_graph_has_none():
    assert graph_of(keras.layers.Dense(1)) is None
    assert graph_of(keras.Sequential([keras.layers.Dense(1)])) is None
