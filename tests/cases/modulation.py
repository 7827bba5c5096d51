"""Configurations of gates and recurrences."""

from harness.layer_cases import IMAGE, SEQUENCE, VECTOR, LayerCase

from keras_hadamard.layers import DropBlock2D, GatedDense, MinGRU

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
    "DropBlock2D": LayerCase(
        DropBlock2D, (IMAGE,), {"rate": 0.2, "seed": 1}, wrong_ranks=((5,), (6, 5))
    ),
    "DropBlock2D-first": LayerCase(
        DropBlock2D, (IMAGE,), {"rate": 0.0, "block_size": 3, "data_format": "channels_first"}
    ),
}
