"""Models that cannot be pruned, and arguments that `prune` refuses."""

import keras
import numpy as np
import pytest

from keras_hadamard import pruning


def model():
    return keras.Sequential(
        [keras.Input((8,)), keras.layers.Dense(6, name="a"), keras.layers.Dense(4, name="b")]
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"schedule": 1.0}, r"in \[0, 1\)\. Received: schedule=1.0"),
        ({"schedule": -0.5}, r"in \[0, 1\)"),
        ({"schedule": "much"}, r"in \[0, 1\)"),
        ({"scope": "model"}, "one of .*'layer', 'global'.*Received: scope='model'"),
        ({"criterion": "magnitud"}, "did you mean 'magnitude'"),
        ({"structure": "filters"}, "`structure` to be None"),
        ({"structure": "4:2"}, "0 < N < M"),
        ({"structure": (0, 2)}, "`structure` to be None"),
        ({"structure": (1, 2, 3)}, "`structure` to be None"),
        ({"structure": "2:4", "schedule": 0.6}, r"ends at 0\.5.*Received: final_sparsity=0\.6"),
        ({"structure": "2:4", "scope": "global"}, "scope 'layer'"),
        ({"target": "nothing"}, r"to leave one of \['a/kernel', 'b/kernel'\]"),
        ({"exclude": "kernel"}, "to leave one of"),
        ({"target": "("}, "`target` to be a regular expression"),
        ({"target": [2]}, "positions among the model's 2 kernels"),
        ({"masks": {"a/kernel": np.ones((6, 8))}}, r"a mask of shape \(8, 6\).*\(6, 8\)"),
        ({"masks": {"c/kernel": np.ones((6, 8))}}, "`masks` of the kernels"),
        ({"masks": [np.ones((8, 6))]}, "dict of arrays"),
        ({"masks": {"a/kernel": np.ones((8, 6))}, "target": "b"}, "`masks` of the kernels"),
    ],
)
def test_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        pruning.prune(model(), **{"schedule": 0.5, **arguments})


def test_models():
    with pytest.raises(ValueError, match="`model` to be a keras"):
        pruning.prune(keras.layers.Dense(3), 0.5)
    with pytest.raises(ValueError, match="to be built"):
        pruning.prune(keras.Sequential([keras.layers.Dense(3)]), 0.5)
    inputs = keras.Input((4,), dtype="int32")
    embedding = keras.Model(inputs, keras.layers.Embedding(5, 3)(inputs))
    with pytest.raises(ValueError, match="layers with kernels"):
        pruning.prune(embedding, 0.5)
    depthwise = keras.Sequential([keras.Input((5, 5, 3)), keras.layers.DepthwiseConv2D(3)])
    with pytest.raises(ValueError, match="kernels that `structure` can be applied to"):
        pruning.prune(depthwise, 0.5, structure="channel")


def test_a_model_that_cannot_be_copied():
    class Closed(keras.Model):
        def __init__(self, units):
            super().__init__()
            self.dense = keras.layers.Dense(units)

        def call(self, inputs):
            return self.dense(inputs)

    closed = Closed(3)
    closed(np.ones((2, 4), "float32"))
    with pytest.raises(ValueError, match="recreated from its configuration"):
        pruning.prune(closed, 0.5)


def test_functions_of_pruned_models_take_nothing_else():
    plain = model()
    for function in (pruning.strip, lambda m: pruning.rewind_to(m, m.get_weights())):
        with pytest.raises(ValueError, match="a model that `prune` returned"):
            function(plain)
    with pytest.raises(ValueError, match="a model that `prune` returned"):
        pruning.PruningCallback().set_model(plain)
    with pytest.raises(ValueError, match="that is built"):
        pruning.sparsity_report(keras.Sequential([keras.layers.Dense(3)]))
    with pytest.raises(ValueError, match="`weights` of the model that was pruned"):
        pruning.rewind_to(pruning.prune(plain, 0.5), plain.get_weights()[:-1])
