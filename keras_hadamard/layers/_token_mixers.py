"""Token mixers by name, attention among them, so that a network can exchange them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from keras_hadamard._checks import positive_int
from keras_hadamard._export import serializable
from keras_hadamard._typing import Shape, Tensor
from keras_hadamard.layers import modulation, pairwise
from keras_hadamard.layers._kernel_free import KernelFreeLayer

# What a mixer may see: all positions, or those before alone.
OPEN, CAUSAL = "open", "causal"


@dataclass(frozen=True)
class Place:
    """Where a mixer stands: what goes in, and which of how many it is."""

    units: int
    length: int | None = None
    causal: bool = False
    index: int = 0
    depth: int = 1
    image: bool = False


@dataclass(frozen=True)
class TokenMixer:
    """A mixer of (batch, length, features), or of images, that keeps the shape."""

    build: Callable[..., keras.layers.Layer]
    forms: tuple[str, ...] = (OPEN, CAUSAL)
    # Whether it tells one order of the positions from another.
    ordered: bool = False
    # Whether a projection ends it, so that none has to follow.
    projected: bool = True
    # "sequence" alone, "image" alone, or both: then an image is a sequence of its pixels, unless
    # the layer takes images itself.
    on: tuple[str, ...] = ("sequence", "image")
    flat: bool = True


@serializable
class SelfAttention(KernelFreeLayer):
    """`keras.layers.MultiHeadAttention` of an input to itself, as wide as the input."""

    def __init__(self, heads: int = 4, causal: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = positive_int("heads", heads)
        self.causal = bool(causal)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        width = max(1, (input_shape[-1] or 0) // self.heads)
        self.attention = keras.layers.MultiHeadAttention(
            self.heads, width, dtype=self.dtype_policy, name="attention"
        )
        self.attention.build(input_shape, input_shape)

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.attention(
            inputs,
            inputs,
            query_mask=mask,
            value_mask=mask,
            key_mask=mask,
            use_causal_mask=self.causal,
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "heads": self.heads, "causal": self.causal}


@serializable
class OverPixels(KernelFreeLayer):
    """A mixer of sequences on an image (batch, height, width, channels), row after row."""

    def __init__(self, mixer: keras.layers.Layer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mixer = mixer

    def build(self, input_shape: Shape) -> None:
        batch, *sides, channels = input_shape
        pixels = None if None in sides else math.prod(side or 0 for side in sides)
        if not self.mixer.built:  # It is, where it was loaded.
            self.mixer.build((batch, pixels, channels))

    def call(self, inputs: Tensor) -> Tensor:
        *sides, channels = inputs.shape[1:]
        pixels = -1 if None in sides else math.prod(sides)
        mixed = self.mixer(ops.reshape(inputs, (-1, pixels, channels)))
        return ops.reshape(mixed, ops.shape(inputs))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "mixer": keras.saving.serialize_keras_object(self.mixer),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "OverPixels":
        mixer = keras.saving.deserialize_keras_object(config["mixer"])
        layer: OverPixels = super().from_config({**config, "mixer": mixer})
        return layer


def _attention(at: Place, **kwargs: Any) -> keras.layers.Layer:
    return SelfAttention(causal=at.causal, **kwargs)


def _gmlp(at: Place, expansion: float = 2.0, **kwargs: Any) -> keras.layers.Layer:
    # Both halves, and a multiple of four for two heads.
    hidden = 4 * max(1, round(expansion * at.units / 2))
    return pairwise.GMLPBlock(hidden, length=at.length, causal=at.causal, **kwargs)


def _aft(at: Place, **kwargs: Any) -> keras.layers.Layer:
    return pairwise.AFT(
        **{"position_bias": "simple", "max_length": at.length, "causal": at.causal, **kwargs}
    )


def _hyena(at: Place, **kwargs: Any) -> keras.layers.Layer:
    return pairwise.HyenaOperator(**_longest(at), **kwargs)


def _monarch(at: Place, **kwargs: Any) -> keras.layers.Layer:
    return pairwise.MonarchMixer(causal=at.causal, **_longest(at), **kwargs)


def _retention(at: Place, heads: int = 4, **kwargs: Any) -> keras.layers.Layer:
    return pairwise.Retention(heads, **kwargs)


def _longest(at: Place) -> dict[str, Any]:
    return {} if at.length is None else {"max_length": at.length}


def _with_form(layer: Callable[..., keras.layers.Layer]) -> Callable[..., keras.layers.Layer]:
    return lambda at, **kwargs: layer(causal=at.causal, **kwargs)


def _plain(layer: Callable[..., keras.layers.Layer]) -> Callable[..., keras.layers.Layer]:
    return lambda at, **kwargs: layer(**kwargs)


def _recurrence(layer: Callable[..., keras.layers.Layer]) -> Callable[..., keras.layers.Layer]:
    def build(at: Place, expansion: float = 1.0, **kwargs: Any) -> keras.layers.Layer:
        return layer(int(expansion * at.units), return_sequences=True, **kwargs)

    return build


def _hgrn(at: Place, expansion: float = 1.0, **kwargs: Any) -> keras.layers.Layer:
    """A layer near the output has a higher bound, so that it remembers longer."""
    bounds = at.index / at.depth, (at.index + 1) / at.depth
    return modulation.HGRN(int(expansion * at.units), bounds, return_sequences=True, **kwargs)


def _focal(at: Place, **kwargs: Any) -> keras.layers.Layer:
    if at.image:
        return pairwise.FocalModulation2D(data_format="channels_last", **kwargs)
    return pairwise.FocalModulation1D(**kwargs)


def _pixels(layer: Callable[..., keras.layers.Layer]) -> Callable[..., keras.layers.Layer]:
    return lambda at, **kwargs: layer(data_format="channels_last", **kwargs)


_STEPS: dict[str, Any] = {"forms": (CAUSAL,), "ordered": True, "on": ("sequence",)}
_PIXELS: dict[str, Any] = {"forms": (OPEN,), "ordered": True, "on": ("image",), "flat": False}
TOKEN_MIXERS: dict[str, TokenMixer] = {
    "attention": TokenMixer(_attention),
    "gmlp": TokenMixer(_gmlp, ordered=True),
    "aft": TokenMixer(_aft),
    "linear_attention": TokenMixer(_with_form(pairwise.LinearAttention)),
    "hydra": TokenMixer(_with_form(pairwise.HydraAttention)),
    "gated_linear_attention": TokenMixer(_plain(pairwise.GatedLinearAttention), **_STEPS),
    "simple_gated_linear_attention": TokenMixer(
        _plain(pairwise.SimpleGatedLinearAttention), **_STEPS
    ),
    "retention": TokenMixer(_retention, **_STEPS),
    "hyena": TokenMixer(_hyena, **_STEPS),
    "h3": TokenMixer(_plain(pairwise.H3), **_STEPS),
    "monarch": TokenMixer(_monarch, ordered=True),
    "poly_non_local": TokenMixer(_pixels(pairwise.PolyNonLocal), forms=(OPEN,), flat=False),
    "poly_self_attention": TokenMixer(
        _plain(pairwise.PolySelfAttention), forms=(OPEN,), ordered=True
    ),
    "focal_modulation": TokenMixer(_focal, forms=(OPEN,), ordered=True, flat=False),
    "min_gru": TokenMixer(_recurrence(modulation.MinGRU), projected=False, **_STEPS),
    "hgrn": TokenMixer(_hgrn, projected=False, **_STEPS),
    "rglru": TokenMixer(_recurrence(modulation.RGLRU), projected=False, **_STEPS),
    "gn_conv": TokenMixer(_pixels(pairwise.GnConv2D), **_PIXELS),
    "convolutional_modulation": TokenMixer(_pixels(pairwise.ConvolutionalModulation2D), **_PIXELS),
    "efficient_modulation": TokenMixer(_pixels(pairwise.EfficientModulation2D), **_PIXELS),
    "large_kernel_attention": TokenMixer(_pixels(pairwise.LargeKernelAttention2D), **_PIXELS),
}


def names(on: str, causal: bool) -> tuple[str, ...]:
    """The mixers that fit, attention first."""
    form = CAUSAL if causal else OPEN
    return tuple(n for n, m in TOKEN_MIXERS.items() if on in m.on and form in m.forms)
