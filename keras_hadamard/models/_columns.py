"""Recommender models on named columns: ids of categories, their embeddings, and both ends."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers import Dice
from keras_hadamard.layers._masks import masked_mean
from keras_hadamard.models._published import PublishedModel, float_policy, model_input
from keras_hadamard.models.columns import (
    checked,
    config_of,
    is_missing,
    kind_of,
    plain,
    values_of,
)

# The activation that is a layer with weights.
DICE = "dice"


@serializable
class KnownNumbers(keras.layers.Layer):
    """Zero, the mean of standardised numbers, in place of NaN."""

    def call(self, inputs: Tensor) -> Tensor:
        return ops.where(ops.isnan(inputs), ops.zeros_like(inputs), inputs)


@serializable
class SmallIds(keras.layers.Layer):
    """Integers below a size, one up: 0 stands for all others, as for missing ones."""

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.size = size

    def call(self, inputs: Tensor) -> Tensor:
        known = ops.logical_and(inputs >= 0, inputs < self.size)
        return ops.where(known, inputs + 1, ops.zeros_like(inputs))

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["autocast"]
        return {**config, "size": self.size}


class ColumnsModel(PublishedModel):
    """A model of the ids and standardised numbers of named columns.

    `encode` makes them of a table. Strings and lookups are no work for a graphics card or XLA, so
    they are not in the network that is trained; `with_preprocessing` puts them before it.
    """

    def __init__(self, inputs: Any, outputs: Tensor, **kwargs: Any) -> None:
        named = isinstance(inputs, Fields)
        super().__init__(inputs.inputs if named else inputs, outputs, **kwargs)
        self.columns = inputs.columns if named else []

    # Not an attribute that Keras sees, which would make it a part of this model.
    @cached_property
    def preprocessing(self) -> keras.Model:
        """The Keras model from the columns of a table to the inputs of this model."""
        if not self.columns:
            raise received("a model that was made of columns", model=self.name)
        return preprocessing(self.columns)

    def encode(self, frame: Any) -> dict[str, np.ndarray]:
        """The inputs of this model for the rows of a table, for `fit`, `predict` and `evaluate`.

        Args:
            frame: A pandas `DataFrame`, or a mapping from names to arrays or lists.

        Returns:
            Dict from the names of the columns to arrays of ids and standardised numbers.
        """
        layers, columns = self.preprocessing, self.columns
        raw = {c.name: _raw(c, owner_of(c, columns), frame) for c in columns}
        with keras.device("cpu"):
            tensors = {name: ops.convert_to_tensor(values) for name, values in raw.items()}
            return {k: np.asarray(v) for k, v in layers(tensors).items()}

    def with_preprocessing(self) -> keras.Model:
        """This model behind its `preprocessing`: from the columns of a table to scores.

        It shares the weights, and is what a server is given.
        """
        layers, inputs = self.preprocessing, preprocessing_inputs(self.columns)
        return keras.Model(inputs, self(layers(inputs)), name=f"raw_{self.name}")


def owner_of(column: Any, columns: list[Any]) -> Any:
    """The column whose ids and embedding a column has."""
    owner = getattr(column, "shares", None)
    return column if owner is None else next(c for c in columns if c.name == owner)


def raw_dtype(owner: Any) -> str:
    if owner.kind == "number":
        return "float32"
    if owner.size is not None:
        return "int64"
    if owner.buckets is not None:
        return str(owner.dtype)
    return "string" if isinstance(owner.vocabulary[0], str) else "int64"


def preprocessing_inputs(columns: list[Any]) -> dict[str, Any]:
    return {
        column.name: keras.Input(
            (None,) if column.kind == "sequence" else (),
            dtype=raw_dtype(owner_of(column, columns)),
            name=column.name,
        )
        for column in columns
    }


def preprocessing(columns: list[Any]) -> keras.Model:
    """The model from raw columns to ids and standardised numbers, of Keras's own layers."""
    inputs, outputs = preprocessing_inputs(columns), {}
    lookups: dict[str, keras.layers.Layer] = {}
    for column in columns:
        x, owner = inputs[column.name], owner_of(column, columns)
        if column.kind == "number":
            # Keras divides by the root of the variance, whatever it is.
            variance = column.variance or 1.0
            standard = keras.layers.Normalization(
                axis=None,
                mean=column.mean,
                variance=variance,
                dtype="float32",
                name=f"{column.name}_standard",
            )
            known = KnownNumbers(dtype="float32", name=f"{column.name}_known")
            outputs[column.name] = known(standard(x))
            continue
        if owner.name not in lookups:
            lookups[owner.name] = _lookup(owner)
        outputs[column.name] = lookups[owner.name](x)
    return keras.Model(inputs, outputs, name="preprocessing")


