"""The products of fields in recommender models."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import keras
from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.typing import Activation, Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._kernel_free import KernelFreeLayer
from keras_hadamard.layers._masks import apply_mask, masked_softmax
from keras_hadamard.layers._normalization import BatchNormalization

DICE = "dice"
PAIR_KERNELS = ("all", "each", "pair")


class FieldPairs(BaseLayer):
    """`(v_i W) * v_j` of all pairs of fields: one `W`, or one for each left field or each pair."""

    def __init__(self, kernels: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kernels = kernels

    def build(self, input_shape: Shape) -> None:
        fields, width = int(input_shape[1] or 0), int(input_shape[2] or 0)
        self.left, self.right = zip(*combinations(range(fields), 2), strict=True)
        count = {"all": (), "each": (fields - 1,), "pair": (len(self.left),)}[self.kernels]
        self.kernel = self.add_weight(
            name="kernel", shape=(*count, width, width), initializer=self.kernel_initializer
        )

    def call(self, inputs: Tensor) -> Tensor:
        right = ops.take(inputs, self.right, axis=1)
        if self.kernels == "all":
            return ops.take(ops.matmul(inputs, self.kernel), self.left, axis=1) * right
        if self.kernels == "each":
            projected = ops.einsum("bfe,feo->bfo", inputs[:, :-1], self.kernel)
            return ops.take(projected, self.left, axis=1) * right
        left = ops.take(inputs, self.left, axis=1)
        return ops.einsum("bpe,peo->bpo", left, self.kernel) * right


class FieldGates(BaseLayer):
    """`v * relu(W_2 relu(W_1 z))` with `z` the mean of each field, without biases (SENET)."""

    def __init__(self, ratio: int, **kwargs: Any) -> None:
        super().__init__(use_bias=False, **kwargs)
        self.ratio = ratio

    def build(self, input_shape: Shape) -> None:
        fields = int(input_shape[1] or 0)
        hidden = max(1, fields // self.ratio)
        self.squeeze = self.project(
            hidden, "squeeze", activation="relu", input_shape=(None, fields)
        )
        self.excite = self.project(fields, "excite", activation="relu", input_shape=(None, hidden))

    def call(self, inputs: Tensor) -> Tensor:
        return inputs * self.excite(self.squeeze(ops.mean(inputs, axis=-1)))[..., None]


class InstanceMaskedDense(BaseLayer):
    """`relu(N(W (m * h)))` with `m = W_2 relu(W_1 e + b_1) + b_2` of the embeddings `e`."""

    def __init__(self, units: int, ratio: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.ratio = units, ratio

    def build(self, input_shape: list[Shape]) -> None:
        embeddings, hidden = input_shape
        width = int(hidden[-1] or 0)
        inner = max(1, int(width * self.ratio))
        self.aggregation = self.project(
            inner, "aggregation", activation="relu", input_shape=embeddings
        )
        self.mask_projection = self.project(width, "mask_projection", input_shape=(None, inner))
        self.projection = self.project(self.units, "projection", use_bias=False, input_shape=hidden)
        self.normalization = keras.layers.LayerNormalization(
            epsilon=1e-5, dtype=self.dtype_policy, name="normalization"
        )
        self.normalization.build((None, self.units))

    def call(self, inputs: list[Tensor]) -> Tensor:
        embeddings, hidden = inputs
        mask = self.mask_projection(self.aggregation(embeddings))
        return ops.relu(self.normalization(self.projection(mask * hidden)))


class StreamProducts(BaseLayer):
    """`w_x x + w_y y + b + sum_h x_h W_h y_h` of two vectors, each in as many parts as heads."""

    def __init__(self, units: int, heads: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.heads = units, heads

    def build(self, input_shape: list[Shape]) -> None:
        parts = [int(shape[-1] or 0) // self.heads for shape in input_shape]
        self.first = self.project(self.units, "first", input_shape=input_shape[0])
        self.second = self.project(self.units, "second", use_bias=False, input_shape=input_shape[1])
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.heads, parts[0], self.units, parts[1]),
            initializer=self.kernel_initializer,
        )

    def call(self, inputs: list[Tensor]) -> Tensor:
        x, y = inputs
        x_heads, y_heads = (
            ops.reshape(z, (-1, self.heads, z.shape[-1] // self.heads)) for z in inputs
        )
        products = ops.einsum("bhi,hiuj,bhj->bu", x_heads, self.kernel, y_heads)
        return self.first(x) + self.second(y) + products


class HistoryAttention(BaseLayer):
    """`sum_j a_j h_j with a_j = MLP([t; h_j; t - h_j; t * h_j])` of a target and a history.

    Without a softmax, the sum keeps how strong the interest is.
    """

    def __init__(
        self, hidden_units: Sequence[int], activation: Activation, softmax: bool, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.hidden_units, self.activation, self.softmax = hidden_units, activation, softmax

    def build(self, input_shape: list[Shape]) -> None:
        width = 4 * int(input_shape[0][-1] or 0)
        dice = self.activation == DICE
        self.hidden, self.activations = [], []
        for n, units in enumerate(self.hidden_units):
            self.hidden.append(
                self.project(
                    units,
                    f"hidden_{n}",
                    activation=None if dice else self.activation,
                    input_shape=(None, None, width),
                )
            )
            if dice:
                self.activations.append(Dice(dtype=self.dtype_policy, name=f"dice_{n}"))
                self.activations[-1].build((None, None, units))
            width = units
        self.score = self.project(1, "score", input_shape=(None, None, width))

    def call(
        self,
        inputs: list[Tensor],
        training: bool | None = None,
        mask: Any = None,
    ) -> Tensor:
        target, history = inputs
        valid = mask[1] if isinstance(mask, list | tuple) else mask
        history = apply_mask(history, valid)
        t = ops.broadcast_to(target[:, None], ops.shape(history))
        a = ops.concatenate([t, history, t - history, t * history], axis=-1)
        for n, dense in enumerate(self.hidden):
            a = dense(a)
            if self.activations:
                a = self.activations[n](a, training=training)
        a = ops.cast(self.score(a)[..., 0], accumulation_dtype(self.compute_dtype))
        if self.softmax:
            a = masked_softmax(a, valid, -1)
        elif valid is not None:
            a = ops.where(valid, a, 0)
        read = ops.matmul(a[:, None], ops.cast(history, a.dtype))[:, 0]
        return ops.cast(read, self.compute_dtype)

    def compute_mask(self, inputs: list[Tensor], mask: Any = None) -> None:
        return None


class Dice(KernelFreeLayer):
    """`p x + alpha (1 - p) x with p = sigmoid(N(x))`: a PReLU that turns at the data's mean."""

    def build(self, input_shape: Shape) -> None:
        self.normalization = BatchNormalization(
            momentum=0.99,
            epsilon=1e-9,
            center=False,
            scale=False,
            dtype=self.dtype_policy,
            name="normalization",
        )
        self.normalization.build(input_shape)
        self.alpha = self.add_weight(name="alpha", shape=(input_shape[-1],), initializer="zeros")

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        p = ops.sigmoid(self.normalization(inputs, training=training))
        return inputs * (self.alpha + (1 - self.alpha) * p)


class LearnedContext(KernelFreeLayer):
    """A learned vector for each example, where no column is the context."""

    def __init__(self, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width

    def build(self, input_shape: Shape) -> None:
        self.context = self.add_weight(name="context", shape=(self.width,), initializer="zeros")

    def call(self, inputs: Tensor) -> Tensor:
        return ops.broadcast_to(self.context[None], (ops.shape(inputs)[0], self.width))


def check_heads(heads: int, *widths: int) -> None:
    """Raises unless the heads divide the widths."""
    if any(width % heads for width in widths):
        raise received("`heads` that divide the widths of both streams", heads=heads, widths=widths)
