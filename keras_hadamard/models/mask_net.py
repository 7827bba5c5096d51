"""MaskNet: hidden layers behind masks of the example's embeddings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from keras_hadamard._core.checks import fraction, one_of, positive_int, positive_number
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers import MaskBlock
from keras_hadamard.models._columns import (
    ColumnsModel,
    Fields,
    joined,
    predictions,
    tower,
    tower_activation,
    tower_config,
    widths,
)

STRUCTURES = ("serial", "parallel")


@serializable
class MaskNet(ColumnsModel):
    """MaskNet on named columns: blocks `relu(N(W (m * h)))` with a mask `m` of the embeddings.

    `m = W_2 relu(W_1 e + b_1) + b_2`, where `e` are the embeddings of all columns side by side. In
    a serial network, a block's `h` is the output of the one before it; in a parallel one, all
    blocks read the embeddings, each column's after a layer normalisation, and their outputs are
    concatenated. A tower may follow.

    Args:
        columns: List of `NumberColumn`, `CategoryColumn` and `SequenceColumn`, as `columns_of`
            makes it of a table.
        classes: Integer, the width of the output, or `None` for what it would be made of. Defaults
            to `1`.
        embedding_dim: Integer, the width of the columns' embeddings, of those that have no other.
            Defaults to `16`.
        embedding_regularizer: Regularizer of the embeddings, such as `"l2"`, without which those
            of rare values learn single rows by heart. Defaults to `None`.
        structure: `"serial"` or `"parallel"`. Defaults to `"serial"`.
        blocks: Integer, the number of blocks. Defaults to `3`.
        block_units: Integer, the width of a block. Defaults to `64`.
        ratio: Number, the width between `W_1` and `W_2` in widths of the mask. Defaults to `1`.
        hidden_units: Sequence of integers, the widths of the tower after the blocks. Defaults to
            `()`, none.
        activation: Name or function of the tower's activation, or `"dice"`. Defaults to `"relu"`.
        dropout: Float, the rate of the dropout after each layer of the tower. Defaults to `0.0`.
        classifier_activation: Name or function of the output's activation, `None` for logits.
            Defaults to `"sigmoid"`.
        weights: Path of a weights file to load. Defaults to `None`.
        name: String, the name of the model. Defaults to `"mask_net"`.

    Raises:
        ValueError: If an argument is out of range.

    Example:

    >>> columns = [
    ...     keras_hadamard.models.CategoryColumn("item", vocabulary=("a", "b", "c")),
    ...     keras_hadamard.models.SequenceColumn("seen", shares="item"),
    ...     keras_hadamard.models.NumberColumn("price"),
    ... ]
    >>> model = keras_hadamard.models.MaskNet(columns, structure="parallel", block_units=8)
    >>> model(model.encode({"item": ["a", "d"], "seen": [["b"], []], "price": [1.0, 2.0]})).shape
    TensorShape([2, 1])

    Reference:
        - [MaskNet: Introducing Feature-Wise Multiplication to CTR Ranking Models by Instance-Guided
          Mask (Wang et al., 2021)](https://arxiv.org/abs/2102.07619)
    """

    def __init__(
        self,
        columns: Sequence[Any],
        classes: int | None = 1,
        embedding_dim: int = 16,
        embedding_regularizer: Any = None,
        structure: str = "serial",
        blocks: int = 3,
        block_units: int = 64,
        ratio: float = 1,
        hidden_units: Sequence[int] = (),
        activation: Activation = "relu",
        dropout: float = 0.0,
        classifier_activation: Activation = "sigmoid",
        weights: str | Path | None = None,
        name: str | None = "mask_net",
    ) -> None:
        classes = None if classes is None else positive_int("classes", classes)
        one_of("structure", structure, STRUCTURES)
        blocks = positive_int("blocks", blocks)
        block_units = positive_int("block_units", block_units)
        ratio = positive_number("ratio", ratio)
        hidden_units = widths("hidden_units", hidden_units)
        activation = tower_activation(activation)
        dropout = fraction("dropout", dropout)
        classifier_activation = get_activation(classifier_activation)

        fields = Fields(columns, embedding_dim, embedding_regularizer)
        e = fields.side_by_side()
        normalized = joined(
            [
                keras.layers.LayerNormalization(epsilon=1e-5, name=f"{column.name}_norm")(
                    fields.field(column)
                )
                for column in fields.columns
            ]
        )
        h, outputs = normalized, []
        for n in range(blocks):
            h = MaskBlock(block_units, ratio, name=f"block_{n}")(
                [h if structure == "serial" else normalized, e]
            )
            outputs.append(h)
        y = h if structure == "serial" else joined(outputs)
        y = tower(y, hidden_units, activation, dropout, "hidden")
        super().__init__(
            fields,
            predictions(y, classes, classifier_activation),
            arguments={
                "columns": fields.configs,
                "classes": classes,
                "embedding_dim": embedding_dim,
                "embedding_regularizer": fields.regularizer_config,
                "structure": structure,
                "blocks": blocks,
                "block_units": block_units,
                "ratio": ratio,
                "hidden_units": hidden_units,
                "activation": tower_config(activation),
                "dropout": dropout,
                "classifier_activation": serialize_activation(classifier_activation),
            },
            weights=weights,
            name=name,
        )
