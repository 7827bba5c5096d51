"""Deep & cross networks: explicit products of features next to, or below, a deep tower."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from keras_hadamard._core.checks import fraction, one_of, positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers import CrossNetwork, DeepCrossV3, GatedCrossNetwork, MixtureCross
from keras_hadamard.models._columns import ColumnsModel, Fields, regularizer_config
from keras_hadamard.models._published import float_policy, model_input

CROSSES = ("matrix", "low_rank", "mixture", "vector", "gated", "v3")


@serializable
class DeepCrossNetwork(ColumnsModel):
    """Deep & cross network on a vector of features (DCN, DCN-v2, DCN-Mix, GDCN, DCN-v3).

    The crosses `x_(l+1) = x_0 * (W_l x_l + b_l) + x_l` multiply features explicitly, up to
    `num_layers + 1` of them; the deep tower learns the rest. Stacked, the tower follows the
    crosses; in parallel, both read the features, and their outputs are concatenated for the
    classifier. The features are one dense vector, or the embeddings of named columns side by side.
    No checkpoints were published.

    Args:
        features: Integer, the number of features, or a list of columns (`NumberColumn`,
            `CategoryColumn`, `SequenceColumn`, as `columns_of` makes it of a table): the model's
            inputs are then what `encode` makes of a table.
        classes: Integer, the width of the output, or `None` for the input of the classifier.
            Defaults to `1`.
        structure: `"stacked"` or `"parallel"`. Defaults to `"stacked"`.
        cross: `"matrix"` (DCN-v2), `"low_rank"`, `"mixture"` (DCN-Mix), `"vector"` (DCN),
            `"gated"` (GDCN: `GatedCrossNetwork`) or `"v3"` (DCN-v3: a linear and an exponential
            `DeepCrossV3`, concatenated, for an even number of features). Defaults to `"matrix"`.
        num_layers: Integer, the number of crosses. Defaults to `3`.
        projection_dim: Integer, the rank for `"low_rank"` and `"mixture"`. Defaults to `None`, a
            quarter of the features.
        num_experts: Integer, the experts of a `"mixture"`. Defaults to `4`.
        hidden_units: Sequence of integers, the widths of the deep tower; empty for none. Defaults
            to `(128, 64)`.
        activation: Name or function of the tower's activation. Defaults to `"relu"`.
        dropout: Float, the rate of the dropout after each layer of the tower. Defaults to `0.0`.
        classifier_activation: Name or function of the output's activation, `None` for logits.
            Defaults to `"sigmoid"`.
        embedding_dim: Integer, the width of the columns' embeddings, of those that have no other.
            Defaults to `16`.
        embedding_regularizer: Regularizer of the embeddings, such as `"l2"`, without which those
            of rare values learn single rows by heart. Defaults to `None`.
        weights: Path of a weights file to load. Defaults to `None`.
        name: String, the name of the model. Defaults to `"deep_cross_network"`.

    Raises:
        ValueError: If an argument is out of range or belongs to another kind of cross.

    Example:

    >>> model = keras_hadamard.models.DeepCrossNetwork(13, cross="low_rank", structure="parallel")
    >>> model(keras.ops.zeros((4, 13))).shape
    TensorShape([4, 1])

    Reference:
        - [Deep & Cross Network for Ad Click Predictions (Wang et al., 2017)](
          https://arxiv.org/abs/1708.05123)
        - [DCN V2: Improved Deep & Cross Network (Wang et al., 2021)](
          https://arxiv.org/abs/2008.13535)
        - [Towards Deeper, Lighter and Interpretable Cross Network for CTR Prediction (Wang et al.,
          2023)](https://arxiv.org/abs/2311.04635)
        - [FCN: Fusing Exponential and Linear Cross Network for Click-Through Rate Prediction (Li et
          al., 2024)](https://arxiv.org/abs/2407.13349)
    """

    def __init__(
        self,
        features: int | Sequence[Any],
        classes: int | None = 1,
        structure: str = "stacked",
        cross: str = "matrix",
        num_layers: int = 3,
        projection_dim: int | None = None,
        num_experts: int = 4,
        hidden_units: Sequence[int] = (128, 64),
        activation: Activation = "relu",
        dropout: float = 0.0,
        classifier_activation: Activation = "sigmoid",
        embedding_dim: int = 16,
        embedding_regularizer: Any = None,
        weights: str | Path | None = None,
        name: str | None = "deep_cross_network",
    ) -> None:
        one_of("structure", structure, ("stacked", "parallel"))
        one_of("cross", cross, CROSSES)
        if not isinstance(hidden_units, list | tuple):
            raise received("`hidden_units` to be a sequence of integers", hidden_units=hidden_units)
        hidden_units = tuple(positive_int("hidden_units", units) for units in hidden_units)
        if projection_dim is not None and cross not in ("low_rank", "mixture"):
            raise received(
                '`projection_dim` only for "low_rank" and "mixture"',
                projection_dim=projection_dim,
                cross=cross,
            )
        activation = get_activation(activation)
        classifier_activation = get_activation(classifier_activation)
        dropout = fraction("dropout", dropout)

        fields: Fields | None = None
        given: Any
        if isinstance(features, list | tuple):
            fields = Fields(features, embedding_dim, embedding_regularizer)
            x, given = fields.side_by_side(), fields.configs
        else:
            given = positive_int("features", features)
            x = model_input((given,), "features")
        crossed = _crosses(x, cross, num_layers, projection_dim, num_experts)
        y = crossed if structure == "stacked" else x
        for n, units in enumerate(hidden_units):
            y = keras.layers.Dense(units, activation=activation, name=f"hidden_{n}")(y)
            if dropout:
                y = keras.layers.Dropout(dropout, name=f"dropout_{n}")(y)
        if structure == "parallel" and hidden_units:
            y = keras.layers.Concatenate(name="side_by_side")([crossed, y])
        elif structure == "parallel":
            y = crossed
        if classes is not None:
            # Scores are float32 under every policy, so that clients of a server can read them.
            y = keras.layers.Dense(
                positive_int("classes", classes),
                activation=classifier_activation,
                dtype=float_policy(),
                name="predictions",
            )(y)
        super().__init__(
            fields or x,
            y,
            arguments={
                "features": given,
                "classes": classes,
                "structure": structure,
                "cross": cross,
                "num_layers": num_layers,
                "projection_dim": projection_dim,
                "num_experts": num_experts,
                "hidden_units": hidden_units,
                "activation": serialize_activation(activation),
                "dropout": dropout,
                "classifier_activation": serialize_activation(classifier_activation),
                "embedding_dim": positive_int("embedding_dim", embedding_dim),
                "embedding_regularizer": regularizer_config(embedding_regularizer),
            },
            weights=weights,
            name=name,
        )


def _crosses(
    x: Tensor, cross: str, num_layers: int, projection_dim: int | None, num_experts: int
) -> Tensor:
    if cross == "gated":
        return GatedCrossNetwork(num_layers, name="crosses")(x)
    if cross == "v3":
        # A dense layer of both has a weight vector for each, as the paper's two logits have.
        kinds = ("linear", "exponential")
        parts = [DeepCrossV3(num_layers, kind, name=f"{kind}_crosses")(x) for kind in kinds]
        return keras.layers.Concatenate(name="crosses")(parts)
    if cross != "mixture":
        return CrossNetwork(num_layers, cross, projection_dim, name="crosses")(x)
    crossed = x
    for n in range(positive_int("num_layers", num_layers)):
        layer = MixtureCross(num_experts, projection_dim, name=f"cross_{n}")
        crossed = layer(x, crossed)
    return crossed
