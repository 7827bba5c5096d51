"""Low-rank multimodal fusion."""

import functools
import operator
from typing import Any, ClassVar, Unpack

from keras import ops

from keras_hadamard._core.checks import positive_int
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._alignment import align, prepend_one
from keras_hadamard.layers._initializers import block_initializer
from keras_hadamard.layers.fusion._fusion import Fusion


@serializable
class LMF(Fusion):
    """Low-rank multimodal fusion (LMF): the tensor of all products of all modalities, factored.

    `y = act(sum_r prod_m (F_(m,r) [1; x_m]) + b)` with factors `F_(m,r)` of shape
    `(width_m + 1, units)` for each modality and `r = 1, ..., rank`: `TensorFusion` whose weights
    are a tensor of rank `rank`. The constant one in each modality keeps the products of fewer of
    them.

    Args:
        units: Integer, the width of the output.
        rank: Integer, the number of products in the sum. Defaults to `4`.
        activation: Name or function of the output's activation. Defaults to `None`.
        use_rank_weights: Boolean, whether each product is weighted by a learned number before the
            sum, as in the authors' code. Defaults to `False`, the paper's sum.
        **kwargs: Arguments of the factors and the bias (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: List of two or more tensors, of any widths.

    Input shape:
        Two or more tensors `(batch, width_i)` or `(batch, ..., width_i)` with equal positions. A
        vector among sequences or images is fused with each of their positions.

    Output shape:
        `(batch, ..., units)`.

    Weights:
        `rank * units * (sum(widths) + modalities) + units`.

    Masking:
        A position is valid where it is valid in every input that has a mask; the mask is passed on.

    Numerics:
        The products, with one factor per modality, and their sum are float32 under 16-bit policies.

    Raises:
        ValueError: If the inputs are not a list, do not fit together, or an argument is out of
            range.

    Example:

    >>> text, sound, face = (keras.ops.ones((2, n)) for n in (7, 5, 3))
    >>> keras_hadamard.layers.LMF(6)([text, sound, face]).shape
    TensorShape([2, 6])

    Reference:
        - [Efficient Low-rank Multimodal Fusion with Modality-Specific Factors (Liu et al., 2018)](
          https://arxiv.org/abs/1806.00064)
    """

    width_argument: ClassVar[str | None] = "rank"

    def __init__(
        self,
        units: int,
        rank: int = 4,
        activation: Activation = None,
        use_rank_weights: bool = False,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(units, **kwargs)
        self.rank = positive_int("rank", rank)
        self.activation = get_activation(activation)
        self.use_rank_weights = bool(use_rank_weights)

    def build(self, input_shape: list[Shape]) -> None:
        self.positions(input_shape)
        # The row of the constant one comes first.
        self.factors = [
            self._weight(f"factor_{i}", (int(shape[-1] or 0) + 1, self.rank * self.units))
            for i, shape in enumerate(input_shape)
        ]
        self.rank_weights = None
        if self.use_rank_weights:
            self.rank_weights = self.add_weight(
                name="rank_weights", shape=(1, self.rank), initializer="ones"
            )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.units,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def call(self, inputs: list[Tensor]) -> Tensor:
        dtype = accumulation_dtype(self.compute_dtype)
        factors = [
            ops.cast(ops.matmul(prepend_one(x), factor), dtype)
            for x, factor in zip(inputs, self.factors, strict=True)
        ]
        product = functools.reduce(operator.mul, align(factors))
        product = ops.reshape(product, (*ops.shape(product)[:-1], self.rank, self.units))
        if self.rank_weights is not None:
            y = ops.squeeze(ops.matmul(ops.cast(self.rank_weights, dtype), product), -2)
        else:
            y = ops.sum(product, axis=-2)
        y = ops.cast(y, self.compute_dtype)
        return self.activation(y if self.bias is None else y + self.bias)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rank": self.rank,
            "activation": serialize_activation(self.activation),
            "use_rank_weights": self.use_rank_weights,
        }

    def _weight(self, name: str, shape: Shape) -> Any:
        # Each term is initialised by itself.
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=block_initializer(self.kernel_initializer, name, self.rank),
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
