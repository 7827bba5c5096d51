"""Efficient pairwise operations: tokens, and a pooled or mixed context."""

from keras_hadamard.layers.pairwise.aft import AFT as AFT
from keras_hadamard.layers.pairwise.convolutional_modulation_2d import (
    ConvolutionalModulation2D as ConvolutionalModulation2D,
)
from keras_hadamard.layers.pairwise.efficient_modulation_2d import (
    EfficientModulation2D as EfficientModulation2D,
)
from keras_hadamard.layers.pairwise.focal_modulation_1d import (
    FocalModulation1D as FocalModulation1D,
)
from keras_hadamard.layers.pairwise.focal_modulation_2d import (
    FocalModulation2D as FocalModulation2D,
)
from keras_hadamard.layers.pairwise.gated_linear_attention import (
    GatedLinearAttention as GatedLinearAttention,
)
from keras_hadamard.layers.pairwise.gmlp_block import GMLPBlock as GMLPBlock
from keras_hadamard.layers.pairwise.gn_conv_2d import GnConv2D as GnConv2D
from keras_hadamard.layers.pairwise.h3 import H3 as H3
from keras_hadamard.layers.pairwise.hydra_attention import HydraAttention as HydraAttention
from keras_hadamard.layers.pairwise.hyena_operator import HyenaOperator as HyenaOperator
from keras_hadamard.layers.pairwise.large_kernel_attention_2d import (
    LargeKernelAttention2D as LargeKernelAttention2D,
)
from keras_hadamard.layers.pairwise.linear_attention import LinearAttention as LinearAttention
from keras_hadamard.layers.pairwise.monarch_mixer import MonarchMixer as MonarchMixer
from keras_hadamard.layers.pairwise.poly_non_local import PolyNonLocal as PolyNonLocal
from keras_hadamard.layers.pairwise.poly_self_attention import (
    PolySelfAttention as PolySelfAttention,
)
from keras_hadamard.layers.pairwise.retention import Retention as Retention
from keras_hadamard.layers.pairwise.simple_gated_linear_attention import (
    SimpleGatedLinearAttention as SimpleGatedLinearAttention,
)
from keras_hadamard.layers.pairwise.spatial_gating_unit import (
    SpatialGatingUnit as SpatialGatingUnit,
)