def _lookup(column: Any) -> keras.layers.Layer:
    name = f"{column.name}_ids"
    if column.size is not None:
        return SmallIds(column.size, name=name)
    strings = raw_dtype(column) == "string"
    missing: Any = "" if strings else -1
    if column.buckets is not None:
        return keras.layers.Hashing(column.buckets, mask_value=missing, name=name)
    known = list(column.vocabulary)
    if strings:
        unseen = "[unseen]"
        while unseen in known:
            unseen = f"[{unseen}]"
        return keras.layers.StringLookup(
            vocabulary=known, mask_token="", oov_token=unseen, name=name
        )
    other = next(i for i in range(-2, -3 - len(known), -1) if i not in known)
    return keras.layers.IntegerLookup(vocabulary=known, mask_token=-1, oov_token=other, name=name)


def _raw(column: Any, owner: Any, frame: Any) -> np.ndarray:
    """A column of a table as an array without missing values, sequences padded at their end."""
    values, dtype = values_of(frame, column.name), raw_dtype(owner)
    if dtype == "float32":
        return values.astype("float32")
    missing: Any = "" if dtype == "string" else -1

    def known(value: Any) -> Any:
        value = missing if is_missing(value) else plain(value)
        if isinstance(value, str) != (dtype == "string"):
            raise received(
                f"values of the column {column.name!r} as {dtype}", value=value, dtype=dtype
            )
        return value

    of_numpy: Any = str if dtype == "string" else "int64"
    if column.kind == "category":
        return np.array([known(value) for value in values.tolist()], of_numpy)
    if len(values) and kind_of(values) != "sequence":
        raise received(f"a sequence in each row of {column.name!r}", dtype=str(values.dtype))
    rows = [
        [] if not isinstance(row, list | tuple | np.ndarray) else list(row)[-(column.length or 0) :]
        for row in values
    ]
    longest = max([1, *(len(row) for row in rows)])
    padded = [[known(v) for v in row] + [missing] * (longest - len(row)) for row in rows]
    return np.array(padded, of_numpy).reshape(len(rows), longest)


