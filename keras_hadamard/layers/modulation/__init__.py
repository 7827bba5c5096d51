"""Adaptive modulation: a representation, and a gate or mask for it."""

from keras_hadamard.layers.modulation.adain import AdaIN
from keras_hadamard.layers.modulation.attention_pooling import AttentionPooling
from keras_hadamard.layers.modulation.cbam_2d import CBAM2D
from keras_hadamard.layers.modulation.conditional_layer_normalization import (
    ConditionalLayerNormalization,
)
from keras_hadamard.layers.modulation.conv_glu import ConvGLU
from keras_hadamard.layers.modulation.coordinate_attention_2d import CoordinateAttention2D
from keras_hadamard.layers.modulation.drop_block_2d import DropBlock2D
from keras_hadamard.layers.modulation.drop_connect import DropConnect
from keras_hadamard.layers.modulation.drop_path import DropPath
from keras_hadamard.layers.modulation.efficient_channel_attention_2d import (
    EfficientChannelAttention2D,
)
from keras_hadamard.layers.modulation.gated_conv_1d import GatedConv1D
from keras_hadamard.layers.modulation.gated_conv_2d import GatedConv2D
from keras_hadamard.layers.modulation.gated_conv_block_2d import GatedConvBlock2D
from keras_hadamard.layers.modulation.gated_dense import GatedDense
from keras_hadamard.layers.modulation.gated_feed_forward_2d import GatedFeedForward2D
from keras_hadamard.layers.modulation.gated_mlp import GatedMLP
from keras_hadamard.layers.modulation.gated_residual import GatedResidual
from keras_hadamard.layers.modulation.global_response_normalization import (
    GlobalResponseNormalization,
)
from keras_hadamard.layers.modulation.hard_concrete_gate import HardConcreteGate
from keras_hadamard.layers.modulation.hgrn import HGRN
from keras_hadamard.layers.modulation.highway import Highway
from keras_hadamard.layers.modulation.hyper_connections import HyperConnections
from keras_hadamard.layers.modulation.layer_scale import LayerScale
from keras_hadamard.layers.modulation.masked_conv_2d import MaskedConv2D
from keras_hadamard.layers.modulation.masked_dense import MaskedDense
from keras_hadamard.layers.modulation.min_gru import MinGRU
from keras_hadamard.layers.modulation.min_lstm import MinLSTM
from keras_hadamard.layers.modulation.modulated_conv_2d import ModulatedConv2D
from keras_hadamard.layers.modulation.multiplicative_lstm import MultiplicativeLSTM
from keras_hadamard.layers.modulation.naf_block_2d import NAFBlock2D
from keras_hadamard.layers.modulation.partial_conv_2d import PartialConv2D
from keras_hadamard.layers.modulation.poly_norm import PolyNorm
from keras_hadamard.layers.modulation.poly_relu import PolyReLU
from keras_hadamard.layers.modulation.qrnn import QRNN
from keras_hadamard.layers.modulation.rglru import RGLRU
from keras_hadamard.layers.modulation.sim_am import SimAM
from keras_hadamard.layers.modulation.simple_gate import SimpleGate
from keras_hadamard.layers.modulation.spade import SPADE
from keras_hadamard.layers.modulation.squeeze_excite_2d import SqueezeExcite2D
from keras_hadamard.layers.modulation.sru import SRU
from keras_hadamard.layers.modulation.tab_net_encoder import TabNetEncoder
from keras_hadamard.layers.modulation.variable_selection import VariableSelection

__all__ = [
    "CBAM2D",
    "HGRN",
    "QRNN",
    "RGLRU",
    "SPADE",
    "SRU",
    "AdaIN",
    "AttentionPooling",
    "ConditionalLayerNormalization",
    "ConvGLU",
    "CoordinateAttention2D",
    "DropBlock2D",
    "DropConnect",
    "DropPath",
    "EfficientChannelAttention2D",
    "GatedConv1D",
    "GatedConv2D",
    "GatedConvBlock2D",
    "GatedDense",
    "GatedFeedForward2D",
    "GatedMLP",
    "GatedResidual",
    "GlobalResponseNormalization",
    "HardConcreteGate",
    "Highway",
    "HyperConnections",
    "LayerScale",
    "MaskedConv2D",
    "MaskedDense",
    "MinGRU",
    "MinLSTM",
    "ModulatedConv2D",
    "MultiplicativeLSTM",
    "NAFBlock2D",
    "PartialConv2D",
    "PolyNorm",
    "PolyReLU",
    "SimAM",
    "SimpleGate",
    "SqueezeExcite2D",
    "TabNetEncoder",
    "VariableSelection",
]


def __dir__() -> list[str]:
    return sorted(__all__)
