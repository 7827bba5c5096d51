"""The cross layer of DCN-v2."""

from typing import Any, Unpack

from keras_hadamard._core.checks import non_negative
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, KernelArguments, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers.high_order._cross import Cross, rank_argument, unpack_inputs


@serializable
class FeatureCross(Cross):
    """Product of the features with a projection of the previous layer (DCN-v2's cross).

    `y = x0 * (act(W x + b) + diag_scale * x) + x`, where `x0` are the features that every cross of
    a network multiplies by, `x` is the output of the previous cross (`x0` in the first one), and
    `W` is `(width, width)` or, with `projection_dim`, `V U` of that rank: `U`
    `(width, projection_dim)` without bias, then `V` `(projection_dim, width)` with `b`. L crosses
    give the products of up to L + 1 features.

    The paper has neither `diag_scale` nor `pre_activation`; both are those of TensorFlow
    Recommenders and Keras Recommenders, whose equation, arguments and order of weights this layer
    has: `set_weights(other.get_weights())` transfers a trained cross. Their activation comes before
        the addition of `diag_scale * x`. TensorFlow Recommenders' initial kernel is
        `truncated_normal`.

    Args:
        projection_dim: Integer, the rank of `W`. Defaults to `None`, full rank.
        diag_scale: Float, added to the diagonal of `W`, which stabilises the training of low ranks.
            Defaults to `0.0`.
        use_bias: Boolean, whether there is a `b`. Defaults to `True`.
        pre_activation: Name or function of an activation of `W x + b`. Defaults to `None`: the
            network of crosses is a polynomial.
        **kwargs: Arguments of the projections (`kernel_initializer`, `bias_initializer`, their
            regularizers and constraints, as in `keras.layers.Dense`) and of the base layer (`name`,
            `dtype`, `trainable`).

    Call arguments:
        x0: Tensor, or a list `[x0, x]`.
        x: Tensor of the shape of `x0`, the output of the previous cross. Defaults to `x0`.

    Input shape:
        `(batch, ..., width)`.

    Output shape:
        `(batch, ..., width)`.

    Weights:
        `width * (width + 1)`; with `projection_dim` `width * (2 * projection_dim + 1)`.

    Masking:
        The mask is passed on; in a list, a position is valid where it is valid in both.

    Numerics:
        Products are computed in the compute dtype. Values grow with each cross, up to the power of
        the degree: L crosses of features far above 1 overflow float16.

    Raises:
        ValueError: If an argument is out of range, the width is unknown or the shapes differ.

    Example:

    >>> x0 = keras.ops.ones((4, 7))
    >>> x1 = keras_hadamard.layers.FeatureCross(projection_dim=2)(x0)
    >>> keras_hadamard.layers.FeatureCross(projection_dim=2)(x0, x1).shape
    TensorShape([4, 7])

    Reference:
        - [DCN V2: Improved Deep & Cross Network (Wang et al., 2021)](
          https://arxiv.org/abs/2008.13535)
    """

    def __init__(
        self,
        projection_dim: int | None = None,
        diag_scale: float = 0.0,
        use_bias: bool = True,
        pre_activation: Activation = None,
        **kwargs: Unpack[KernelArguments],
    ) -> None:
        super().__init__(use_bias=use_bias, **kwargs)
        self.projection_dim = rank_argument(projection_dim)
        self.diag_scale = non_negative("diag_scale", diag_scale)
        self.pre_activation = get_activation(pre_activation)

    def build(self, x0_shape: Any, x_shape: Any = None) -> None:
        shape = self.cross_shape(x0_shape, x_shape)
        # Files name layers by these attributes, which are the same in keras-rs.
        self.down_proj_dense = None
        if self.projection_dim is not None:
            self.down_proj_dense = self.project(
                self.projection_dim, "down_projection", use_bias=False, input_shape=shape
            )
        self.dense = self.project(
            shape[-1] or 0,
            "projection",
            activation=self.pre_activation,
            input_shape=(*shape[:-1], self.projection_dim or shape[-1]),
        )

    def call(self, x0: Any, x: Tensor | None = None) -> Tensor:
        x0, x = unpack_inputs(x0, x)
        low = x if self.down_proj_dense is None else self.down_proj_dense(x)
        projected = self.dense(low)
        if self.diag_scale:
            projected = projected + self.diag_scale * x
        return x0 * projected + x

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "projection_dim": self.projection_dim,
            "diag_scale": self.diag_scale,
            "pre_activation": serialize_activation(self.pre_activation),
        }