class Fields:
    """The inputs of a model of columns, and their embeddings, which are made once each.

    A number `z` is a field `z v` with a learned vector `v`, a category its embedding, a sequence
    the mean of its embeddings.
    """

    def __init__(
        self, columns: Any, embedding_dim: int, embedding_regularizer: Any = None, fewest: int = 1
    ) -> None:
        self.columns = checked(columns)
        if len(self.columns) < fewest:
            raise received(f"`columns` to be at least {fewest}", columns=self.columns)
        self.embedding_dim = positive_int("embedding_dim", embedding_dim)
        self.regularizer = keras.regularizers.get(embedding_regularizer)
        self.inputs = {
            column.name: model_input((), column.name)
            if column.kind == "number"
            else keras.Input(
                (None,) if column.kind == "sequence" else (), dtype="int32", name=column.name
            )
            for column in self.columns
        }
        self._tables: dict[tuple[str, int | None], keras.layers.Embedding] = {}
        self.embedded = {column.name: self.embed(column) for column in self.columns}

    @property
    def configs(self) -> list[dict[str, Any]]:
        return [config_of(column) for column in self.columns]

    @property
    def regularizer_config(self) -> Any:
        return regularizer_config(self.regularizer)

    def embed(self, column: Any, width: int | None = None) -> Tensor:
        """The vector of a column, or of each step of a sequence."""
        owner = owner_of(column, self.columns)
        x, what = self.inputs[column.name], "embedding" if width is None else "weight"
        units = width or owner.embedding_dim or self.embedding_dim
        if column.kind == "number":
            dense = keras.layers.Dense(
                units,
                use_bias=False,
                kernel_regularizer=self.regularizer,
                name=f"{column.name}_{what}",
            )
            return dense(keras.layers.Reshape((1,), name=f"{column.name}_{what}_number")(x))
        key = (owner.name, width)
        if key not in self._tables:
            self._tables[key] = keras.layers.Embedding(
                ids_of(owner),
                units,
                embeddings_regularizer=self.regularizer,
                name=f"{owner.name}_{what}",
            )
        return self._tables[key](x)

    def mask(self, column: Any) -> Tensor:
        """Where a sequence has values."""
        return self.inputs[column.name] > 0

    def field(self, column: Any) -> Tensor:
        """One vector of a column: the mean of a sequence."""
        x = self.embedded[column.name]
        return self._mean(column, x) if column.kind == "sequence" else x

    def _mean(self, column: Any, x: Tensor) -> Tensor:
        wide = ops.cast(x, accumulation_dtype(x.dtype))
        return ops.cast(ops.squeeze(masked_mean(wide, self.mask(column), (1,)), 1), x.dtype)

    def side_by_side(self) -> Tensor:
        """All fields as one vector, whatever their widths."""
        return joined([self.field(column) for column in self.columns])

    def stacked(self) -> Tensor:
        """All fields as (batch, fields, embedding_dim); those of other widths are projected."""
        fields = []
        for column in self.columns:
            x = self.field(column)
            if x.shape[-1] != self.embedding_dim:
                x = keras.layers.Dense(
                    self.embedding_dim, use_bias=False, name=f"{column.name}_projection"
                )(x)
            fields.append(x)
        return ops.stack(fields, axis=1)

    def linear(self, units: int = 1) -> Tensor:
        """`sum_i w_i x_i` over all numbers and categories, (batch, units)."""
        terms = []
        for column in self.columns:
            x = self.embed(column, units)
            terms.append(self._mean(column, x) if column.kind == "sequence" else x)
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total


def regularizer_config(regularizer: Any) -> Any:
    return keras.regularizers.serialize(keras.regularizers.get(regularizer))


def ids_of(column: Any) -> int:
    """The number of ids, that of missing values included."""
    if column.size is not None:
        return int(column.size) + 1
    return int(column.buckets or len(column.vocabulary) + 2)


def joined(tensors: list[Tensor]) -> Tensor:
    return tensors[0] if len(tensors) == 1 else ops.concatenate(tensors, axis=-1)


def widths(name: str, units: Any) -> tuple[int, ...]:
    """The widths of a tower, after a check."""
    if not isinstance(units, list | tuple):
        raise received(f"`{name}` to be a sequence of integers", **{name: units})
    return tuple(positive_int(name, each) for each in units)


def tower(
    x: Tensor, units: Sequence[int], activation: Activation, dropout: float, name: str
) -> Tensor:
    """Dense layers, each with its activation, `"dice"` too, and dropout."""
    for n, width in enumerate(units):
        if activation == DICE:
            x = Dice(name=f"{name}_dice_{n}")(keras.layers.Dense(width, name=f"{name}_{n}")(x))
        else:
            x = keras.layers.Dense(width, activation=activation, name=f"{name}_{n}")(x)
        if dropout:
            x = keras.layers.Dropout(dropout, name=f"{name}_dropout_{n}")(x)
    return x


def tower_activation(activation: Activation) -> Activation:
    """An activation, after a check; `"dice"` is a layer with weights."""
    return DICE if activation == DICE else get_activation(activation)


def tower_config(activation: Activation) -> Any:
    return DICE if activation == DICE else serialize_activation(get_activation(activation))


def predictions(
    y: Tensor, classes: int | None, activation: Activation, linear: Tensor | None = None
) -> Tensor:
    """The scores, or, for `None`, what they would be made of.

    Scores are float32 under every policy, so that clients of a server can read them.
    """
    if classes is None:
        return y
    if linear is None:
        dense = keras.layers.Dense(
            classes, activation=activation, dtype=float_policy(), name="predictions"
        )
        return dense(y)
    deep = keras.layers.Dense(classes, dtype=float_policy(), name="deep_logits")(y)
    both = keras.layers.Add(dtype=float_policy(), name="logits")([deep, linear])
    return keras.layers.Activation(activation, dtype=float_policy(), name="predictions")(both)
