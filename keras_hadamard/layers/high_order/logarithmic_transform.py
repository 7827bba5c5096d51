"""Products of fields with learned exponents."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._masks import apply_mask
from keras_hadamard.layers._normalization import BatchNormalization
from keras_hadamard.layers.high_order._fields import field_shape


@serializable
class LogarithmicTransform(BaseLayer):
    """Products of powers of the fields, whose exponents are learned (the layer of AFN).

    `y_(n,w) = N_2(exp(sum_f W_(f,n) N_1(log max(|x_(f,w)|, epsilon))))`, that is, without the
    normalisations, `prod_f |x_(f,w)|^(W_(f,n))` for each of `units` products and each feature.
    `N_1` and `N_2` are batch normalisations of each field and each product.

    The signs of the features are lost. The paper has an `epsilon` of 1e-7.

    Args:
        units: Integer, the number of products.
        epsilon: Float, the smallest magnitude that is told from zero. Defaults to `1e-05`.
        normalize: Boolean, whether there are batch normalisations. Defaults to `True`.
        momentum: Float, of their running statistics. Defaults to `0.9`.
        **kwargs: Arguments of the kernels (`kernel_initializer`, their regularizer and constraint,
            as in `keras.layers.Dense`) and of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor, or a list of tensors, one per field.
        training: Boolean, whether the statistics are those of the batch, which are recorded.
            Defaults to `None`.

    Input shape:
        `(batch, fields, width)`, or a list of `(batch, width)`.

    Output shape:
        `(batch, units * width)`.

    Weights:
        `(fields + 2) * units + 2 * fields`; `fields * units` without `normalize`.

    Masking:
        A masked field counts as one, whose logarithm is zero. No mask is passed on.

    Numerics:
        Everything is float32 under 16-bit policies. The exponential has no bound: large exponents
        overflow.

    Raises:
        ValueError: If an argument is out of range, there are fewer than two fields or their shapes
            are unknown or differ.

    Example:

    >>> x = keras.ops.ones((4, 3, 8))
    >>> keras_hadamard.layers.LogarithmicTransform(5)(x).shape
    TensorShape([4, 40])

    Reference:
        - [Adaptive Factorization Network: Learning Adaptive-Order Feature Interactions (Cheng et
          al., 2020)](https://arxiv.org/abs/1909.03276)
    """

    def __init__(
        self,
        units: int,
        epsilon: float = 1e-5,
        normalize: bool = True,
        momentum: float = 0.9,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.units = positive_int("units", units)
        self.epsilon = float(epsilon)
        if not self.epsilon > 0:
            raise received("`epsilon` to be above 0", epsilon=epsilon)
        self.normalize = bool(normalize)
        self.momentum = float(momentum)

    def build(self, input_shape: Any) -> None:
        _, fields, width = field_shape(type(self).__name__, input_shape)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(fields, self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.norms: list[keras.layers.Layer] = []
        if self.normalize:
            dtype = accumulation_dtype(self.compute_dtype)
            for name, count in (("log_norm", fields), ("exp_norm", self.units)):
                norm = BatchNormalization(1, self.momentum, name=name, dtype=dtype)
                norm.build((None, count, width))
                self.norms.append(norm)

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Tensor:
        x = ops.stack(inputs, axis=1) if isinstance(inputs, list | tuple) else inputs
        x = ops.cast(x, accumulation_dtype(self.compute_dtype))
        if mask is not None and not isinstance(inputs, list | tuple):
            # Zeros first, so that a NaN has no gradient, then ones.
            valid = ops.expand_dims(ops.cast(mask, "bool"), -1)
            x = ops.where(valid, apply_mask(x, mask), ops.ones_like(x))
        logs = ops.log(ops.maximum(ops.abs(x), self.epsilon))
        if self.norms:
            logs = self.norms[0](logs, training=training)
        # One matrix product, which is faster than one for each example.
        sums = ops.matmul(ops.transpose(logs, (0, 2, 1)), ops.cast(self.kernel, logs.dtype))
        y = ops.exp(ops.transpose(sums, (0, 2, 1)))
        if self.norms:
            y = self.norms[1](y, training=training)
        y = ops.reshape(y, (-1, self.units * x.shape[-1]))
        return ops.cast(y, self.compute_dtype)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        return None

    def compute_output_shape(self, input_shape: Any) -> Shape:
        batch, _, width = field_shape(type(self).__name__, input_shape)
        return (batch, self.units * width)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "epsilon": self.epsilon,
            "normalize": self.normalize,
            "momentum": self.momentum,
        }
