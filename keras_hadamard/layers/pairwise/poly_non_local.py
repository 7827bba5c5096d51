"""The polynomial form of the non-local block."""

import math
from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Initializer, ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._channels import channels_axis, to_last
from keras_hadamard.layers._masks import apply_mask, masked_mean
from keras_hadamard.ops._portable import tracing_portable
from keras_hadamard.ops._xla import inside_xla

# The number of positions per feature above which moments are faster, as measured.
MOMENTS_THRESHOLD = 6


@serializable
class PolyNonLocal(BaseLayer):
    """Polynomial non-local block (Poly-NL): global context at a cost linear in the positions.

    `y = alpha * W_3 (mean((W_1 x) * (W_2 x)) * x) + beta * x`, the mean over all positions, `W_i`
    of shape `(features, features)`, `alpha` and `beta` scalars. A third-degree polynomial in place
    of the non-local block's softmax over all pairs of positions.

    Args:
        alpha_initializer: Initialiser of the scalar of the context. Defaults to `"ones"`; with
            `"zeros"` the block begins as the identity, for insertion into a trained model.
        beta_initializer: Initialiser of the scalar of the input. Defaults to `"ones"`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`, Keras's setting.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        mask: Boolean tensor of the shape of the positions. Defaults to `None`.
        training: Boolean, whether a gradient follows. It affects only the order of sums. Defaults
            to `None`.

    Input shape:
        `(batch, ..., features)` with one or more axes of positions: sequences, images, videos.

    Output shape:
        The shape of the input.

    Weights:
        `3 * features * (features + 1) + 2`.

    Masking:
        Masked positions have no effect in the mean. Their own output is that of zeros. The mask is
        passed on.

    Numerics:
        The mean is computed in float32 under 16-bit policies. Many positions, of a known number and
        without a mask, are combined in their second moments: the same sums in another order, with
        two products of all positions instead of three. This does not apply under 16-bit policies,
        after `quantize`, for LiteRT and ONNX, and under XLA without a gradient.

    Raises:
        ValueError: If the input has no positions or an unknown width.

    Example:

    >>> image = keras.ops.ones((2, 8, 8, 16))
    >>> keras_hadamard.layers.PolyNonLocal()(image).shape
    TensorShape([2, 8, 8, 16])

    Reference:
        - [Poly-NL: Linear Complexity Non-local Layers with Polynomials (Babiloni et al., 2021)](
          https://arxiv.org/abs/2107.02859)
    """

    def __init__(
        self,
        alpha_initializer: Initializer = "ones",
        beta_initializer: Initializer = "ones",
        data_format: str | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.alpha_initializer = keras.initializers.get(alpha_initializer)
        self.beta_initializer = keras.initializers.get(beta_initializer)
        self.data_format = keras.config.image_data_format() if data_format is None else data_format
        channels_axis(self.data_format)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)
        features = int(input_shape[channels_axis(self.data_format)] or 0)
        self.left_projection, self.right_projection, self.output_projection = (
            self.project(features, f"{name}_projection", input_shape=(None, features))
            for name in ("left", "right", "output")
        )
        self.alpha = self.add_weight(name="alpha", shape=(), initializer=self.alpha_initializer)
        self.beta = self.add_weight(name="beta", shape=(), initializer=self.beta_initializer)

    def call(
        self, inputs: Tensor, mask: Tensor | None = None, training: bool | None = None
    ) -> Tensor:
        x = to_last(inputs, self.data_format)
        if mask is None and self._has_many(x) and not self._as_published(training):
            return to_last(self._by_moments(x), self.data_format, back=True)
        x = apply_mask(x, mask)
        left, right = self.left_projection(x), self.right_projection(x)
        dtype = accumulation_dtype(x.dtype)
        pairs = ops.cast(left, dtype) * ops.cast(right, dtype)
        context = masked_mean(pairs, mask, axes=tuple(range(1, len(x.shape) - 1)))
        mixed = self.output_projection(ops.cast(context, x.dtype) * x)
        y = self.alpha * mixed + self.beta * x
        return to_last(y, self.data_format, back=True)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) < 3 or input_shape[channels_axis(self.data_format)] is None:
            raise received("an input (batch, ..., features) with positions", shape=input_shape)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "alpha_initializer": keras.initializers.serialize(self.alpha_initializer),
            "beta_initializer": keras.initializers.serialize(self.beta_initializer),
            "data_format": self.data_format,
        }

    def _by_moments(self, x: Tensor) -> Tensor:
        """The same with two products over all positions: for second moments, and for the output.

        The output is linear in the input for a given context, and the mean of a product of two
        projections is the product of their means plus a term of the covariance.
        """
        features = x.shape[-1]
        positions = ops.reshape(x, (ops.shape(x)[0], math.prod(x.shape[1:-1]), features))
        mean = ops.mean(positions, axis=1)
        # Centred first: moments minus those of the mean lose their digits if the mean is large.
        centred = positions - mean[:, None]
        moments = ops.matmul(ops.transpose(centred, (0, 2, 1)), centred) / positions.shape[1]
        one_by_one = ops.eye(features, dtype=x.dtype)
        of_left, _ = _parts(self.left_projection, moments)
        of_right, _ = _parts(self.right_projection, one_by_one)
        context = self.left_projection(mean) * self.right_projection(mean)
        context += ops.sum(of_left * of_right, axis=1)
        mixing, constant = _parts(self.output_projection, context[:, None] * one_by_one)
        mixing = self.alpha * mixing + self.beta * one_by_one
        return ops.reshape(ops.matmul(positions, mixing) + self.alpha * constant, ops.shape(x))

    def _has_many(self, x: Tensor) -> bool:
        """Whether there are so many positions that moments are faster."""
        lengths = x.shape[1:-1]
        return None not in lengths and math.prod(lengths) >= MOMENTS_THRESHOLD * x.shape[-1]

    def _as_published(self, training: bool | None) -> bool:
        """Whether to project each position, for any number of positions.

        In 8 or 16 bits, moments have larger rounding errors than projections, and a quantised
        projection is not linear. On a CPU, XLA multiplies moments slowly, and they pay off only
        with a gradient.
        """
        dense = (self.left_projection, self.right_projection, self.output_projection)
        rounded = self.compute_dtype != accumulation_dtype(self.compute_dtype)
        rounded = rounded or any(projection.quantization_mode for projection in dense)
        return rounded or tracing_portable() or (inside_xla() and not training)


def _parts(projection: keras.layers.Dense, x: Tensor) -> tuple[Tensor, Tensor]:
    """`x` times the projection's effective kernel, and the projection's bias."""
    constant = projection(ops.zeros((1, x.shape[-1]), dtype=x.dtype))
    return projection(x) - constant, constant
