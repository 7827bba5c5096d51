"""FinalMLP: two towers whose outputs are multiplied."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
from keras import ops

from keras_hadamard._core.checks import fraction, positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers import MultiHeadBilinear
from keras_hadamard.layers._kernel_free import KernelFreeLayer
from keras_hadamard.models._columns import (
    ColumnsModel,
    Fields,
    joined,
    tower,
    tower_activation,
    tower_config,
    widths,
)
from keras_hadamard.models._published import float_policy


@serializable
class LearnedContext(KernelFreeLayer):
    """A learned vector for each example, where no column is the context."""

    def __init__(self, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width

    def build(self, input_shape: Shape) -> None:
        del input_shape
        self.context = self.add_weight(name="context", shape=(self.width,), initializer="zeros")

    def call(self, inputs: Tensor) -> Tensor:
        return ops.broadcast_to(self.context[None], (ops.shape(inputs)[0], self.width))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width}


@serializable
class FinalMLP(ColumnsModel):
    """FinalMLP on named columns: two towers, and bilinear products of what they see.

    `w_x x + w_y y + b + sum_h x_h W_h y_h`, where `x` and `y` are the outputs of the towers in as
    many parts as `heads`. Each tower reads the embeddings `e` of all columns side by side times
    its own gates `2 sigmoid(MLP(c))`, where the context `c` are the embeddings of some columns: of
    the user for one, of the item for the other; without columns, it is a learned vector.

    Args:
        columns: List of `NumberColumn`, `CategoryColumn` and `SequenceColumn`, as `columns_of`
            makes it of a table.
        classes: Integer, the width of the output, or `None` for what it would be made of. Defaults
            to `1`.
        embedding_dim: Integer, the width of the columns' embeddings, of those that have no other.
            Defaults to `16`.
        embedding_regularizer: Regularizer of the embeddings, such as `"l2"`, without which those
            of rare values learn single rows by heart. Defaults to `None`.
        first_units: Sequence of integers, the widths of the first tower. Defaults to
            `(400, 400)`.
        second_units: Sequence of integers, those of the second one. Defaults to `(400, 400)`.
        heads: Integer, a divisor of both towers' last widths. Defaults to `2`.
        first_context: Names of the columns that the gates before the first tower are made of.
            Defaults to `()`.
        second_context: Names of those before the second one. Defaults to `()`.
        gate_units: Sequence of integers, the hidden widths of the gates, or `None` for no gates.
            Defaults to `(64,)`.
        activation: Name or function of the towers' activation, or `"dice"`. Defaults to `"relu"`.
        dropout: Float, the rate of the dropout after each layer of the
            towers. Defaults to `0.0`.
        classifier_activation: Name or function of the output's activation, `None` for logits.
            Defaults to `"sigmoid"`.
        weights: Path of a weights file to load. Defaults to `None`.
        name: String, the name of the model. Defaults to `"final_mlp"`.

    Raises:
        ValueError: If an argument is out of range, the heads do not divide the widths, or a context
            is no column.

    Example:

    >>> columns = [
    ...     keras_hadamard.models.CategoryColumn("item", vocabulary=("a", "b", "c")),
    ...     keras_hadamard.models.SequenceColumn("seen", shares="item"),
    ...     keras_hadamard.models.NumberColumn("price"),
    ... ]
    >>> model = keras_hadamard.models.FinalMLP(columns, first_units=(8,), second_units=(4,))
    >>> model(model.encode({"item": ["a", "d"], "seen": [["b"], []], "price": [1.0, 2.0]})).shape
    TensorShape([2, 1])

    Reference:
        - [FinalMLP: An Enhanced Two-Stream MLP Model for CTR Prediction (Mao et al., 2023)](
          https://arxiv.org/abs/2304.00902)
    """

    def __init__(
        self,
        columns: Sequence[Any],
        classes: int | None = 1,
        embedding_dim: int = 16,
        embedding_regularizer: Any = None,
        first_units: Sequence[int] = (400, 400),
        second_units: Sequence[int] = (400, 400),
        heads: int = 2,
        first_context: Sequence[str] = (),
        second_context: Sequence[str] = (),
        gate_units: Sequence[int] | None = (64,),
        activation: Activation = "relu",
        dropout: float = 0.0,
        classifier_activation: Activation = "sigmoid",
        weights: str | Path | None = None,
        name: str | None = "final_mlp",
    ) -> None:
        classes = None if classes is None else positive_int("classes", classes)
        units = (widths("first_units", first_units), widths("second_units", second_units))
        heads = positive_int("heads", heads)
        if not all(units):
            raise received("a layer in each tower", first_units=units[0], second_units=units[1])
        gate_units = None if gate_units is None else widths("gate_units", gate_units)
        activation = tower_activation(activation)
        dropout = fraction("dropout", dropout)
        classifier_activation = get_activation(classifier_activation)

        fields = Fields(columns, embedding_dim, embedding_regularizer)
        e = fields.side_by_side()
        names = {column.name: column for column in fields.columns}
        contexts = {"first": tuple(first_context), "second": tuple(second_context)}
        streams = []
        for (stream, context), hidden in zip(contexts.items(), units, strict=True):
            if unknown := sorted(set(context) - names.keys()):
                raise received(f"`{stream}_context` to be columns", unknown=unknown)
            x = e
            if gate_units is not None:
                c = (
                    joined([fields.field(names[column]) for column in context])
                    if context
                    else LearnedContext(fields.embedding_dim, name=f"{stream}_context")(e)
                )
                c = tower(c, gate_units, "relu", 0.0, f"{stream}_gate_hidden")
                gate = keras.layers.Dense(e.shape[-1], activation="sigmoid", name=f"{stream}_gate")(
                    c
                )
                x = keras.layers.Multiply(name=f"{stream}_gated")([e, 2 * gate])
            streams.append(tower(x, hidden, activation, dropout, f"{stream}_hidden"))
        if classes is None:
            y = joined(streams)
        else:
            products = MultiHeadBilinear(classes, heads, dtype=float_policy(), name="logits")
            y = keras.layers.Activation(
                classifier_activation, dtype=float_policy(), name="predictions"
            )(products(streams))
        super().__init__(
            fields,
            y,
            arguments={
                "columns": fields.configs,
                "classes": classes,
                "embedding_dim": embedding_dim,
                "embedding_regularizer": fields.regularizer_config,
                "first_units": units[0],
                "second_units": units[1],
                "heads": heads,
                "first_context": contexts["first"],
                "second_context": contexts["second"],
                "gate_units": gate_units,
                "activation": tower_config(activation),
                "dropout": dropout,
                "classifier_activation": serialize_activation(classifier_activation),
            },
            weights=weights,
            name=name,
        )
