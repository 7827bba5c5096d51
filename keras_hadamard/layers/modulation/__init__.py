"""Adaptive modulation: a representation, and a gate or mask for it."""

from keras_hadamard.layers.modulation.adain import AdaIN as AdaIN
from keras_hadamard.layers.modulation.cbam_2d import CBAM2D as CBAM2D
from keras_hadamard.layers.modulation.conditional_layer_normalization import (
    ConditionalLayerNormalization as ConditionalLayerNormalization,
)
from keras_hadamard.layers.modulation.drop_block_2d import DropBlock2D as DropBlock2D
from keras_hadamard.layers.modulation.drop_connect import DropConnect as DropConnect
from keras_hadamard.layers.modulation.drop_path import DropPath as DropPath
from keras_hadamard.layers.modulation.efficient_channel_attention_2d import (
    EfficientChannelAttention2D as EfficientChannelAttention2D,
)
from keras_hadamard.layers.modulation.gated_conv_1d import GatedConv1D as GatedConv1D
from keras_hadamard.layers.modulation.gated_conv_2d import GatedConv2D as GatedConv2D
from keras_hadamard.layers.modulation.gated_dense import GatedDense as GatedDense
from keras_hadamard.layers.modulation.gated_mlp import GatedMLP as GatedMLP
from keras_hadamard.layers.modulation.gated_residual import GatedResidual as GatedResidual
from keras_hadamard.layers.modulation.global_response_normalization import (
    GlobalResponseNormalization as GlobalResponseNormalization,
)
from keras_hadamard.layers.modulation.hard_concrete_gate import HardConcreteGate as HardConcreteGate
from keras_hadamard.layers.modulation.hgrn import HGRN as HGRN
from keras_hadamard.layers.modulation.highway import Highway as Highway
from keras_hadamard.layers.modulation.layer_scale import LayerScale as LayerScale
from keras_hadamard.layers.modulation.masked_conv_2d import MaskedConv2D as MaskedConv2D
from keras_hadamard.layers.modulation.masked_dense import MaskedDense as MaskedDense
from keras_hadamard.layers.modulation.min_gru import MinGRU as MinGRU
from keras_hadamard.layers.modulation.min_lstm import MinLSTM as MinLSTM
from keras_hadamard.layers.modulation.modulated_conv_2d import ModulatedConv2D as ModulatedConv2D
from keras_hadamard.layers.modulation.multiplicative_lstm import (
    MultiplicativeLSTM as MultiplicativeLSTM,
)
from keras_hadamard.layers.modulation.partial_conv_2d import PartialConv2D as PartialConv2D
from keras_hadamard.layers.modulation.qrnn import QRNN as QRNN
from keras_hadamard.layers.modulation.rglru import RGLRU as RGLRU
from keras_hadamard.layers.modulation.simple_gate import SimpleGate as SimpleGate
from keras_hadamard.layers.modulation.spade import SPADE as SPADE
from keras_hadamard.layers.modulation.squeeze_excite_2d import SqueezeExcite2D as SqueezeExcite2D
from keras_hadamard.layers.modulation.sru import SRU as SRU
