"""Configurations of gates and recurrences."""

from harness.layer_cases import IMAGE, SEQUENCE, VECTOR, LayerCase

from keras_hadamard.layers import GatedDense, MinGRU

CASES = {
    "GatedDense": LayerCase(GatedDense, (VECTOR,), {"units": 4}, wrong_ranks=((),)),
    "GatedDense-gelu": LayerCase(GatedDense, (SEQUENCE,), {"units": 4, "activation": "gelu"}),
    "GatedDense-bilinear": LayerCase(GatedDense, (IMAGE,), {"units": 4, "activation": None}),
    "MinGRU": LayerCase(
        MinGRU, (SEQUENCE,), {"units": 4}, mask="consumed", wrong_ranks=(VECTOR, IMAGE)
    ),
    "MinGRU-sequences": LayerCase(
        MinGRU, (SEQUENCE,), {"units": 4, "return_sequences": True, "activation": "tanh"}
    ),
    "MinGRU-backwards": LayerCase(
        MinGRU, (SEQUENCE,), {"units": 4, "go_backwards": True}, mask="consumed"
    ),
}
