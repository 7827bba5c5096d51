"""Configurations of the spatial gate and of the block around it."""

from harness.layer_cases import IMAGE, SEQUENCE, VECTOR, LayerCase

from keras_hadamard.layers import GMLPBlock, SpatialGatingUnit

WIDE = (6, 8)


def _gate(*shapes: tuple[int, ...], **kwargs: object) -> LayerCase:
    longer = bool(kwargs.get("length")) and bool(kwargs.get("causal"))
    return LayerCase(SpatialGatingUnit, shapes or (WIDE,), kwargs, fixed=not longer)


def _block(**kwargs: object) -> LayerCase:
    longer = bool(kwargs.get("length")) and bool(kwargs.get("causal"))
    return LayerCase(GMLPBlock, (SEQUENCE,), {"hidden_units": 8, **kwargs}, fixed=not longer)


CASES = {
    "SpatialGatingUnit": LayerCase(
        SpatialGatingUnit, (WIDE,), wrong_ranks=(VECTOR, IMAGE), fixed=True
    ),
    "SpatialGatingUnit-causal": _gate(length=9, causal=True),
    "SpatialGatingUnit-heads": _gate(heads=2, activation="tanh"),
    "SpatialGatingUnit-circulant": _gate(circulant=True),
    "SpatialGatingUnit-circulant-causal": _gate(circulant=True, causal=True, length=7),
    "SpatialGatingUnit-attention": _gate(WIDE, SEQUENCE, attention_units=3),
    "GMLPBlock": LayerCase(GMLPBlock, (SEQUENCE,), wrong_ranks=(VECTOR, IMAGE), fixed=True),
    "GMLPBlock-causal": _block(length=9, causal=True, heads=2, gate_activation="tanh"),
    "GMLPBlock-attention": _block(length=6, causal=True, attention_units=3, use_bias=False),
}
