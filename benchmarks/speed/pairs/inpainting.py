"""The convolutions of inpainting in plain Keras."""

from typing import Any

import keras
from keras import ops
from keras.layers import Activation, Conv1D, Conv2D, Multiply

from benchmarks.speed.pairs._pair import Pair
from keras_hadamard import layers


@keras.saving.register_keras_serializable("keras_hadamard_bench")
class Partial(keras.layers.Layer):
    """The rule of partial convolution, its mask convolved with ones."""

    def build(self, input_shape: Any) -> None:
        self.convolution = Conv2D(32, 3, padding="same", use_bias=False)
        self.convolution.build(input_shape[0])
        self.bias = self.add_weight(name="bias", shape=(32,), initializer="zeros")

    def call(self, inputs: Any) -> Any:
        x, mask = inputs
        sums = ops.stop_gradient(ops.conv(mask, ops.ones((3, 3, 1, 1)), padding="same"))
        known = ops.clip(sums, 0, 1)
        return (self.convolution(x * mask) * (9 / (sums + 1e-8) * known) + self.bias) * known


def _gated(kind: Any, **how: Any) -> Any:
    def run(x: Any) -> Any:
        value = kind(32, 3, activation="elu", **how)(x)
        return Multiply()([value, Activation("sigmoid")(kind(32, 3, **how)(x))])

    return run


PAIRS = {
    "PartialConv2D": Pair(
        lambda: layers.PartialConv2D(32), lambda x: Partial()(x), ((64, 64, 32), (64, 64, 1))
    ),
    "GatedConv2D": Pair(
        lambda: layers.GatedConv2D(32), _gated(Conv2D, padding="same"), ((64, 64, 32),)
    ),
    "GatedConv1D": Pair(
        lambda: layers.GatedConv1D(32, padding="causal"),
        _gated(Conv1D, padding="causal"),
        ((1024, 32),),
    ),
}
