"""Configurations of the convolutions of inpainting."""

from harness.layer_cases import IMAGE, SEQUENCE, LayerCase

from keras_hadamard.layers import GatedConv1D, GatedConv2D, PartialConv2D

MASK = (4, 3, 1)
NO_IMAGE = ((5,), (6, 5))
CASES = {
    "PartialConv2D": LayerCase(
        PartialConv2D, (IMAGE, MASK), {"filters": 4}, wrong_ranks=NO_IMAGE, empty=False
    ),
    "PartialConv2D-padding": LayerCase(
        PartialConv2D, (IMAGE,), {"filters": 4, "kernel_size": 5}, wrong_ranks=NO_IMAGE, empty=False
    ),
    "PartialConv2D-multi": LayerCase(
        PartialConv2D,
        (IMAGE, IMAGE),
        {"filters": 4, "multi_channel": True, "return_mask": True, "strides": 2},
        empty=False,
    ),
    "PartialConv2D-first": LayerCase(
        PartialConv2D,
        ((5, 4, 3), (1, 4, 3)),
        {
            "filters": 4,
            "kernel_size": (2, 1),
            "padding": "valid",
            "dilation_rate": 2,
            "return_mask": True,
            "epsilon": 1e-3,
            "use_bias": False,
            "data_format": "channels_first",
        },
        empty=False,
    ),
    "GatedConv2D": LayerCase(
        GatedConv2D, (IMAGE,), {"filters": 4}, wrong_ranks=NO_IMAGE, empty=False
    ),
    "GatedConv2D-strided": LayerCase(
        GatedConv2D,
        (IMAGE,),
        {"filters": 4, "kernel_size": 5, "strides": 2, "activation": "leaky_relu"},
        empty=False,
    ),
    "GatedConv2D-mirrored": LayerCase(
        GatedConv2D,
        ((5, 4, 3),),
        {
            "filters": 4,
            "padding": "symmetric",
            "dilation_rate": 2,
            "activation": "tanh",
            "gate_activation": "hard_sigmoid",
            "data_format": "channels_first",
        },
        empty=False,
    ),
    "GatedConv1D": LayerCase(
        GatedConv1D, (SEQUENCE,), {"filters": 4}, wrong_ranks=((5,), IMAGE), empty=False
    ),
    "GatedConv1D-causal": LayerCase(
        GatedConv1D,
        (SEQUENCE,),
        {
            "filters": 4,
            "kernel_size": 2,
            "padding": "causal",
            "dilation_rate": 2,
            "activation": "tanh",
        },
        empty=False,
    ),
    "GatedConv1D-strided": LayerCase(
        GatedConv1D,
        (SEQUENCE,),
        {"filters": 4, "strides": 2, "padding": "reflect", "activation": None},
        mask="consumed",
        empty=False,
    ),
}
