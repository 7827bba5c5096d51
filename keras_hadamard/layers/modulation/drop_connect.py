"""DropConnect: dropout of weights."""

from typing import Any, Unpack

import keras

from keras_hadamard._core.checks import fraction, positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._keras_layer import KerasLayer
from keras_hadamard.layers.modulation._dense import DenseArguments, affine, dense_shape


@serializable
class DropConnect(KerasLayer, keras.layers.Dense):
    """Dense layer whose weights are dropped in training (DropConnect).

    `y = activation((W * M)^T x / (1 - rate) + b)` with `M` 0 for each weight with probability
    `rate` and 1 otherwise. One mask is drawn for a batch; the paper draws one for each example,
    which needs a kernel for each example. In the paper, the bias is masked too, and inference
    averages over samples of a Gaussian with the mean and variance of `y` before the activation;
    here the bias is never masked, and inference uses the mean, which is the plain dense layer.

    Args:
        units: Integer, the width of the output.
        rate: Number in [0, 1), the probability of dropping a weight. Defaults to `0.5`.
        activation: Name or function of the output. Defaults to `None`.
        seed: Integer, the seed of the random numbers. Defaults to `None`.
        **kwargs: Further arguments of `keras.layers.Dense`.

    Call arguments:
        inputs: Tensor.
        training: Boolean, whether to drop.

    Input shape:
        `(batch, ..., width)`.

    Output shape:
        `(batch, ..., units)`.

    Weights:
        `(width + 1) * units`.

    Masking:
        The mask is passed on.

    Numerics:
        Computed in the compute dtype, as in `keras.layers.Dense`.

    Raises:
        ValueError: If an argument is out of range or the width of the input is unknown.

    Example:

    >>> x = keras.ops.ones((2, 6))
    >>> keras_hadamard.layers.DropConnect(5, 0.3)(x, training=True).shape
    TensorShape([2, 5])

    Reference:
        - [Regularization of Neural Networks using DropConnect (Wan et al., 2013)](
          https://proceedings.mlr.press/v28/wan13.html)
    """

    def __init__(
        self,
        units: int,
        rate: float = 0.5,
        activation: Activation = None,
        seed: int | None = None,
        **kwargs: Unpack[DenseArguments],
    ) -> None:
        super().__init__(
            positive_int("units", units), activation=get_activation(activation), **kwargs
        )
        self.rate = fraction("rate", rate)
        self.seed = seed
        self.random = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)
        super().build(input_shape)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        kernel = self.kernel
        if training and self.rate:
            kernel = keras.random.dropout(kernel, self.rate, seed=self.random)
        y = affine(inputs, kernel, self.bias)
        return y if self.activation is None else self.activation(y)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return dense_shape(input_shape, self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "activation": serialize_activation(self.activation),
            "rate": self.rate,
            "seed": self.seed,
        }
