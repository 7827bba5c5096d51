"""Bilinear attention between the positions of two modalities."""

import math
from typing import Any, ClassVar, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import fraction, positive_int
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._kernels import effective_kernel
from keras_hadamard.layers._masks import all_of, masked_softmax
from keras_hadamard.layers.fusion._fusion import Fusion
from keras_hadamard.layers.fusion._projections import apply_each


@serializable
class BilinearAttention(Fusion):
    """Bilinear attention (BAN): the products of all pairs of positions, weighted by attention.

    `f_g = sum_(i, j) A_(g,i,j) a(U_g x_i) * a(V_g y_j)` with
    `A_g = softmax_(i, j)(p_g . (a(U x_i) * a(V y_j)))` for each glimpse `g`, and
    `y = act(P [f_1; f_2; ...] + b)`. With `residual`, the paper's network of several glimpses,
    `x_i <- x_i + P_g f_g` after each of them, and `y = act(P sum_i x_i + b)`.

    Args:
        units: Integer, the width of the output.
        rank: Integer, the width of the products. Defaults to `None`, which is `units`.
        glimpses: Integer, the number of attention maps. Defaults to `1`.
        residual: Boolean, whether each glimpse is added to the positions of `x` before the next
            one. Defaults to `False`.
        activation: Name or function of the output's activation. Defaults to `None`.
        projection_activation: Name or function of the projections' activation. Defaults to
            `"relu"`.
        dropout: Float in [0, 1), dropout of the projections. Defaults to `0.0`.
        seed: Integer, the seed of the dropout. Defaults to `None`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: List `[x, y]` of two tensors, of any widths.
        training: Boolean, whether dropout is active. Defaults to `None`.

    Input shape:
        Each `(batch, ..., width_i)` with its own positions: regions of an image with words of a
        question. A vector `(batch, width_i)` is one position.

    Output shape:
        `(batch, units)`: the positions are summed over.

    Weights:
        `rank * ((glimpses + 1) * (sum(widths) + modalities) + glimpses) +
        (glimpses * rank + 1) * units`, with `rank` = `units` where it is `None`.

    Masking:
        Positions that are masked in `x` or `y` get no attention; if all are masked, the sums are
        zero. No mask is passed on.

    Numerics:
        The logits, their softmax and the weighted sums are float32 under 16-bit policies. The sums
        hold `positions_x * rank` values, never the products of all pairs.

    Raises:
        ValueError: If the inputs are not a list of two, differ in their batch, or an argument is
            out of range.

    Example:

    >>> regions, words = keras.ops.ones((2, 4, 4, 7)), keras.ops.ones((2, 9, 5))
    >>> keras_hadamard.layers.BilinearAttention(6, glimpses=2)([regions, words]).shape
    TensorShape([2, 6])

    Reference:
        - [Bilinear Attention Networks (Kim et al., 2018)](https://arxiv.org/abs/1805.07932)
    """

    modalities: ClassVar[int | None] = 2
    width_argument: ClassVar[str | None] = "rank"

    def __init__(
        self,
        units: int,
        rank: int | None = None,
        glimpses: int = 1,
        residual: bool = False,
        activation: Activation = None,
        projection_activation: Activation = "relu",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(units, **kwargs)
        self.rank = None if rank is None else positive_int("rank", rank)
        self.glimpses = positive_int("glimpses", glimpses)
        self.residual = bool(residual)
        self.activation = get_activation(activation)
        self.projection_activation = get_activation(projection_activation)
        self.dropout = fraction("dropout", dropout)
        self.seed = seed
        self._dropout = keras.layers.Dropout(self.dropout, seed=seed, dtype=self.dtype_policy)

    def build(self, input_shape: list[Shape]) -> None:
        self.positions(input_shape)
        rank = self.rank or self.units
        x, y = ((s[0], None, s[-1]) for s in input_shape)
        act = self.projection_activation
        self.attended = [
            self.project(rank, f"attention_{i}", activation=act, input_shape=s)
            for i, s in enumerate((x, y))
        ]
        self.attention = self.project(
            self.glimpses, "attention", use_bias=False, input_shape=(None, rank)
        )
        # Those of a glimpse one after the other.
        self.factors = [
            self.project(rank, f"projection_{g}_{i}", activation=act, input_shape=s)
            for g in range(self.glimpses)
            for i, s in enumerate((x, y))
        ]
        width = self.glimpses * rank
        self.returns = []
        if self.residual:
            width = int(x[-1] or 0)
            self.returns = [
                self.project(width, f"residual_{g}", input_shape=(None, rank))
                for g in range(self.glimpses)
            ]
        self.output_projection = self.project(
            self.units, "output_projection", activation=self.activation, input_shape=(None, width)
        )

    def call(self, inputs: list[Tensor], training: bool | None = None, mask: Any = None) -> Tensor:
        masks = mask if isinstance(mask, list | tuple) else [mask] * 2
        (x, x_mask), (y, y_mask) = (_flatten(z, m) for z, m in zip(inputs, masks, strict=True))
        dtype = accumulation_dtype(self.compute_dtype)
        u, v = apply_each(self.attended, (x, y), self._dropout, training)
        p = effective_kernel(self.attention, dtype)
        logits = _pair_logits(ops.cast(u, dtype), p, ops.cast(v, dtype))
        attention = masked_softmax(logits, _valid_pairs(x_mask, y_mask), (2, 3))
        glimpses = []
        for g in range(self.glimpses):
            projections = self.factors[2 * g : 2 * g + 2]
            u, v = apply_each(projections, (x, y), self._dropout, training)
            # Not the product of all pairs: for each position of x, the average that it attends to.
            attended = ops.matmul(attention[:, g], ops.cast(v, dtype))
            f = ops.cast(ops.sum(ops.cast(u, dtype) * attended, axis=1), self.compute_dtype)
            if self.residual:
                x = _zero_masked(x + self.returns[g](f)[:, None], x_mask)
            glimpses.append(f)
        fused = ops.sum(x, axis=1) if self.residual else ops.concatenate(glimpses, axis=-1)
        return self.output_projection(fused)

    def compute_mask(self, inputs: list[Tensor], mask: Any = None) -> None:
        return None

    def positions(self, input_shape: Any) -> Shape:
        """The output's axes before the last: the inputs share only the batch."""
        vectors = [
            (s[0], s[-1]) if isinstance(s, list | tuple) and len(s) > 1 else s for s in input_shape
        ]
        return super().positions(vectors)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rank": self.rank,
            "glimpses": self.glimpses,
            "residual": self.residual,
            "activation": serialize_activation(self.activation),
            "projection_activation": serialize_activation(self.projection_activation),
            "dropout": self.dropout,
            "seed": self.seed,
        }


