"""Token mixers by name, and the inputs that each can be used on."""

from dataclasses import dataclass
from typing import Any

import keras

from keras_hadamard.layers import modulation, pairwise
from keras_hadamard.layers.registry._over_pixels import OverPixels
from keras_hadamard.layers.registry._self_attention import SelfAttention
from keras_hadamard.layers.registry.base import (
    Choices,
    Entry,
    Make,
    Registry,
)

# The positions that a mixer may see: all, or only earlier ones.
BIDIRECTIONAL, CAUSAL = "bidirectional", "causal"
MODES, PLACES = (BIDIRECTIONAL, CAUSAL), ("sequence", "image")


@dataclass(frozen=True)
class MixerContext:
    """The context of a mixer: its input, and its index among the blocks."""

    units: int
    length: int | None = None
    causal: bool = False
    index: int = 0
    depth: int = 1
    image: bool = False


@dataclass(frozen=True)
class TokenMixer(Entry):
    """A mixer of (batch, length, features), or of images, that keeps the positions.

    `make` takes a `MixerContext` and the arguments that are drawn.
    """

    modes: tuple[str, ...] = MODES
    # Whether it depends on the order of the positions.
    ordered: bool = False
    # Whether it ends with a projection, so that none has to follow.
    projected: bool = True
    # The inputs it can be used on. On an image, the sequence is its pixels, unless the layer takes
    # images.
    on: tuple[str, ...] = PLACES
    flat: bool = True

    def build(self, context: MixerContext, **arguments: Any) -> keras.layers.Layer:
        """The mixer for a context."""
        mixer = self.make(context, **arguments)
        return OverPixels(mixer) if context.image and self.flat else mixer

    def fits(self, on: str, causal: bool) -> bool:
        """Whether it can be used there."""
        return on in self.on and (CAUSAL if causal else BIDIRECTIONAL) in self.modes


def _attention(context: MixerContext, **kwargs: Any) -> keras.layers.Layer:
    return SelfAttention(causal=context.causal, **kwargs)


def _gmlp(
    context: MixerContext, expansion: float = 2.0, attention_units: int | None = None, **kwargs: Any
) -> keras.layers.Layer:
    # Both halves, and a multiple of four for two heads.
    hidden = 4 * max(1, round(expansion * context.units / 2))
    return pairwise.GMLPBlock(
        hidden,
        length=context.length,
        causal=context.causal,
        attention_units=attention_units or None,
        **kwargs,
    )


def _aft(context: MixerContext, **kwargs: Any) -> keras.layers.Layer:
    given = {"position_bias": "simple", "max_length": context.length, "causal": context.causal}
    return pairwise.AFT(**{**given, **kwargs})


def _hyena(context: MixerContext, **kwargs: Any) -> keras.layers.Layer:
    return pairwise.HyenaOperator(**_longest(context), **kwargs)


def _monarch(context: MixerContext, **kwargs: Any) -> keras.layers.Layer:
    return pairwise.MonarchMixer(causal=context.causal, **_longest(context), **kwargs)


def _longest(context: MixerContext) -> dict[str, Any]:
    return {} if context.length is None else {"max_length": context.length}


def _retention(context: MixerContext, heads: int = 4, **kwargs: Any) -> keras.layers.Layer:
    return pairwise.Retention(heads, **kwargs)


def _either(layer: Make) -> Make:
    """A layer with an argument `causal`."""
    return lambda context, **kwargs: layer(causal=context.causal, **kwargs)


def _plain(layer: Make) -> Make:
    return lambda context, **kwargs: layer(**kwargs)


def _recurrence(layer: Make) -> Make:
    def make(context: MixerContext, expansion: float = 1.0, **kwargs: Any) -> keras.layers.Layer:
        return layer(int(expansion * context.units), return_sequences=True, **kwargs)

    return make


def _hgrn(context: MixerContext, expansion: float = 1.0, **kwargs: Any) -> keras.layers.Layer:
    """A layer near the output has a higher bound, so it remembers longer."""
    bounds = context.index / context.depth, (context.index + 1) / context.depth
    return modulation.HGRN(int(expansion * context.units), bounds, return_sequences=True, **kwargs)


def _focal(context: MixerContext, **kwargs: Any) -> keras.layers.Layer:
    if context.image:
        return pairwise.FocalModulation2D(data_format="channels_last", **kwargs)
    return pairwise.FocalModulation1D(**kwargs)


def _pixels(layer: Make) -> Make:
    return lambda context, **kwargs: layer(data_format="channels_last", **kwargs)


def _efficient(
    context: MixerContext, expansion: float = 1.0, kernel_size: int = 7, **kwargs: Any
) -> keras.layers.Layer:
    given = {"expansion": int(expansion), "kernel_sizes": (kernel_size,)}
    return pairwise.EfficientModulation2D(**{**given, "data_format": "channels_last", **kwargs})


