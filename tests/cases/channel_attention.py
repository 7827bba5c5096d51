"""Configurations of attention over channels and of layers that a style or condition modulates."""

from harness.layer_cases import IMAGE, SEQUENCE, VECTOR, LayerCase

from keras_hadamard.layers import (
    CBAM2D,
    AdaIN,
    ConditionalLayerNormalization,
    EfficientChannelAttention2D,
    ModulatedConv2D,
    SqueezeExcite2D,
)

CONDITION = (7,)
FIRST = {"data_format": "channels_first"}


def _gate(make: type, *, empty: bool = True, **kwargs: object) -> LayerCase:
    return LayerCase(make, (IMAGE,), kwargs, wrong_ranks=((), (5,), (6, 5)), empty=empty)


def _conditioned(make: type, *shapes: tuple[int, ...], **kwargs: object) -> LayerCase:
    return LayerCase(make, shapes, kwargs, wrong_ranks=((), (7,)))


def _modulated(shape: tuple[int, ...] = IMAGE, **kwargs: object) -> LayerCase:
    return LayerCase(
        ModulatedConv2D, (shape, CONDITION), kwargs, wrong_ranks=((), (7,)), empty=False
    )


CASES = {
    "SqueezeExcite2D": _gate(SqueezeExcite2D),
    "SqueezeExcite2D-hidden": _gate(SqueezeExcite2D, hidden_units=3, use_max=True, **FIRST),
    "SqueezeExcite2D-effective": _gate(SqueezeExcite2D, mode="effective"),
    "SqueezeExcite2D-concurrent": _gate(SqueezeExcite2D, mode="concurrent", ratio=0.5),
    "SqueezeExcite2D-max": _gate(SqueezeExcite2D, mode="concurrent", merge="max"),
    "CBAM2D": _gate(CBAM2D, empty=False),
    "CBAM2D-normalized": _gate(
        CBAM2D, empty=False, ratio=0.5, kernel_size=3, use_batch_normalization=True, **FIRST
    ),
    "EfficientChannelAttention2D": _gate(EfficientChannelAttention2D),
    "EfficientChannelAttention2D-five": _gate(EfficientChannelAttention2D, kernel_size=5, **FIRST),
    "AdaIN": _conditioned(AdaIN, IMAGE, CONDITION),
    "AdaIN-sequence": _conditioned(AdaIN, SEQUENCE, CONDITION),
    "AdaIN-image": _conditioned(AdaIN, IMAGE, (5, 2, 5), epsilon=1e-3),
    "AdaIN-first": _conditioned(AdaIN, IMAGE, (4, 2, 2), epsilon=1e-3, **FIRST),
    "ModulatedConv2D": _modulated(),
    "ModulatedConv2D-plain": _modulated(
        filters=4, kernel_size=1, demodulate=False, epsilon=0.0, **FIRST
    ),
    "ConditionalLayerNormalization": _conditioned(
        ConditionalLayerNormalization, SEQUENCE, CONDITION
    ),
    "ConditionalLayerNormalization-vector": _conditioned(
        ConditionalLayerNormalization, VECTOR, CONDITION, kernel_initializer="glorot_uniform"
    ),
    "ConditionalLayerNormalization-gate": _conditioned(
        ConditionalLayerNormalization, IMAGE, CONDITION, use_gate=True, activation=None, **FIRST
    ),
    "ConditionalLayerNormalization-positions": _conditioned(
        ConditionalLayerNormalization, IMAGE, (4, 3, 7), use_gate=True
    ),
}
