"""Gates of features that training can close."""

import math
from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import non_negative, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import BaseArguments, Shape, Tensor
from keras_hadamard.layers._kernel_free import KernelFreeLayer
from keras_hadamard.layers.modulation._channel_axis import channel_axis
from keras_hadamard.ops import hard_concrete, open_probability


@serializable
class HardConcreteGate(KernelFreeLayer):
    """Gates that close features in training (L0 regularisation).

    `y = x * z` with a hard concrete `z = clip(1.2 * s - 0.1, 0, 1)` for each feature. In training
    `s = sigmoid((log(u) - log(1 - u) + log_alpha) / temperature)` with uniform `u`, otherwise
    `s = sigmoid(log_alpha)`, without the temperature, as published. The loss increases by `penalty`
    times the expected number of open gates. Before a dense layer it selects input units, after a
    convolution feature maps, as in the paper; features whose gate is 0 can be removed.

    Args:
        penalty: Number that is not negative, the cost of an open gate. The authors use the number
            of weights behind a gate times 0.1 or less, divided by the number of training examples.
        droprate_init: Number in (0, 1): `log_alpha` starts near `log(1 - droprate_init) -
            log(droprate_init)`, 0.01 around it. Defaults to `0.5`.
        temperature: Positive float, the lower, the closer random gates are to 0 or 1. Defaults to
            `0.6666666666666666`.
        per_sample: Boolean, whether each example draws its own gates. By default a batch shares
            them, as in the authors' code, where the alternative is `local_rep`. Defaults to
            `False`.
        axis: Integer, the axis of the features: `-1`, or `1` for images with channels first.
            Defaults to `-1`.
        seed: Integer, the seed of the random numbers and of the initial gates. Defaults to `None`.
        **kwargs: Arguments of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        training: Boolean, whether to draw random gates.

    Input shape:
        `(batch, ..., features)`, or with the features at `axis`.

    Output shape:
        The shape of the input.

    Weights:
        `features`. `log_alpha` is kept between `log(0.01)` and `log(100)`, as in the authors' code.

    Masking:
        The mask is passed on.

    Numerics:
        Gates and penalty are computed in float32 under 16-bit policies.

    Raises:
        ValueError: If an argument is out of range, or the features are unknown.

    Example:

    >>> gate = keras_hadamard.layers.HardConcreteGate(1e-3, droprate_init=0.1)
    >>> gate(keras.ops.ones((2, 8))).shape, gate.open_gates()
    (TensorShape([2, 8]), 8)

    Reference:
        - [Learning Sparse Neural Networks through L0 Regularization (Louizos et al., 2018)](
          https://arxiv.org/abs/1712.01312)
    """

    def __init__(
        self,
        penalty: float,
        droprate_init: float = 0.5,
        temperature: float = 2 / 3,
        per_sample: bool = False,
        axis: int = -1,
        seed: int | None = None,
        **kwargs: Unpack[BaseArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.penalty = non_negative("penalty", penalty)
        if not 0 < droprate_init < 1:
            raise received("`droprate_init` between 0 and 1", droprate_init=droprate_init)
        if not temperature > 0:
            raise received("a positive `temperature`", temperature=temperature)
        self.droprate_init = float(droprate_init)
        self.temperature = float(temperature)
        self.per_sample = bool(per_sample)
        self.axis = int(axis)
        self.seed = seed
        self.random = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        start = math.log(1 - self.droprate_init) - math.log(self.droprate_init)
        self.log_alpha = self.add_weight(
            name="log_alpha",
            shape=(input_shape[channel_axis(input_shape, self.axis)],),
            initializer=keras.initializers.RandomNormal(start, 0.01, seed=self.seed),
            regularizer=_OpenGates(self.penalty, self.temperature) if self.penalty else None,
            constraint=_Clamped(),
            autocast=False,
        )

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        shape = [1] * len(inputs.shape)
        shape[channel_axis(tuple(inputs.shape), self.axis)] = -1
        log_alpha, uniform = ops.reshape(self.log_alpha, shape), None
        if training:
            examples = ops.shape(inputs)[0] if self.per_sample else 1
            size = (examples, *log_alpha.shape[1:])
            uniform = keras.random.uniform(size, dtype=log_alpha.dtype, seed=self.random)
        gates = hard_concrete(log_alpha, uniform, temperature=self.temperature)
        return inputs * ops.cast(gates, inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        channel_axis(input_shape, self.axis)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "penalty": self.penalty,
            "droprate_init": self.droprate_init,
            "temperature": self.temperature,
            "per_sample": self.per_sample,
            "axis": self.axis,
            "seed": self.seed,
        }

    def open_gates(self) -> int:
        """The number of gates that are not 0 at inference."""
        return int(ops.sum(ops.cast(hard_concrete(self.log_alpha) > 0, "int32")))


@serializable
class _OpenGates(keras.regularizers.Regularizer):
    """A price for the expected number of open gates.

    A loss of the weight, not of the call: a gate that is used twice costs the same.
    """

    def __init__(self, penalty: float, temperature: float) -> None:
        self.penalty = penalty
        self.temperature = temperature

    def __call__(self, log_alpha: Tensor) -> Tensor:
        return self.penalty * ops.sum(open_probability(log_alpha, temperature=self.temperature))

    def get_config(self) -> dict[str, Any]:
        return {"penalty": self.penalty, "temperature": self.temperature}


@serializable
class _Clamped(keras.constraints.Constraint):
    """Gates that may still change."""

    def __call__(self, log_alpha: Tensor) -> Tensor:
        return ops.clip(log_alpha, math.log(0.01), math.log(100))