HEADS = {"heads": Choices((1, 2, 4, 8), default=4)}
GATE = HEADS | {"gate_normalizer": Choices((1.0, 4.0, 16.0), default=16.0)}
EXPANSION = {"expansion": Choices((1.0, 2.0), default=1.0)}
HIDDEN_EXPANSION = {"hidden_expansion": Choices((2.0, 4.0, 6.0), default=2.0)}
# Zero for none.
ATTENTION_UNITS = {"attention_units": Choices((0, 64), default=0)}
POSITION_BIAS = {
    "position_bias": Choices(("simple", "conv", "local", "full"), default="simple"),
}
FEATURE_MAP = {"feature_map": Choices(("elu", "product"), default="elu")}
ORDER = {"order": Choices((2, 3, 4), default=2)}
STATE_SIZE = {"state_size": Choices((16, 32, 64), default=64)}
FILTER_WIDTH = {"filter_width": Choices((32, 64, 128), default=64)}
LEVELS = {"levels": Choices((1, 2, 3), default=2), "window": Choices((3, 5), default=3)}
KERNEL_SIZE = {"kernel_size": Choices((5, 7, 11), default=7)}

_STEPS: dict[str, Any] = {"modes": (CAUSAL,), "ordered": True, "on": ("sequence",)}
_STATES: dict[str, Any] = {**_STEPS, "projected": False}
_PIXELS: dict[str, Any] = {
    "modes": (BIDIRECTIONAL,),
    "ordered": True,
    "on": ("image",),
    "flat": False,
}
TOKEN_MIXERS: Registry[TokenMixer] = Registry(
    "mixer",
    {
        "attention": TokenMixer(_attention, HEADS),
        "gmlp": TokenMixer(
            _gmlp,
            HIDDEN_EXPANSION | ATTENTION_UNITS,
            {"hidden_expansion": "expansion"},
            ordered=True,
        ),
        "aft": TokenMixer(_aft, POSITION_BIAS),
        "linear_attention": TokenMixer(_either(pairwise.LinearAttention), HEADS | FEATURE_MAP),
        "hydra": TokenMixer(_either(pairwise.HydraAttention)),
        "gated_linear_attention": TokenMixer(_plain(pairwise.GatedLinearAttention), GATE, **_STEPS),
        "simple_gated_linear_attention": TokenMixer(
            _plain(pairwise.SimpleGatedLinearAttention), GATE, **_STEPS
        ),
        "delta_net": TokenMixer(_plain(pairwise.DeltaNet), HEADS, **_STEPS),
        "gated_delta_net": TokenMixer(_plain(pairwise.GatedDeltaNet), HEADS, **_STEPS),
        "kimi_delta_attention": TokenMixer(_plain(pairwise.KimiDeltaAttention), HEADS, **_STEPS),
        "mamba2": TokenMixer(_plain(pairwise.Mamba2), HEADS, **_STEPS),
        "gated_attention": TokenMixer(_either(pairwise.GatedAttention), HEADS, ordered=True),
        "retention": TokenMixer(_retention, HEADS, **_STEPS),
        "hyena": TokenMixer(_hyena, ORDER, **_STEPS),
        "h3": TokenMixer(_plain(pairwise.H3), STATE_SIZE, **_STEPS),
        "monarch": TokenMixer(_monarch, FILTER_WIDTH, ordered=True),
        "poly_non_local": TokenMixer(
            _pixels(pairwise.PolyNonLocal), modes=(BIDIRECTIONAL,), flat=False
        ),
        "poly_self_attention": TokenMixer(
            _plain(pairwise.PolySelfAttention), HEADS, modes=(BIDIRECTIONAL,), ordered=True
        ),
        "focal_modulation": TokenMixer(
            _focal, LEVELS, modes=(BIDIRECTIONAL,), ordered=True, flat=False
        ),
        "min_gru": TokenMixer(_recurrence(modulation.MinGRU), EXPANSION, **_STATES),
        "hgrn": TokenMixer(_hgrn, EXPANSION, **_STATES),
        "rglru": TokenMixer(_recurrence(modulation.RGLRU), EXPANSION, **_STATES),
        "gn_conv": TokenMixer(_pixels(pairwise.GnConv2D), ORDER | KERNEL_SIZE, **_PIXELS),
        "convolutional_modulation": TokenMixer(
            _pixels(pairwise.ConvolutionalModulation2D), KERNEL_SIZE, **_PIXELS
        ),
        "efficient_modulation": TokenMixer(_efficient, EXPANSION | KERNEL_SIZE, **_PIXELS),
        "large_kernel_attention": TokenMixer(_pixels(pairwise.LargeKernelAttention2D), **_PIXELS),
    },
)


def mixer_names(on: str, causal: bool) -> tuple[str, ...]:
    """The mixers that fit, attention first."""
    return tuple(n for n, mixer in TOKEN_MIXERS.entries.items() if mixer.fits(on, causal))
