"""Gates, attention over channels and conditioning by name, by the kind of their input."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_hadamard._core.checks import one_of, positive_int, received
from keras_hadamard.layers import fusion, modulation
from keras_hadamard.layers.registry._gate_layers import Unconditioned, projected_highway
from keras_hadamard.layers.registry.base import Choices, Entry, Make, Registry, drawn_by


def _gated(activation: str) -> Make:
    return lambda units, **kwargs: modulation.GatedDense(
        units, **{"activation": activation, **kwargs}
    )


def _same_width(layer: Make, **given: Any) -> Make:
    """A layer as wide as its input."""
    return lambda units, **kwargs: layer(**{**given, **kwargs})


def _efficient_attention(units: Any, neighbours: int = 0, **kwargs: Any) -> keras.layers.Layer:
    return modulation.EfficientChannelAttention2D(neighbours or None, **kwargs)


def _conditional_batch_norm(units: Any, hidden_units: int = 0, **kwargs: Any) -> keras.layers.Layer:
    return fusion.ConditionalBatchNormalization(hidden_units or None, **kwargs)


def _spade(units: Any, map_units: int = 128, **kwargs: Any) -> keras.layers.Layer:
    return modulation.SPADE(map_units, **kwargs)


def _true(name: str, default: bool) -> dict[str, Choices]:
    return {name: Choices((True, False), default=default)}


DROPOUT = {"dropout": Choices((0.0, 0.1, 0.2), default=0.0)}
RATIO = {"ratio": Choices((1 / 16, 1 / 8, 1 / 4), default=1 / 16)}
USE_MAX = _true("use_max", False)
KERNEL_SIZE = {"kernel_size": Choices((1, 3), default=3)}

# The first of each is the default of a search.
_VECTOR = {
    "dense": Entry(
        lambda units, **kwargs: keras.layers.Dense(units, **{"activation": "relu", **kwargs})
    ),
    "glu": Entry(_gated("sigmoid")),
    "swiglu": Entry(_gated("silu")),
    "geglu": Entry(_gated("gelu")),
    "reglu": Entry(_gated("relu")),
    "bilinear": Entry(_gated("linear")),
    "gated_mlp": Entry(
        modulation.GatedMLP,
        {"activation": Choices(("silu", "gelu", "relu", "sigmoid"), default="silu")} | DROPOUT,
    ),
    "highway": Entry(
        projected_highway, {"transform_bias": Choices((-3.0, -2.0, -1.0), default=-1.0)}
    ),
    "gated_residual": Entry(modulation.GatedResidual, DROPOUT),
}
_IMAGE = {
    "identity": Entry(_same_width(keras.layers.Identity)),
    "squeeze_excite": Entry(_same_width(modulation.SqueezeExcite2D), RATIO | USE_MAX),
    "effective_squeeze_excite": Entry(
        _same_width(modulation.SqueezeExcite2D, mode="effective"), USE_MAX
    ),
    "concurrent_squeeze_excite": Entry(
        _same_width(modulation.SqueezeExcite2D, mode="concurrent"),
        RATIO | {"merge": Choices(("add", "max"), default="add")},
    ),
    "cbam": Entry(
        _same_width(modulation.CBAM2D),
        RATIO
        | {"kernel_size": Choices((3, 7), default=7)}
        | _true("use_batch_normalization", False),
    ),
    # Zero means None (a number derived from the channels), which KerasTuner does not accept as a
    # value.
    "efficient": Entry(_efficient_attention, {"neighbours": Choices((0, 3, 5, 7), default=0)}),
    "coordinate": Entry(_same_width(modulation.CoordinateAttention2D)),
    "simam": Entry(_same_width(modulation.SimAM)),
    "response_norm": Entry(_same_width(modulation.GlobalResponseNormalization)),
}
# Layers that modulate features, with or without positions.
_ANYWHERE = {
    "identity": Entry(_same_width(Unconditioned)),
    "film": Entry(_same_width(fusion.FiLM), _true("use_shift", True)),
    # Zero means none.
    "conditional_batch_norm": Entry(
        _conditional_batch_norm, {"hidden_units": Choices((0, 64, 128), default=0)}
    ),
    "conditional_layer_norm": Entry(
        _same_width(modulation.ConditionalLayerNormalization),
        {"activation": Choices(("linear", "silu"), default="silu")},
    ),
}
_CONDITIONED = {
    **_ANYWHERE,
    "gated_residual": Entry(_same_width(modulation.GatedResidual), DROPOUT),
    "adaptation_gate": Entry(
        _same_width(fusion.MultimodalAdaptationGate),
        {"beta": Choices((0.25, 0.5, 1.0), default=1.0)} | DROPOUT,
    ),
}
_CONDITIONED_IMAGE = {
    **_ANYWHERE,
    "adain": Entry(_same_width(modulation.AdaIN)),
    "spade": Entry(
        _spade,
        {
            "map_units": Choices((32, 64, 128), default=128),
            "normalization": Choices(("instance", "batch"), default="instance"),
        }
        | KERNEL_SIZE,
    ),
    "modulated_conv": Entry(
        _same_width(modulation.ModulatedConv2D), KERNEL_SIZE | _true("demodulate", True)
    ),
}
GATES: dict[str, Registry[Entry]] = {
    "vector": Registry("gate", _VECTOR),
    "image": Registry("gate", _IMAGE),
    "conditioned": Registry("gate", _CONDITIONED),
    "conditioned_image": Registry("gate", _CONDITIONED_IMAGE),
}


def register_gate(
    name: str,
    layer: Make,
    choices: Mapping[str, Sequence[Any]] | None = None,
    on: str = "vector",
) -> Make:
    """Registers a custom gate under a name for search spaces.

    Args:
        name: String, the name. A name of the package's own gates is refused; one of yours may be
            registered again.
        layer: A layer class, or a function that returns a layer; called with the width of the
            output if `on` is `"vector"`, and with `name` and the drawn `choices` as keywords.
        choices: Dict from names of arguments to the values that a search may give them, the default
            first. Defaults to `None`: there is nothing to draw.
        on: The input: `"vector"`, features to features; `"image"`, an image to one of its shape;
            `"conditioned"` and `"conditioned_image"`, a list `[x, condition]` to the shape of `x`.
            Defaults to `"vector"`.

    Returns:
        The layer, so that this call can be the last line of its module.

    Raises:
        ValueError: If the name is empty or one of the package's own, the layer cannot be called, a
            choice has no values, or `on` is unknown.

    Example:

    >>> def tanh_gate(units, **kwargs):
    ...     return keras_hadamard.layers.GatedDense(units, activation="tanh", **kwargs)
    >>> _ = keras_hadamard.layers.register_gate("tanh", tanh_gate)
    >>> keras_hadamard.layers.get_gate("tanh", 3)(keras.ops.ones((2, 7))).shape
    TensorShape([2, 3])
    """
    registry = GATES[one_of("on", on, GATES)]
    make = _same_width(layer) if callable(layer) and on != "vector" else layer
    registry.register(name, Entry(make, *drawn_by(name, choices)))
    return layer


def get_gate(
    identifier: str, units: int | None = None, on: str = "vector", **arguments: Any
) -> keras.layers.Layer:
    """Returns a new gate by its name.

    Args:
        identifier: String. On vectors `"dense"`, `"glu"`, `"swiglu"`, `"geglu"`, `"reglu"`,
            `"bilinear"`, `"gated_mlp"`, `"highway"` and `"gated_residual"`; on images
            `"identity"`, `"squeeze_excite"`, `"effective_squeeze_excite"`,
            `"concurrent_squeeze_excite"`, `"cbam"`, `"efficient"`, `"coordinate"`, `"simam"` and
            `"response_norm"`; with a
            condition `"identity"`, `"film"`, `"conditional_batch_norm"`,
            `"conditional_layer_norm"`, on vectors and sequences `"gated_residual"` and
            `"adaptation_gate"`, and on images `"adain"`, `"spade"` and `"modulated_conv"`; or a
            name given by `register_gate`.
        units: Positive integer, the width of the output, which gates on vectors need. Defaults to
            `None`.
        on: `"vector"`, `"image"`, `"conditioned"` or `"conditioned_image"`. Defaults to `"vector"`.
        **arguments: Arguments of the layer, `name` and `dtype` among them.

    Returns:
        A `keras.layers.Layer`, not built yet.

    Raises:
        ValueError: If there is no such gate (the error lists the nearest names), `on` is unknown,
            or `units` is missing.

    Example:

    >>> gate = keras_hadamard.layers.get_gate("squeeze_excite", on="image", ratio=0.5)
    >>> gate(keras.ops.ones((2, 4, 4, 6))).shape
    TensorShape([2, 4, 4, 6])
    """
    entry = GATES[one_of("on", on, GATES)][identifier]
    if on == "vector":
        if units is None:
            raise received("`units`, which gates on vectors need", units=units)
        units = positive_int("units", units)
    return entry.make(units, **arguments)
