"""Configurations of the activations that are polynomials."""

from harness.layer_cases import IMAGE, SEQUENCE, VECTOR, LayerCase

from keras_hadamard.layers import PolyNorm, PolyReLU

CASES = {
    "PolyNorm": LayerCase(PolyNorm, (SEQUENCE,), wrong_ranks=((),)),
    "PolyNorm-five": LayerCase(PolyNorm, (IMAGE,), {"degree": 5, "epsilon": 1e-3}),
    "PolyReLU": LayerCase(PolyReLU, (SEQUENCE,), wrong_ranks=((),)),
    "PolyReLU-one": LayerCase(PolyReLU, (VECTOR,), {"degree": 1}),
}
