"""The search space of fusion layers."""

from collections.abc import Iterable
from typing import Any

import keras

from keras_hadamard import layers
from keras_hadamard.tuning.spaces import Option, Parameter, Space

# A fusion is followed by a gate or a dense layer with its own activation, so those that end in a
# projection stay linear at the end, and plain concatenation gets the activation it needs.
FUSIONS = Space(
    options={
        "concat": Option(
            lambda units, dropout, **kwargs: layers.ConcatFusion(
                units, activation="relu", input_dropout=dropout, **kwargs
            ),
            uses=("dropout",),
        ),
        "sum": Option(
            lambda units, **kwargs: layers.SumFusion(units, **kwargs), uses=("rank", "dropout")
        ),
        "hadamard": Option(
            lambda units, **kwargs: layers.HadamardFusion(units, **kwargs), uses=("dropout",)
        ),
        "mlb": Option(
            lambda units, **kwargs: layers.MLB(units, **kwargs),
            uses=("rank", "normalize", "dropout"),
        ),
        "mfb": Option(
            lambda units, **kwargs: layers.MFB(units, **kwargs),
            uses=("rank", "factor", "normalize", "dropout"),
            pairs_only=True,
        ),
    },
    parameters={
        "rank": Parameter((64, 128, 256), default=128),
        "factor": Parameter((2, 3, 5), default=2),
        "normalize": Parameter((True, False), default=False),
        "dropout": Parameter((0.0, 0.1, 0.2), default=0.0),
    },
)


def fusion_space(
    hp: Any,
    *,
    units: int = 128,
    include: Iterable[str] | None = None,
    tensors: int = 2,
    name: str = "fusion",
) -> keras.layers.Layer:
    """Returns a fusion layer that `hp` chose and configured.

    The method is the parameter `name`; those it alone has (`<name>_rank`, `<name>_factor`,
    `<name>_normalize`, `<name>_dropout`) are conditional on it. All are declared in one call
    whatever the values are, so every KerasTuner algorithm knows the whole space from the start. The
    default is the concatenation baseline.

    Args:
        hp: A `keras_tuner.HyperParameters`.
        units: Positive integer, the width of the output. Defaults to `128`.
        include: Names of the methods to choose from, of `"concat"`, `"sum"`, `"hadamard"`, `"mlb"`
            and `"mfb"`. Defaults to `None`, all that take so many tensors.
        tensors: Integer, how many tensors are to be fused: `"mfb"` takes two. Defaults to `2`.
        name: String, the name of the parameter and of the layer. Defaults to `"fusion"`.

    Returns:
        A `keras.layers.Layer` that takes a list of tensors.

    Raises:
        ValueError: If `include` names no method, an unknown one or one that does not take so many
            tensors, or `units` is not positive.

    Example:

    >>> import keras_tuner
    >>> hp = keras_tuner.HyperParameters()
    >>> hp.values["fusion"] = "mlb"
    >>> layer = keras_hadamard.tuning.fusion_space(hp, units=6)
    >>> type(layer).__name__, hp.values["fusion_rank"]
    ('MLB', 128)
    >>> layer([keras.ops.ones((2, 7)), keras.ops.ones((2, 5))]).shape
    TensorShape([2, 6])
    """
    return FUSIONS.layer(hp, units, FUSIONS.kinds(include, tensors), name)
