"""Efficient pairwise operations: tokens, and a pooled or mixed context."""

from keras_hadamard.layers.pairwise.aft import AFT
from keras_hadamard.layers.pairwise.convolutional_modulation_2d import ConvolutionalModulation2D
from keras_hadamard.layers.pairwise.delta_net import DeltaNet
from keras_hadamard.layers.pairwise.efficient_modulation_2d import EfficientModulation2D
from keras_hadamard.layers.pairwise.focal_modulation_1d import FocalModulation1D
from keras_hadamard.layers.pairwise.focal_modulation_2d import FocalModulation2D
from keras_hadamard.layers.pairwise.gated_attention import GatedAttention
from keras_hadamard.layers.pairwise.gated_delta_net import GatedDeltaNet
from keras_hadamard.layers.pairwise.gated_linear_attention import GatedLinearAttention
from keras_hadamard.layers.pairwise.gmlp_block import GMLPBlock
from keras_hadamard.layers.pairwise.gn_conv_2d import GnConv2D
from keras_hadamard.layers.pairwise.h3 import H3
from keras_hadamard.layers.pairwise.hydra_attention import HydraAttention
from keras_hadamard.layers.pairwise.hyena_operator import HyenaOperator
from keras_hadamard.layers.pairwise.kimi_delta_attention import KimiDeltaAttention
from keras_hadamard.layers.pairwise.large_kernel_attention_2d import LargeKernelAttention2D
from keras_hadamard.layers.pairwise.linear_attention import LinearAttention
from keras_hadamard.layers.pairwise.mamba2 import Mamba2
from keras_hadamard.layers.pairwise.monarch_mixer import MonarchMixer
from keras_hadamard.layers.pairwise.poly_non_local import PolyNonLocal
from keras_hadamard.layers.pairwise.poly_self_attention import PolySelfAttention
from keras_hadamard.layers.pairwise.retention import Retention
from keras_hadamard.layers.pairwise.simple_gated_linear_attention import SimpleGatedLinearAttention
from keras_hadamard.layers.pairwise.spatial_gating_unit import SpatialGatingUnit

__all__ = [
    "AFT",
    "H3",
    "ConvolutionalModulation2D",
    "DeltaNet",
    "EfficientModulation2D",
    "FocalModulation1D",
    "FocalModulation2D",
    "GMLPBlock",
    "GatedAttention",
    "GatedDeltaNet",
    "GatedLinearAttention",
    "GnConv2D",
    "HydraAttention",
    "HyenaOperator",
    "KimiDeltaAttention",
    "LargeKernelAttention2D",
    "LinearAttention",
    "Mamba2",
    "MonarchMixer",
    "PolyNonLocal",
    "PolySelfAttention",
    "Retention",
    "SimpleGatedLinearAttention",
    "SpatialGatingUnit",
]


def __dir__() -> list[str]:
    return sorted(__all__)
