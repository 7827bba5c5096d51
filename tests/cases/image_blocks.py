"""Configurations of gated blocks and feed-forward layers of images."""

from harness.layer_cases import IMAGE, LayerCase

from keras_hadamard.layers import (
    ConvGLU,
    CoordinateAttention2D,
    GatedConvBlock2D,
    GatedFeedForward2D,
    NAFBlock2D,
    SimAM,
)

CHANNELS_FIRST = (5, 4, 3)
EVEN = (4, 3, 4)
NO_IMAGE = ((6, 5), (2, 4, 3, 5))
FIRST = {"data_format": "channels_first", "depthwise_initializer": "he_normal"}

CASES = {
    "ConvGLU": LayerCase(ConvGLU, (IMAGE,), wrong_ranks=NO_IMAGE),
    "ConvGLU-first": LayerCase(
        ConvGLU,
        (CHANNELS_FIRST,),
        {"hidden_units": 7, "kernel_size": 5, "activation": "silu", "use_bias": False, **FIRST},
    ),
    "GatedFeedForward2D": LayerCase(GatedFeedForward2D, (IMAGE,), wrong_ranks=NO_IMAGE),
    "GatedFeedForward2D-first": LayerCase(
        GatedFeedForward2D,
        (CHANNELS_FIRST,),
        {"expansion": 1, "kernel_size": 1, "activation": None, "use_bias": True, **FIRST},
    ),
    "GatedConvBlock2D": LayerCase(GatedConvBlock2D, (IMAGE,), wrong_ranks=NO_IMAGE),
    "GatedConvBlock2D-partial": LayerCase(
        GatedConvBlock2D, (IMAGE,), {"expansion": 2, "kernel_size": 3, "conv_ratio": 0.5}
    ),
    "GatedConvBlock2D-first": LayerCase(
        GatedConvBlock2D,
        (CHANNELS_FIRST,),
        {
            "expansion": 1.5,
            "kernel_size": 5,
            "conv_ratio": 1.5,
            "activation": "gelu_tanh",
            "epsilon": 1e-3,
            "drop_path": 0.2,
            "seed": 1,
            **FIRST,
        },
    ),
    "CoordinateAttention2D": LayerCase(CoordinateAttention2D, (IMAGE,), wrong_ranks=NO_IMAGE),
    "CoordinateAttention2D-first": LayerCase(
        CoordinateAttention2D,
        (CHANNELS_FIRST,),
        {
            "hidden_units": 3,
            "activation": "relu",
            "use_bias": False,
            "data_format": "channels_first",
        },
    ),
    "CoordinateAttention2D-wide": LayerCase(CoordinateAttention2D, ((3, 4, 20),), {"ratio": 0.5}),
    "SimAM": LayerCase(SimAM, (IMAGE,), wrong_ranks=NO_IMAGE),
    "SimAM-first": LayerCase(
        SimAM, (CHANNELS_FIRST,), {"epsilon": 1e-2, "data_format": "channels_first"}
    ),
    # Where the branches start silent there is nothing to compare.
    "NAFBlock2D": LayerCase(NAFBlock2D, (IMAGE,), {"layer_scale": 0.5}, wrong_ranks=NO_IMAGE),
    "NAFBlock2D-start": LayerCase(NAFBlock2D, (EVEN,)),
    "NAFBlock2D-first": LayerCase(
        NAFBlock2D,
        (CHANNELS_FIRST,),
        {
            "expansion": 4,
            "feed_forward_expansion": 2,
            "kernel_size": 1,
            "layer_scale": 0.5,
            "dropout": 0.2,
            "epsilon": 1e-3,
            "seed": 1,
            "use_bias": False,
            **FIRST,
        },
    ),
}
