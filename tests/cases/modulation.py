"""Configurations of gates and recurrences."""

from harness.layer_cases import IMAGE, SEQUENCE, VECTOR, LayerCase

from keras_hadamard.layers import (
    DropBlock2D,
    GatedDense,
    GatedMLP,
    GatedResidual,
    GlobalResponseNormalization,
    Highway,
    LayerScale,
    SimpleGate,
)

CASES = {
    "GatedDense": LayerCase(GatedDense, (VECTOR,), {"units": 4}, wrong_ranks=((),)),
    "GatedDense-gelu": LayerCase(GatedDense, (SEQUENCE,), {"units": 4, "activation": "gelu"}),
    "GatedDense-bilinear": LayerCase(GatedDense, (IMAGE,), {"units": 4, "activation": None}),
    "GatedDense-packed": LayerCase(
        GatedDense,
        (SEQUENCE,),
        {"units": 4, "packed": True, "gate_first": True, "gate_bias_initializer": "ones"},
    ),
    "GatedDense-clamped": LayerCase(
        GatedDense, (VECTOR,), {"units": 4, "packed": True, "interleaved": True, "limit": 0.5}
    ),
    "GatedMLP": LayerCase(GatedMLP, (SEQUENCE,), {}, wrong_ranks=((),)),
    "GatedMLP-narrow": LayerCase(
        GatedMLP, (VECTOR,), {"units": 3, "hidden_units": 6, "activation": "gelu"}
    ),
    "GatedMLP-packed": LayerCase(
        GatedMLP,
        (IMAGE,),
        {
            "hidden_units": 6,
            "packed": True,
            "use_bias": True,
            "normalization": "layer",
            "dropout": 0.2,
            "seed": 1,
            "lora_rank": 2,
        },
    ),
    "GatedMLP-clamped": LayerCase(
        GatedMLP,
        (SEQUENCE,),
        {
            "activation": "quick_gelu",
            "packed": True,
            "interleaved": True,
            "gate_first": True,
            "limit": 0.5,
            "value_offset": 1.0,
            "use_bias": True,
        },
    ),
    "GatedResidual": LayerCase(GatedResidual, (VECTOR,), {}, wrong_ranks=((),)),
    "GatedResidual-context": LayerCase(
        GatedResidual,
        (SEQUENCE, (4,)),
        {"units": 3, "hidden_units": 6, "dropout": 0.2, "seed": 1},
        wrong_ranks=((), (2, 3)),
    ),
    "GlobalResponseNormalization": LayerCase(
        GlobalResponseNormalization, (IMAGE,), {}, wrong_ranks=(VECTOR,)
    ),
    "GlobalResponseNormalization-sequence": LayerCase(GlobalResponseNormalization, (SEQUENCE,), {}),
    "GlobalResponseNormalization-first": LayerCase(
        GlobalResponseNormalization, (IMAGE,), {"data_format": "channels_first"}
    ),
    "Highway": LayerCase(Highway, (SEQUENCE,), {}, wrong_ranks=((),)),
    "LayerScale": LayerCase(LayerScale, (SEQUENCE,), {"initial": 0.5}, wrong_ranks=((),)),
    "LayerScale-first": LayerCase(LayerScale, (IMAGE,), {"axis": 1}),
    "SimpleGate": LayerCase(SimpleGate, ((6, 4),), {}, wrong_ranks=((), VECTOR)),
    "SimpleGate-first": LayerCase(SimpleGate, (IMAGE,), {"axis": 1, "activation": "sigmoid"}),
    "DropBlock2D": LayerCase(
        DropBlock2D, (IMAGE,), {"rate": 0.2, "seed": 1}, wrong_ranks=((5,), (6, 5))
    ),
    "DropBlock2D-first": LayerCase(
        DropBlock2D, (IMAGE,), {"rate": 0.0, "block_size": 3, "data_format": "channels_first"}
    ),
}
