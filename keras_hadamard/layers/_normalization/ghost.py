"""Batch normalisation of parts of the batch."""

from typing import Any

from keras import ops

from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Tensor
from keras_hadamard.layers._normalization.batch import EPSILON, BatchNormalization


@serializable
class GhostBatchNormalization(BatchNormalization):
    """Batch normalisation whose statistics in training are those of parts of the batch.

    The batch is divided into the fewest parts of at most `virtual_batch_size` examples, as equal as
    PyTorch's `chunk` makes them. The running statistics take in one part after the other. The
    inputs are vectors.
    """

    def __init__(
        self,
        virtual_batch_size: int | None = 128,
        momentum: float = 0.9,
        epsilon: float = EPSILON,
        **kwargs: Any,
    ) -> None:
        super().__init__(momentum=momentum, epsilon=epsilon, **kwargs)
        self.virtual_batch_size = virtual_batch_size

    def call(
        self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None
    ) -> Tensor:
        limit, known = self.virtual_batch_size, inputs.shape[0]
        whole = limit is None or (known is not None and known <= limit)
        if whole or not training or not self.trainable:
            return super().call(inputs, training=training, mask=mask)
        x = ops.cast(inputs, accumulation_dtype(inputs.dtype))
        batch, width = ops.shape(x)
        parts = ops.maximum((batch + limit - 1) // limit, 1)
        size = ops.maximum((batch + parts - 1) // parts, 1)
        parts = ops.maximum((batch + size - 1) // size, 1)
        # The last part may be smaller, by rows that do not count.
        x = ops.concatenate([x, ops.zeros((parts * size - batch, width), x.dtype)], axis=0)
        x = ops.reshape(x, (parts, size, width))
        counts = ops.reshape(ops.arange(parts * size) < batch, (parts, size, 1))
        count = ops.sum(ops.cast(counts, x.dtype), axis=1, keepdims=True)
        mean = ops.sum(x, axis=1, keepdims=True) / count
        x = ops.where(counts, x - mean, 0)
        variance = ops.sum(ops.square(x), axis=1, keepdims=True) / count
        self._move(self.moving_mean, mean[:, 0], parts)
        unbiased = variance * (count / ops.maximum(count - 1, 1))
        self._move(self.moving_variance, unbiased[:, 0], parts)
        y = x * ops.rsqrt(variance + self.epsilon)
        if self.gamma is not None:
            y = y * ops.cast(self.gamma, y.dtype)
        if self.beta is not None:
            y = y + ops.cast(self.beta, y.dtype)
        return ops.cast(ops.reshape(y, (-1, width))[:batch], self.compute_dtype)

    def _move(self, moving: Any, values: Tensor, parts: Any) -> None:
        """As if one part came after the other."""
        values = ops.cast(values, moving.dtype)
        later = ops.cast(parts - 1 - ops.arange(parts), moving.dtype)
        kept = ops.power(ops.convert_to_tensor(self.momentum, moving.dtype), later)
        new = (1 - self.momentum) * ops.sum(kept[:, None] * values, axis=0)
        moving.assign(moving * self.momentum * kept[0] + new)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "virtual_batch_size": self.virtual_batch_size}
