"""Configurations of the star operation's and MONet's layers."""

from harness.layer_cases import IMAGE, SEQUENCE, VECTOR, LayerCase

from keras_hadamard.layers import DemoBlock2D, MuLayer, PolyBlock, StarBlock2D, StarOperation

CHANNELS_FIRST = (5, 4, 3)
# With few channels a normalised factor may have next to no variance, and 16 bits no meaning.
WIDE = (4, 3, 16)
NO_IMAGE = ((6, 5), (2, 4, 3, 5))

CASES = {
    "MuLayer": LayerCase(MuLayer, (VECTOR,), wrong_ranks=((),)),
    "MuLayer-sequences": LayerCase(
        MuLayer, (SEQUENCE,), {"units": 4, "hidden_units": 16, "use_alpha": False}
    ),
    "MuLayer-spatial": LayerCase(
        MuLayer,
        (IMAGE,),
        {"hidden_units": 9, "rank": 6, "use_spatial_shift": True},
        wrong_ranks=NO_IMAGE,
    ),
    "MuLayer-polynomial": LayerCase(
        MuLayer,
        (IMAGE,),
        {
            "units": 3,
            "hidden_units": 8,
            "normalize": False,
            "activation": "tanh",
            "use_bias": False,
            "branch_bias_initializer": "zeros",
        },
    ),
    "PolyBlock": LayerCase(PolyBlock, (WIDE,), {"expansion": 2}, wrong_ranks=NO_IMAGE),
    "PolyBlock-two-norms": LayerCase(
        PolyBlock,
        (WIDE,),
        {"shared_normalization": False, "drop_path": 0.3, "seed": 1, "activation": "tanh"},
    ),
    "PolyBlock-polynomial": LayerCase(
        PolyBlock,
        (IMAGE,),
        {"normalize": False, "use_alpha": False, "kernel_initializer": "lecun_normal"},
    ),
    "StarOperation": LayerCase(StarOperation, (VECTOR,), wrong_ranks=((),)),
    "StarOperation-sequences": LayerCase(
        StarOperation, (SEQUENCE,), {"expansion": 2, "activation": None, "units": 3}
    ),
    "StarOperation-add": LayerCase(
        StarOperation, (IMAGE,), {"mode": "add", "activation": "gelu", "use_bias": False}
    ),
    "StarBlock2D": LayerCase(StarBlock2D, (IMAGE,), wrong_ranks=NO_IMAGE),
    "StarBlock2D-first": LayerCase(
        StarBlock2D,
        (CHANNELS_FIRST,),
        {
            "expansion": 2,
            "kernel_size": 3,
            "drop_path": 0.5,
            "seed": 3,
            "data_format": "channels_first",
            "use_bias": False,
        },
    ),
    "DemoBlock2D": LayerCase(
        DemoBlock2D,
        (IMAGE,),
        {"layer_scale": 0.5, "kernel_initializer": "glorot_uniform"},
        wrong_ranks=NO_IMAGE,
    ),
    "DemoBlock2D-add": LayerCase(
        DemoBlock2D,
        (CHANNELS_FIRST,),
        {
            "mode": "add",
            "expansion": 2,
            "kernel_size": 5,
            "activation": "gelu_tanh",
            "layer_scale": 0.0,
            "drop_path": 0.2,
            "data_format": "channels_first",
        },
    ),
}
