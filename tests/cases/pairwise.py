"""Configurations of the pairwise operations."""

from harness.layer_cases import IMAGE, SEQUENCE, VECTOR, LayerCase

from keras_hadamard.layers import PolyNonLocal

CASES = {
    "PolyNonLocal": LayerCase(PolyNonLocal, (SEQUENCE,), wrong_ranks=(VECTOR,)),
    "PolyNonLocal-image": LayerCase(PolyNonLocal, (IMAGE,), {"use_bias": False}),
    "PolyNonLocal-first": LayerCase(PolyNonLocal, (IMAGE,), {"data_format": "channels_first"}),
}
