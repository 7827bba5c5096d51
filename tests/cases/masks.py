"""Configurations of masks, random and fixed."""

from harness.layer_cases import IMAGE, SEQUENCE, VECTOR, LayerCase

from keras_hadamard.layers import (
    DropBlock2D,
    DropConnect,
    DropPath,
    HardConcreteGate,
    MaskedConv2D,
    MaskedDense,
)

NONE = {"rate": 0.0}
# Gates that are open whatever is drawn.
OPEN = {"droprate_init": 1e-9}
CASES = {
    "DropBlock2D-even": LayerCase(
        DropBlock2D, (IMAGE,), {"rate": 0.2, "block_size": 2}, deterministic_kwargs=NONE
    ),
    "DropPath": LayerCase(DropPath, (VECTOR,), {"rate": 0.3}, deterministic_kwargs=NONE),
    "DropPath-sequence": LayerCase(
        DropPath, (SEQUENCE,), {"rate": 0.4, "seed": 1}, deterministic_kwargs=NONE
    ),
    "DropConnect": LayerCase(DropConnect, (VECTOR,), {"units": 4}, deterministic_kwargs=NONE),
    "DropConnect-sequence": LayerCase(
        DropConnect,
        (SEQUENCE,),
        {"units": 4, "activation": "tanh", "seed": 1},
        deterministic_kwargs=NONE,
    ),
    "HardConcreteGate": LayerCase(
        HardConcreteGate, (VECTOR,), {"penalty": 0.1}, wrong_ranks=((),), deterministic_kwargs=OPEN
    ),
    "HardConcreteGate-sequence": LayerCase(
        HardConcreteGate,
        (SEQUENCE,),
        {"penalty": 0.0, "droprate_init": 0.1},
        deterministic_kwargs=OPEN,
    ),
    "HardConcreteGate-sample": LayerCase(
        HardConcreteGate,
        (IMAGE,),
        {"penalty": 0.1, "per_sample": True, "axis": 1, "seed": 1},
        deterministic_kwargs=OPEN,
    ),
    "MaskedDense": LayerCase(MaskedDense, (VECTOR,), {"units": 5}),
    "MaskedDense-made": LayerCase(
        MaskedDense, (SEQUENCE,), {"units": 6, "mask": "made_output", "features": 3}
    ),
    "MaskedDense-array": LayerCase(
        MaskedDense,
        (VECTOR,),
        {"units": 2, "mask": [[1, 0], [0, 1]] + [[1, 1]] * 3, "activation": "relu"},
    ),
    "MaskedConv2D": LayerCase(
        MaskedConv2D, (IMAGE,), {"filters": 4, "kernel_size": 3}, empty=False
    ),
    "MaskedConv2D-rgb": LayerCase(
        MaskedConv2D,
        ((6, 4, 3),),
        {
            "filters": 3,
            "kernel_size": (3, 5),
            "mask": "A",
            "channel_groups": 3,
            "data_format": "channels_first",
        },
        empty=False,
    ),
    "MaskedConv2D-rows": LayerCase(
        MaskedConv2D,
        (IMAGE,),
        {"filters": 4, "kernel_size": 3, "mask": "rows", "strides": 2, "activation": "tanh"},
        empty=False,
    ),
    "MaskedConv2D-array": LayerCase(
        MaskedConv2D,
        (IMAGE,),
        {"filters": 4, "kernel_size": 2, "mask": [[1, 0], [0, 1]], "padding": "valid"},
        empty=False,
    ),
}
