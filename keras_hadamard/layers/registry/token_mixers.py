"""Token mixers by name, including attention, so that a network can exchange them."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_hadamard._core.checks import one_of, positive_int, received
from keras_hadamard.layers.registry.base import Make, accepted, drawn_by
from keras_hadamard.layers.registry.mixers import (
    MODES,
    PLACES,
    TOKEN_MIXERS,
    MixerContext,
    TokenMixer,
    mixer_names,
)


def register_token_mixer(
    name: str,
    layer: Make,
    choices: Mapping[str, Sequence[Any]] | None = None,
    modes: Sequence[str] = MODES,
    on: Sequence[str] = PLACES,
    ordered: bool = False,
) -> Make:
    """Registers a custom token mixer under a name for models and search spaces.

    Args:
        name: String, the name. A name of the package's own mixers is refused; one of yours may be
            registered again.
        layer: A layer class, or a function that returns a layer; called with the drawn `choices` as
            keywords, and with those of `units`, `length` and `causal` that its signature names. The
            layer takes `(batch, length, units)` and returns as many positions of any width. One
            with `step` and `get_initial_state`, like the recurrent layers here, is run step by
            step.
        choices: Dict from names of arguments to the values that a search may give them, the default
            first. Defaults to `None`: there is nothing to draw.
        modes: The modes it supports, of `"bidirectional"` and `"causal"`. Defaults to
            `("bidirectional", "causal")`.
        on: Where it can be used, of `"sequence"` and `"image"`; an image is the sequence of its
            pixels. Defaults to `("sequence", "image")`.
        ordered: Boolean, whether it depends on the order of the positions. Others get sines of the
            positions. Defaults to `False`.

    Returns:
        The layer, so that this call can be the last line of its module.

    Raises:
        ValueError: If the name is empty or one of the package's own, the layer cannot be called, a
            choice has no values, or a mode or place is unknown.

    Example:

    >>> def mean(units, causal):
    ...     return keras_hadamard.layers.LinearAttention(heads=1, causal=causal)
    >>> _ = keras_hadamard.layers.register_token_mixer("mean", mean)
    >>> model = keras_hadamard.models.CausalLanguageModel(50, "mean", units=8)
    >>> model(keras.ops.zeros((2, 7), "int32")).shape
    TensorShape([2, 7, 50])
    """

    def make(context: MixerContext, **drawn: Any) -> keras.layers.Layer:
        offered = {"units": context.units, "length": context.length, "causal": context.causal}
        return layer(**accepted(layer, offered), **drawn)

    chosen = tuple(one_of("modes", mode, MODES) for mode in modes)
    places = tuple(one_of("on", place, PLACES) for place in on)
    if not chosen or not places:
        raise received("`modes` and `on` to name at least one", modes=modes, on=on)
    entry = TokenMixer(
        make if callable(layer) else layer,
        *drawn_by(name, choices),
        modes=chosen,
        ordered=bool(ordered),
        projected=False,
        on=places,
    )
    TOKEN_MIXERS.register(name, entry)
    return layer


def get_token_mixer(
    identifier: str,
    units: int,
    length: int | None = None,
    causal: bool = False,
    on: str = "sequence",
    **arguments: Any,
) -> keras.layers.Layer:
    """Returns a new token mixer by its name.

    Args:
        identifier: String, one of `"attention"`, `"gmlp"`, `"aft"`, `"linear_attention"`,
            `"hydra"`, `"gated_linear_attention"`, `"simple_gated_linear_attention"`, `"delta_net"`,
            `"gated_delta_net"`, `"kimi_delta_attention"`, `"mamba2"`, `"gated_attention"`,
            `"retention"`, `"hyena"`, `"h3"`, `"monarch"`, `"poly_non_local"`,
            `"poly_self_attention"`, `"focal_modulation"`, `"min_gru"`, `"hgrn"`, `"rglru"`,
            `"gn_conv"`, `"convolutional_modulation"`, `"efficient_modulation"`,
            `"large_kernel_attention"`, or a name given by `register_token_mixer`.
        units: Positive integer, the width of its input.
        length: Integer, the longest sequence, for mixers that need one. Defaults to `None`.
        causal: Boolean, whether a position sees no later ones. Defaults to `False`.
        on: `"sequence"` or `"image"` (channels-last). Defaults to `"sequence"`.
        **arguments: Arguments of the layer.

    Returns:
        A `keras.layers.Layer`, not built yet, that keeps the positions of its input.

    Raises:
        ValueError: If there is no such mixer (the error lists the nearest names), or it cannot be
            used there.

    Example:

    >>> mixer = keras_hadamard.layers.get_token_mixer("hydra", 8, causal=True)
    >>> mixer(keras.ops.ones((2, 9, 8))).shape
    TensorShape([2, 9, 8])
    """
    entry = TOKEN_MIXERS[identifier]
    if not entry.fits(one_of("on", on, PLACES), bool(causal)):
        raise received(
            f"one of the mixers {mixer_names(on, bool(causal))}, which fit on={on!r} and "
            f"causal={causal}",
            mixer=identifier,
        )
    context = MixerContext(positive_int("units", units), length, bool(causal), image=on == "image")
    return entry.build(context, **arguments)
