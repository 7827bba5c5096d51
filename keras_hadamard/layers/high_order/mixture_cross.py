"""The cross of DCN-Mix: low-rank experts and a gate."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._kernels import effective_kernel
from keras_hadamard.layers.high_order._cross import Cross, quarter, rank_argument, unpack_inputs


@serializable
class MixtureCross(Cross):
    """Cross whose projection is a gated mixture of low-rank experts (DCN-Mix).

    `y = sum_i G_i(x) * x0 * (U_i act(C_i act(V_i x)) + b) + x`, with `num_experts` experts of rank
    r = `projection_dim`: `V_i` `(width, r)`, `C_i` `(r, r)`, `U_i` `(r, width)`, one bias `b` for
    all, and the gate `G(x) = gate_activation(x W_g)`, `W_g` `(width, num_experts)`. `x0` and `x`
    are as in `FeatureCross`.

    The paper does not define the gate; here it has no bias. DeepCTR's layer has one gate for all
    crosses of a stack, the paper one for each.

    Args:
        num_experts: Integer, the number of experts. Defaults to `4`.
        projection_dim: Integer, the rank of an expert. Defaults to `None`, a quarter of the width.
        activation: Name or function of the experts' activation, `None` for a polynomial. Defaults
            to `"tanh"`.
        gate_activation: Name or function of the gate's activation over the experts. Defaults to
            `"softmax"`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        x0: Tensor, or a list `[x0, x]`.
        x: Tensor of the shape of `x0`, the output of the cross before. Defaults to `x0`.

    Input shape:
        `(batch, ..., width)`.

    Output shape:
        `(batch, ..., width)`.

    Weights:
        `num_experts * (projection_dim * (2 * width + projection_dim) + width) + width`, with
        `projection_dim` = `max(1, width // 4)` where it is `None`.

    Masking:
        The mask is passed on; of a list a position is valid where it is valid in both.

    Numerics:
        Computed in the compute dtype. The gates multiply the experts' `r` features, not their
        outputs, so the mixture is one projection.

    Raises:
        ValueError: If an argument is out of range, the width is unknown or the shapes differ.

    Example:

    >>> x0 = keras.ops.ones((4, 8))
    >>> keras_hadamard.layers.MixtureCross(num_experts=2, projection_dim=3)(x0).shape
    TensorShape([4, 8])

    Reference:
        - [DCN V2: Improved Deep & Cross Network (Wang et al., 2021)](
          https://arxiv.org/abs/2008.13535)
    """

    def __init__(
        self,
        num_experts: int = 4,
        projection_dim: int | None = None,
        activation: Activation = "tanh",
        gate_activation: Activation = "softmax",
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.num_experts = positive_int("num_experts", num_experts)
        self.projection_dim = rank_argument(projection_dim)
        self.activation = get_activation(activation)
        self.gate_activation = get_activation(gate_activation)

    def build(self, x0_shape: Any, x_shape: Any = None) -> None:
        shape = self.cross_shape(x0_shape, x_shape)
        width = shape[-1] or 0
        rank = quarter(self.projection_dim, width)
        experts: dict[str, Any] = {"use_bias": False, "blocks": self.num_experts}
        # V_i, C_i and U_i of the experts side by side, each initialised separately.
        self.down_projection = self.project(
            rank, "down_projection", activation=self.activation, input_shape=shape, **experts
        )
        self.inner = self.project(rank, "inner", input_shape=(None, rank), **experts)
        self.up = self.project(width, "up", input_shape=(None, rank), **experts)
        self.gate = self.project(
            self.num_experts,
            "gate",
            activation=self.gate_activation,
            use_bias=False,
            input_shape=shape,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(width,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def call(self, x0: Any, x: Tensor | None = None) -> Tensor:
        x0, x = unpack_inputs(x0, x)
        width = x0.shape[-1]
        inner = effective_kernel(self.inner)
        rank = inner.shape[0]
        gates = self.gate(x)
        # One matrix product per expert, which is faster than a batch of small ones.
        low, inner, shares = (
            ops.split(t, self.num_experts, axis=-1) for t in (self.down_projection(x), inner, gates)
        )
        hidden = [
            self.activation(ops.matmul(a, c)) * share
            for a, c, share in zip(low, inner, shares, strict=True)
        ]
        # (rank, experts * width) to (experts * rank, width): the product sums over the experts.
        up = ops.reshape(effective_kernel(self.up), (rank, self.num_experts, width))
        up = ops.reshape(ops.transpose(up, (1, 0, 2)), (-1, width))
        mixture = ops.matmul(ops.concatenate(hidden, axis=-1), up)
        if self.bias is not None:
            mixture = mixture + self.bias * ops.sum(gates, axis=-1, keepdims=True)
        return x0 * mixture + x

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_experts": self.num_experts,
            "projection_dim": self.projection_dim,
            "activation": serialize_activation(self.activation),
            "gate_activation": serialize_activation(self.gate_activation),
        }
