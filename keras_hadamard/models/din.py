"""Deep interest network: a history is weighed by what it has to do with the target."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_hadamard._core.checks import fraction, positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers import TargetAttention
from keras_hadamard.models._columns import (
    DICE,
    ColumnsModel,
    Fields,
    joined,
    predictions,
    tower,
    tower_activation,
    tower_config,
    widths,
)


@serializable
class DIN(ColumnsModel):
    """Deep interest network (DIN) on named columns: attention of a target to histories.

    `sum_j a_j h_j with a_j = MLP([t; h_j; t - h_j; t * h_j])` for each sequence `h` and its target
    `t`, the embedding of the category whose ids it shares: the items that somebody has seen, and
    the one that is offered. Without a softmax, as in the paper, the sum keeps how strong the
    interest is. A tower reads it beside the embeddings of all other columns.

    Args:
        columns: List of `NumberColumn`, `CategoryColumn` and `SequenceColumn`, as `columns_of`
            makes it of a table.
        classes: Integer, the width of the output, or `None` for what it would be made of. Defaults
            to `1`.
        embedding_dim: Integer, the width of the columns' embeddings, of those that have no other.
            Defaults to `16`.
        embedding_regularizer: Regularizer of the embeddings, such as `"l2"`, without which those
            of rare values learn single rows by heart. Defaults to `None`.
        targets: Mapping from names of sequences to those of their targets, of the same width.
            Defaults to `None`: the category whose ids a sequence shares, if there is one; the mean
            of other sequences is taken.
        attention_units: Sequence of integers, the hidden widths of the attention. Defaults to
            `(64,)`.
        attention_activation: Name or function of its activation, or `"dice"`. Defaults to
            `"dice"`.
        use_softmax: Boolean, whether the weights of a history are shares of one. Defaults to
            `False`.
        hidden_units: Sequence of integers, the widths of the tower. Defaults to `(200, 80)`.
        activation: Name or function of the tower's activation, or `"dice"`. Defaults to `"dice"`.
        dropout: Float, the rate of the dropout after each layer of the tower. Defaults to `0.0`.
        classifier_activation: Name or function of the output's activation, `None` for logits.
            Defaults to `"sigmoid"`.
        weights: Path of a weights file to load. Defaults to `None`.
        name: String, the name of the model. Defaults to `"din"`.

    Raises:
        ValueError: If an argument is out of range, or no sequence has a target of its width.

    Example:

    >>> columns = [
    ...     keras_hadamard.models.CategoryColumn("item", vocabulary=("a", "b", "c")),
    ...     keras_hadamard.models.SequenceColumn("seen", shares="item"),
    ...     keras_hadamard.models.NumberColumn("price"),
    ... ]
    >>> model = keras_hadamard.models.DIN(columns, hidden_units=(8,))
    >>> model(model.encode({"item": ["a", "d"], "seen": [["b"], []], "price": [1.0, 2.0]})).shape
    TensorShape([2, 1])

    Reference:
        - [Deep Interest Network for Click-Through Rate Prediction (Zhou et al., 2018)](
          https://arxiv.org/abs/1706.06978)
    """

    def __init__(
        self,
        columns: Sequence[Any],
        classes: int | None = 1,
        embedding_dim: int = 16,
        embedding_regularizer: Any = None,
        targets: Mapping[str, str] | None = None,
        attention_units: Sequence[int] = (64,),
        attention_activation: Activation = DICE,
        use_softmax: bool = False,
        hidden_units: Sequence[int] = (200, 80),
        activation: Activation = DICE,
        dropout: float = 0.0,
        classifier_activation: Activation = "sigmoid",
        weights: str | Path | None = None,
        name: str | None = "din",
    ) -> None:
        classes = None if classes is None else positive_int("classes", classes)
        attention_units = widths("attention_units", attention_units)
        attention_activation = tower_activation(attention_activation)
        hidden_units = widths("hidden_units", hidden_units)
        activation = tower_activation(activation)
        dropout = fraction("dropout", dropout)
        classifier_activation = get_activation(classifier_activation)

        fields = Fields(columns, embedding_dim, embedding_regularizer)
        target_of = _targets(fields, targets)
        seen = []
        for column in fields.columns:
            if column.name not in target_of:
                seen.append(fields.field(column))
                continue
            attention = TargetAttention(
                attention_units,
                attention_activation,
                bool(use_softmax),
                name=f"{column.name}_attention",
            )
            target = fields.embedded[target_of[column.name]]
            pair = [target, fields.embedded[column.name]]
            seen.append(attention(pair, mask=[None, fields.mask(column)]))
        y = tower(joined(seen), hidden_units, activation, dropout, "hidden")
        super().__init__(
            fields,
            predictions(y, classes, classifier_activation),
            arguments={
                "columns": fields.configs,
                "classes": classes,
                "embedding_dim": embedding_dim,
                "embedding_regularizer": fields.regularizer_config,
                "targets": None if targets is None else dict(targets),
                "attention_units": attention_units,
                "attention_activation": tower_config(attention_activation),
                "use_softmax": bool(use_softmax),
                "hidden_units": hidden_units,
                "activation": tower_config(activation),
                "dropout": dropout,
                "classifier_activation": serialize_activation(classifier_activation),
            },
            weights=weights,
            name=name,
        )


def _targets(fields: Fields, targets: Mapping[str, str] | None) -> dict[str, str]:
    """The target of each sequence that has one, after a check that they fit together."""
    kinds = {column.name: column.kind for column in fields.columns}
    if targets is None:
        shared = {c.name: c.shares for c in fields.columns if c.kind == "sequence" and c.shares}
        targets = {name: owner for name, owner in shared.items() if kinds[owner] == "category"}
    fit = all(
        kinds.get(name) == "sequence"
        and kinds.get(target) == "category"
        and fields.embedded[name].shape[-1] == fields.embedded[target].shape[-1]
        for name, target in targets.items()
    )
    if not targets or not fit:
        raise received(
            "a sequence with a category as its target, both of one width",
            targets=dict(targets),
            columns=kinds,
        )
    return dict(targets)