def _flatten(x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """All positions as one axis, with zeros at masked ones."""
    batch, *positions, width = ops.shape(x)
    count = math.prod(positions)
    if mask is not None:
        mask = ops.reshape(mask, (batch, count))
    return _zero_masked(ops.reshape(x, (batch, count, width)), mask), mask


def _zero_masked(x: Tensor, mask: Tensor | None) -> Tensor:
    return x if mask is None else ops.where(mask[..., None], x, 0)


def _pair_logits(u: Tensor, p: Tensor, v: Tensor) -> Tensor:
    """`p_g . (u_i * v_j)` for all pairs, `(batch, glimpses, positions_x, positions_y)`."""
    # (batch, glimpses, positions_x, rank) with (batch, 1, rank, positions_y).
    weighted = u[:, None] * ops.transpose(p)[:, None]
    return ops.matmul(weighted, ops.transpose(v, (0, 2, 1))[:, None])


def _valid_pairs(x_mask: Tensor | None, y_mask: Tensor | None) -> Tensor | None:
    """The pairs of valid positions, `(batch, 1, positions_x, positions_y)` or broadcast to it."""
    rows = None if x_mask is None else x_mask[:, None, :, None]
    columns = None if y_mask is None else y_mask[:, None, None, :]
    return all_of([rows, columns])
