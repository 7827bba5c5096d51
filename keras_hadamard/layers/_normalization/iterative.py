"""Whitening of groups of channels by Newton's iteration."""

from typing import Any

from keras import ops

from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.layers._kernel_free import KernelFreeLayer
from keras_hadamard.layers._normalization.batch import EPSILON


@serializable
class IterativeNormalization(KernelFreeLayer):
    """Decorrelates groups of at most `group_size` channels (IterNorm, Huang et al., 2019).

    `W = P_T / sqrt(trace S)` with `P_(k+1) = (3 P_k - P_k^3 S / trace S) / 2` and `P_0 = I`, an
    approximation of the inverse square root of the covariance `S`. Its running mean is used at
    inference. Channels are on the last axis.
    """

    def __init__(
        self, group_size: int = 64, iterations: int = 5, momentum: float = 0.9, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.group_size = group_size
        self.iterations = iterations
        self.momentum = momentum

    def build(self, input_shape: Shape) -> None:
        channels = int(input_shape[-1] or 0)
        width = min(self.group_size, channels)
        while channels % width:
            width //= 2
        self.groups, self.group_width = channels // width, width
        self.gamma = self.add_weight(name="gamma", shape=(channels,), initializer="ones")
        self.beta = self.add_weight(name="beta", shape=(channels,), initializer="zeros")
        self.moving_mean = self.add_weight(
            name="moving_mean", shape=(channels,), initializer="zeros", trainable=False
        )
        self.moving_whitening = self.add_weight(
            name="moving_whitening",
            shape=(self.groups, width, width),
            initializer=lambda shape, dtype: ops.broadcast_to(ops.eye(width, dtype=dtype), shape),
            trainable=False,
        )

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        # Powers of a covariance exceed the range of 16 bits.
        dtype = accumulation_dtype(inputs.dtype)
        x = ops.reshape(ops.cast(inputs, dtype), (-1, self.groups, self.group_width))
        if training and self.trainable:
            mean = ops.mean(x, axis=0)
            x = x - mean
            whitening = self._whitening(x)
            for moving, value in (
                (self.moving_mean, ops.reshape(mean, (-1,))),
                (self.moving_whitening, whitening),
            ):
                value = ops.cast(value, moving.dtype)
                moving.assign(moving * self.momentum + value * (1 - self.momentum))
        else:
            mean = ops.reshape(self.moving_mean, (self.groups, self.group_width))
            x = x - ops.cast(mean, dtype)
            whitening = ops.cast(self.moving_whitening, dtype)
        x = ops.reshape(ops.einsum("mgd,ged->mge", x, whitening), ops.shape(inputs))
        y = x * ops.cast(self.gamma, dtype) + ops.cast(self.beta, dtype)
        return ops.cast(y, self.compute_dtype)

    def _whitening(self, centred: Tensor) -> Tensor:
        identity = ops.eye(self.group_width, dtype=centred.dtype)
        count = ops.cast(ops.shape(centred)[0], centred.dtype)
        covariance = ops.einsum("mgd,mge->gde", centred, centred) / count + EPSILON * identity
        trace = ops.trace(covariance, axis1=1, axis2=2)[:, None, None]
        covariance = covariance / trace
        p = ops.broadcast_to(identity, ops.shape(covariance))
        for _ in range(self.iterations):
            p = 1.5 * p - 0.5 * ops.matmul(ops.matmul(ops.matmul(p, p), p), covariance)
        return p / ops.sqrt(trace)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "group_size": self.group_size,
            "iterations": self.iterations,
            "momentum": self.momentum,
        }
