"""The factorisation machine with an embedding for each other field."""

from collections.abc import Sequence
from typing import Any, Unpack

import keras
import numpy as np
from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import (
    BaseArguments,
    Constraint,
    Initializer,
    Regularizer,
    Shape,
    Tensor,
)
from keras_hadamard.layers._kernel_free import KernelFreeLayer
from keras_hadamard.ops._inputs import values_of, whole_ids
from keras_hadamard.ops._pairs import crossed_sides


@serializable
class FieldAwareFactorizationMachine(KernelFreeLayer):
    """Products of categories' embeddings, one embedding for each other field (FFM).

    The input has a category of each field. For the fields `i < j` in the order of rows
    `y_(ij) = E_j[x_i] * E_i[x_j]`: the embedding of field i's category for field j, times that of
    field j's for field i. With `reduce` `y = sum_(i<j) <E_j[x_i], E_i[x_j]>`, the FFM's score
    without its linear part.

    Args:
        vocabulary_sizes: Sequence of integers, the number of categories of each field.
        factors: Integer, the width of an embedding.
        reduce: Boolean, whether to sum over pairs and factors. Defaults to `False`.
        embeddings_initializer: Initializer of the embeddings. Defaults to `"uniform"`.
        embeddings_regularizer: Regularizer of the embeddings. Defaults to `None`.
        embeddings_constraint: Constraint of the embeddings. Defaults to `None`.
        **kwargs: Arguments of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor of integers, the categories of each field, from 0.

    Input shape:
        `(batch, fields)`, with one field per vocabulary.

    Output shape:
        `(batch, fields * (fields - 1) / 2, factors)`, with `reduce` `(batch, 1)`.

    Weights:
        `sum(vocabulary_sizes) * len(vocabulary_sizes) * factors`.

    Masking:
        There are no masks.

    Numerics:
        All embeddings of a category are in one row, so each category is looked up once. Sums are
        float32 under 16-bit policies. Categories may be of any integer dtype, or floats with
        integer values; they are not rounded. A category outside of its vocabulary is an error in an
        eager call. In a graph, on every device and in XLA, its products are NaN.

    Raises:
        ValueError: If an argument is out of range, there are fewer than two vocabularies, the input
            has another number of fields, or a category is outside of its vocabulary.

    Example:

    >>> x = keras.ops.array([[2, 0, 3], [1, 1, 0]])
    >>> keras_hadamard.layers.FieldAwareFactorizationMachine((3, 2, 4), factors=5)(x).shape
    TensorShape([2, 3, 5])

    Reference:
        - [Field-aware Factorization Machines for CTR Prediction (Juan et al., 2016)](
          https://doi.org/10.1145/2959100.2959134)
    """

    def __init__(
        self,
        vocabulary_sizes: Sequence[int],
        factors: int,
        reduce: bool = False,
        embeddings_initializer: Initializer = "uniform",
        embeddings_regularizer: Regularizer = None,
        embeddings_constraint: Constraint = None,
        **kwargs: Unpack[BaseArguments],
    ) -> None:
        super().__init__(**kwargs)
        # Categories given as floats would be rounded to the compute dtype.
        self.autocast = False
        if not isinstance(vocabulary_sizes, list | tuple) or len(vocabulary_sizes) < 2:
            raise received(
                "`vocabulary_sizes` to be a sequence of two or more integers",
                vocabulary_sizes=vocabulary_sizes,
            )
        self.vocabulary_sizes = [positive_int("vocabulary_sizes", n) for n in vocabulary_sizes]
        self.factors = positive_int("factors", factors)
        self.reduce = bool(reduce)
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)
        self.embeddings_regularizer = keras.regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = keras.constraints.get(embeddings_constraint)

    def build(self, input_shape: Shape) -> None:
        self._check(input_shape)
        # A row is a category's embedding for each field, one after another.
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(sum(self.vocabulary_sizes), len(self.vocabulary_sizes) * self.factors),
            initializer=self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
        )

    def call(self, inputs: Tensor) -> Tensor:
        fields = len(self.vocabulary_sizes)
        categories = whole_ids(inputs)
        sizes = np.asarray(self.vocabulary_sizes, categories.dtype.name)
        known = ops.logical_and(categories >= 0, categories < sizes)
        self._check_known(known, categories)
        # A category beyond its vocabulary would be one of the next field.
        rows = ops.where(known, categories + (np.cumsum(sizes) - sizes), 0)
        met = ops.cast(ops.take(self.embeddings, rows, axis=0), self.compute_dtype)
        met = ops.where(known[..., None], met, float("nan"))
        met = ops.reshape(met, (-1, fields, fields, self.factors))
        left, right = ops.split(crossed_sides(met), 2, axis=1)
        if not self.reduce:
            return left * right
        dtype = accumulation_dtype(self.compute_dtype)
        total = ops.sum(ops.cast(left, dtype) * ops.cast(right, dtype), axis=(1, 2))
        return ops.cast(ops.expand_dims(total, -1), self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check(input_shape)
        fields = len(self.vocabulary_sizes)
        if self.reduce:
            return (input_shape[0], 1)
        return (input_shape[0], fields * (fields - 1) // 2, self.factors)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "vocabulary_sizes": self.vocabulary_sizes,
            "factors": self.factors,
            "reduce": self.reduce,
            "embeddings_initializer": keras.initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": keras.regularizers.serialize(self.embeddings_regularizer),
            "embeddings_constraint": keras.constraints.serialize(self.embeddings_constraint),
        }

    def _check_known(self, known: Tensor, categories: Tensor) -> None:
        """Raises if the values are known: not every device can raise inside a graph."""
        values = values_of(known)
        if values is None or values.all():
            return
        example, field = np.argwhere(~values)[0]
        raise received(
            f"a category of field {field} in 0, ..., {self.vocabulary_sizes[field] - 1}",
            category=int(categories[example, field]),
        )

    def _check(self, input_shape: Shape) -> None:
        if len(input_shape) != 2 or input_shape[1] != len(self.vocabulary_sizes):
            raise received(
                f"an input (batch, {len(self.vocabulary_sizes)}), one category per field",
                shape=input_shape,
            )
