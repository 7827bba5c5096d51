"""FiBiNET: weighed fields and bilinear products of their pairs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from keras_hadamard._core.checks import fraction, one_of, positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers import BilinearInteraction, FieldSqueezeExcite
from keras_hadamard.models._columns import (
    ColumnsModel,
    Fields,
    predictions,
    tower,
    tower_activation,
    tower_config,
    widths,
)

TYPES = ("field_all", "field_each", "field_interaction")


@serializable
class FiBiNET(ColumnsModel):
    """FiBiNET on named columns: products of all pairs of fields, before and after gates of fields.

    The fields `v_i`, numbers, categories and the means of sequences, give `(v_i W) * v_j` for all
    pairs; so do the gated fields `v_i relu(W_2 relu(W_1 z))`, with `z` the mean of each field. A
    tower reads both, and a weight for each number and category is added.

    Args:
        columns: List of `NumberColumn`, `CategoryColumn` and `SequenceColumn`, as `columns_of`
            makes it of a table.
        classes: Integer, the width of the output, or `None` for what it would be made of. Defaults
            to `1`.
        embedding_dim: Integer, the width of the columns' embeddings, of those that have no other.
            Defaults to `16`.
        embedding_regularizer: Regularizer of the embeddings, such as `"l2"`, without which those
            of rare values learn single rows by heart. Defaults to `None`.
        bilinear_type: `"field_all"`, one `W`, `"field_each"`, one for each left field, or
            `"field_interaction"`, one for each pair. Defaults to `"field_interaction"`.
        ratio: Integer, by which the fields are divided to give the width between `W_1` and `W_2`.
            Defaults to `3`.
        hidden_units: Sequence of integers, the widths of the tower. Defaults to `(400, 400, 400)`.
        activation: Name or function of the tower's activation, or `"dice"`. Defaults to `"relu"`.
        dropout: Float, the rate of the dropout after each layer of the tower. Defaults to `0.0`.
        classifier_activation: Name or function of the output's activation, `None` for logits.
            Defaults to `"sigmoid"`.
        weights: Path of a weights file to load. Defaults to `None`.
        name: String, the name of the model. Defaults to `"fibinet"`.

    Raises:
        ValueError: If an argument is out of range, or there are fewer than two columns.

    Example:

    >>> columns = [
    ...     keras_hadamard.models.CategoryColumn("item", vocabulary=("a", "b", "c")),
    ...     keras_hadamard.models.SequenceColumn("seen", shares="item"),
    ...     keras_hadamard.models.NumberColumn("price"),
    ... ]
    >>> model = keras_hadamard.models.FiBiNET(columns, hidden_units=(8,))
    >>> model(model.encode({"item": ["a", "d"], "seen": [["b"], []], "price": [1.0, 2.0]})).shape
    TensorShape([2, 1])

    Reference:
        - [FiBiNET: Combining Feature Importance and Bilinear Feature Interaction for Click-Through
          Rate Prediction (Huang et al., 2019)](https://arxiv.org/abs/1905.09433)
    """

    def __init__(
        self,
        columns: Sequence[Any],
        classes: int | None = 1,
        embedding_dim: int = 16,
        embedding_regularizer: Any = None,
        bilinear_type: str = "field_interaction",
        ratio: int = 3,
        hidden_units: Sequence[int] = (400, 400, 400),
        activation: Activation = "relu",
        dropout: float = 0.0,
        classifier_activation: Activation = "sigmoid",
        weights: str | Path | None = None,
        name: str | None = "fibinet",
    ) -> None:
        classes = None if classes is None else positive_int("classes", classes)
        one_of("bilinear_type", bilinear_type, TYPES)
        ratio = positive_int("ratio", ratio)
        hidden_units = widths("hidden_units", hidden_units)
        activation = tower_activation(activation)
        dropout = fraction("dropout", dropout)
        classifier_activation = get_activation(classifier_activation)

        fields = Fields(columns, embedding_dim, embedding_regularizer, fewest=2)
        x = fields.stacked()
        gated = FieldSqueezeExcite(ratio, name="gates")(x)
        products = [
            BilinearInteraction(bilinear_type, name="products")(x),
            BilinearInteraction(bilinear_type, name="gated_products")(gated),
        ]
        y = keras.layers.Flatten(name="flat")(keras.layers.Concatenate(axis=1)(products))
        y = tower(y, hidden_units, activation, dropout, "hidden")
        linear = None if classes is None else fields.linear(classes)
        super().__init__(
            fields,
            predictions(y, classes, classifier_activation, linear),
            arguments={
                "columns": fields.configs,
                "classes": classes,
                "embedding_dim": embedding_dim,
                "embedding_regularizer": fields.regularizer_config,
                "bilinear_type": bilinear_type,
                "ratio": ratio,
                "hidden_units": hidden_units,
                "activation": tower_config(activation),
                "dropout": dropout,
                "classifier_activation": serialize_activation(classifier_activation),
            },
            weights=weights,
            name=name,
        )
