"""The attention of a target to a history."""

from collections.abc import Sequence
from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._masks import apply_mask, masked_softmax
from keras_hadamard.layers.high_order.dice import Dice


@serializable
class TargetAttention(BaseLayer):
    """Sum of a history, weighted by its products with a target (the attention of DIN).

    `y = sum_j a_j h_j with a_j = MLP([t; h_j; t - h_j; t * h_j])`, where `t` is the embedding of
    the item in question and `h_j` those of the items of a user's history. There is no softmax, so
    that a history with many similar items gives a greater sum; that is the point of the paper.

    Args:
        hidden_units: Sequence of integers, the widths of the hidden layers of the MLP. Defaults to
            `(32,)`.
        activation: Name or function of the hidden layers' activation, or `"dice"` for the layer
            `Dice`. Defaults to `"relu"`.
        use_softmax: Boolean, whether the weights are a softmax over the history. Defaults to
            `False`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: List `[target, history]`.
        mask: List of the masks of both, of which the one of the history is used.
        training: Boolean, whether `Dice` takes the statistics of the batch. Defaults to `None`.

    Input shape:
        `(batch, width)` and `(batch, steps, width)`.

    Output shape:
        `(batch, width)`.

    Weights:
        `sum((m + 1) * n for m, n in zip([4 * width, *hidden_units], [*hidden_units, 1])) +
        sum(hidden_units) * (activation == "dice")`.

    Masking:
        Masked steps get no weight; without any valid step the output is zero. No mask is passed on.

    Numerics:
        The weights and the sum are float32 under 16-bit policies.

    Raises:
        ValueError: If an argument is out of range or the inputs do not fit together.

    Example:

    >>> target, history = keras.ops.ones((4, 8)), keras.ops.ones((4, 20, 8))
    >>> keras_hadamard.layers.TargetAttention((16,), "dice")([target, history]).shape
    TensorShape([4, 8])

    Reference:
        - [Deep Interest Network for Click-Through Rate Prediction (Zhou et al., 2018)](
          https://arxiv.org/abs/1706.06978)
    """

    def __init__(
        self,
        hidden_units: Sequence[int] = (32,),
        activation: Activation = "relu",
        use_softmax: bool = False,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.hidden_units = [positive_int("hidden_units", n) for n in hidden_units]
        # The name of a layer, not of a function.
        self.activation: Any = activation if activation == "dice" else get_activation(activation)
        self.use_softmax = bool(use_softmax)

    def build(self, input_shape: Any) -> None:
        _, width = self._checked(input_shape)
        below = 4 * width
        self.hidden: list[keras.layers.Dense] = []
        self.dices: list[Dice] = []
        dice = self.activation == "dice"
        for n, units in enumerate(self.hidden_units):
            shape = (None, None, below)
            act = None if dice else self.activation
            self.hidden.append(
                self.project(units, f"hidden_{n}", activation=act, input_shape=shape)
            )
            if dice:
                self.dices.append(Dice(name=f"dice_{n}", dtype=self.dtype_policy))
                self.dices[-1].build((None, None, units))
            below = units
        self.score = self.project(1, "score", input_shape=(None, None, below))

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Tensor:
        target, history = inputs
        valid = mask[1] if isinstance(mask, list | tuple) else None
        history = apply_mask(history, valid)
        target = ops.broadcast_to(ops.expand_dims(target, 1), ops.shape(history))
        x = ops.concatenate([target, history, target - history, target * history], axis=-1)
        for n, hidden in enumerate(self.hidden):
            x = hidden(x)
            if self.dices:
                x = self.dices[n](x, training=training)
        dtype = accumulation_dtype(self.compute_dtype)
        weights = ops.cast(self.score(x), dtype)
        if valid is not None:
            valid = ops.expand_dims(ops.cast(valid, "bool"), -1)
        if self.use_softmax:
            weights = masked_softmax(weights, valid, 1)
        elif valid is not None:
            weights = ops.where(valid, weights, 0)
        y = ops.sum(weights * ops.cast(history, dtype), axis=1)
        return ops.cast(y, self.compute_dtype)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        return None

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return self._checked(input_shape)

    def get_config(self) -> dict[str, Any]:
        act = self.activation
        return {
            **super().get_config(),
            "hidden_units": list(self.hidden_units),
            "activation": act if act == "dice" else serialize_activation(act),
            "use_softmax": self.use_softmax,
        }

    def _checked(self, input_shape: Any) -> tuple[int | None, int]:
        shapes = [tuple(s) if isinstance(s, list | tuple) else (s,) for s in input_shape]
        if (
            [len(s) for s in shapes] != [2, 3]
            or shapes[0][-1] is None
            or shapes[0][-1] != shapes[1][-1]
        ):
            raise received(
                f"`{type(self).__name__}` to be called on a list [target, history] of "
                "(batch, width) and (batch, steps, width) of the same known width",
                shapes=input_shape,
            )
        return shapes[0][0], shapes[0][1]
