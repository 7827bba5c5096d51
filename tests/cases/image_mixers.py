"""Configurations of focal modulation, gated convolutions and convolutional modulations."""

from harness.layer_cases import IMAGE, SEQUENCE, VECTOR, LayerCase

from keras_hadamard.layers import (
    ConvolutionalModulation2D,
    EfficientModulation2D,
    FocalModulation1D,
    FocalModulation2D,
    GnConv2D,
    LargeKernelAttention2D,
)

CHANNELS_FIRST = (5, 4, 3)
EVEN, EVEN_FIRST = (4, 3, 8), (8, 4, 5)
NO_IMAGE = ((6, 5), (2, 4, 3, 5))

CASES = {
    "FocalModulation1D": LayerCase(FocalModulation1D, (SEQUENCE,), wrong_ranks=(VECTOR, (2, 6, 5))),
    "FocalModulation1D-all": LayerCase(
        FocalModulation1D,
        (SEQUENCE,),
        {
            "levels": 3,
            "window": 2,
            "factor": 0,
            "post_norm": True,
            "normalize_modulator": True,
            "activation": "relu",
            "use_bias": False,
            "use_output_bias": False,
        },
    ),
    "FocalModulation2D": LayerCase(FocalModulation2D, (IMAGE,), wrong_ranks=NO_IMAGE),
    "FocalModulation2D-first": LayerCase(
        FocalModulation2D,
        (CHANNELS_FIRST,),
        {
            "levels": 1,
            "window": 5,
            "post_norm": True,
            "depthwise_initializer": "he_normal",
            "data_format": "channels_first",
        },
    ),
    "FocalModulation2D-levels": LayerCase(FocalModulation2D, (IMAGE,), {"levels": 3, "factor": 1}),
    "GnConv2D": LayerCase(GnConv2D, (EVEN,), {"order": 3}, wrong_ranks=(*NO_IMAGE, IMAGE)),
    "GnConv2D-first": LayerCase(
        GnConv2D,
        (EVEN_FIRST,),
        {
            "order": 4,
            "scale": 1.0,
            "kernel_size": 3,
            "depthwise_initializer": "he_normal",
            "data_format": "channels_first",
        },
    ),
    "GnConv2D-one": LayerCase(GnConv2D, (IMAGE,), {"order": 1, "use_bias": False}),
    "GnConv2D-global": LayerCase(GnConv2D, (EVEN,), {"order": 3, "global_filter": (4, 2)}),
    "GnConv2D-interpolated": LayerCase(
        GnConv2D,
        (EVEN_FIRST,),
        {"order": 2, "global_filter": (3, 5), "data_format": "channels_first"},
    ),
    "ConvolutionalModulation2D": LayerCase(
        ConvolutionalModulation2D, (IMAGE,), wrong_ranks=NO_IMAGE
    ),
    "ConvolutionalModulation2D-first": LayerCase(
        ConvolutionalModulation2D,
        (CHANNELS_FIRST,),
        {
            "kernel_size": 5,
            "activation": None,
            "depthwise_initializer": "he_normal",
            "data_format": "channels_first",
            "use_bias": False,
        },
    ),
    "EfficientModulation2D": LayerCase(EfficientModulation2D, (IMAGE,), wrong_ranks=NO_IMAGE),
    "EfficientModulation2D-one": LayerCase(
        EfficientModulation2D,
        (IMAGE,),
        {"expansion": 1, "kernel_sizes": (3, 5), "activation": "gelu_tanh"},
    ),
    "EfficientModulation2D-first": LayerCase(
        EfficientModulation2D,
        (CHANNELS_FIRST,),
        {"expansion": 2, "data_format": "channels_first", "depthwise_initializer": "he_normal"},
    ),
    "LargeKernelAttention2D": LayerCase(LargeKernelAttention2D, (IMAGE,), wrong_ranks=NO_IMAGE),
    "LargeKernelAttention2D-first": LayerCase(
        LargeKernelAttention2D,
        (CHANNELS_FIRST,),
        {
            "kernel_size": 7,
            "dilation": 2,
            "activation": None,
            "data_format": "channels_first",
            "use_bias": False,
        },
    ),
}
