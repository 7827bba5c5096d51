"""The search space of token mixers."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import keras

from keras_hadamard._core.checks import one_of, positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Tensor
from keras_hadamard.layers.registry.base import Choices
from keras_hadamard.layers.registry.mixers import TOKEN_MIXERS, MixerContext, mixer_names
from keras_hadamard.models._mixer_block import MixerBlock
from keras_hadamard.models._positions import Positions
from keras_hadamard.tuning.spaces import Space

# The width must be divisible by this: eight heads, each with an even width.
DIVISOR = 16
DEPTH = {"depth": Choices((1, 2, 3, 4), default=2)}


@serializable
class TokenBackbone(keras.Sequential):
    """Blocks of one token mixer; the mask is passed on with the sequence."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.supports_masking = True

    def compute_mask(self, inputs: Tensor, mask: Any = None) -> Any:
        return mask


def _backbone(
    kind: str, context: MixerContext, units: int, name: str, depth: int, **drawn: Any
) -> keras.layers.Layer:
    entry = TOKEN_MIXERS[kind]
    stack: list[keras.layers.Layer] = [keras.layers.Dense(units, name="features")]
    if not entry.ordered:
        stack.append(Positions(name="positions"))
    for index in range(depth):
        here = replace(context, units=units, index=index, depth=depth)
        mixer = entry.build(here, **entry.arguments(drawn))
        stack.append(MixerBlock(mixer, not entry.projected, name=f"block_{index + 1}"))
    return TokenBackbone([*stack, keras.layers.LayerNormalization(name="norm")], name=name)


def token_mixers(on: str, causal: bool, length: int | None) -> Space:
    """The space of backbones for images, for sequences, or for causal sequences."""
    context = MixerContext(0, length, causal, image=on == "image")
    entries = {name: TOKEN_MIXERS[name] for name in mixer_names(on, causal)}
    besides = dict.fromkeys(entries, DEPTH)
    return Space.of(entries, lambda kind: partial(_backbone, kind, context), besides)


def token_mixer_space(
    hp: Any,
    *,
    units: int = 64,
    on: str = "sequence",
    causal: bool = False,
    length: int | None = None,
    include: Iterable[str] | None = None,
    name: str = "token_mixer",
) -> keras.layers.Layer:
    """Returns a backbone of blocks around a token mixer that `hp` chose and configured.

    A dense layer to `units` features, `depth` blocks `x + M(norm(x))`, `x + F(norm(x))` of a mixer
    `M` and a `GatedMLP` `F`, and a layer normalisation. Mixers that ignore the order of positions
    get sines of the positions first. The mixer is the parameter `name`; the number of blocks
    (`<name>_depth`) and the parameters of single mixers (`<name>_heads`, `<name>_kernel_size`, ...)
    are conditional on it, and all are declared in one call. The default is two blocks of
    `keras.layers.MultiHeadAttention`, `"attention"`. The others are

    - on both `"gated_attention"`, `"gmlp"`, `"aft"`, `"linear_attention"`, `"hydra"` and
      `"monarch"`, on an image over its pixels row after row;
    - causal `"gated_linear_attention"`, `"simple_gated_linear_attention"`, `"delta_net"`,
      `"gated_delta_net"`, `"kimi_delta_attention"`, `"mamba2"`, `"retention"`, `"hyena"`, `"h3"`,
      `"min_gru"`, `"hgrn"` and `"rglru"`;
    - not causal, on both, `"poly_non_local"`, `"poly_self_attention"` and `"focal_modulation"`;
    - on images `"gn_conv"`, `"convolutional_modulation"`, `"efficient_modulation"` and
      `"large_kernel_attention"`.

    The space has 240 configurations on images, 164 configurations on sequences, and 344
    configurations on sequences if it is causal.

    Args:
        hp: A `keras_tuner.HyperParameters`.
        units: Positive integer divisible by 16, the width of the backbone and of its output.
            Defaults to `64`.
        on: `"sequence"` or `"image"` (channels-last). Defaults to `"sequence"`.
        causal: Boolean, whether a position of a sequence sees no later ones. Defaults to `False`.
        length: Integer, the longest sequence, for sequences of unknown length. Defaults to `None`:
            the default of each mixer's layer.
        include: Names of the mixers to choose from; including those of
            `keras_hadamard.layers.register_token_mixer`. Defaults to `None`, all that fit.
        name: String, the name of the parameter and of the layer. Defaults to `"token_mixer"`.

    Returns:
        A `keras.layers.Layer` that takes a tensor `(batch, length, width)` or
        `(batch, height, width, channels)` and gives as many positions of `units` features.

    Raises:
        ValueError: If `on` or a name in `include` is unknown, `include` is empty, `causal` is set
            for images, or a number is invalid.

    Example:

    >>> import keras_tuner
    >>> hp = keras_tuner.HyperParameters()
    >>> hp.values["token_mixer"] = "gmlp"
    >>> layer = keras_hadamard.tuning.token_mixer_space(hp, units=16)
    >>> layer(keras.ops.ones((2, 9, 7))).shape, hp.values["token_mixer_depth"]
    (TensorShape([2, 9, 16]), 2)
    >>> hp.values["grid_mixer"] = "gn_conv"
    >>> layer = keras_hadamard.tuning.token_mixer_space(hp, units=16, on="image", name="grid_mixer")
    >>> layer(keras.ops.ones((2, 4, 4, 7))).shape, hp.values["grid_mixer_kernel_size"]
    (TensorShape([2, 4, 4, 16]), 7)
    """
    one_of("on", on, ("sequence", "image"))
    if on == "image" and causal:
        raise received("`causal` to be False on images", causal=causal)
    if positive_int("units", units) % DIVISOR:
        raise received(f"`units` divisible by {DIVISOR}", units=units)
    space = token_mixers(on, bool(causal), length)
    return space.layer(hp, units, space.kinds(include), name)
