"""Higher-order correlation: the branches are projections of one input."""

from keras_hadamard.layers.high_order.attentional_factorization_machine import (
    AttentionalFactorizationMachine,
)
from keras_hadamard.layers.high_order.bilinear_interaction import BilinearInteraction
from keras_hadamard.layers.high_order.bilinear_pooling_2d import BilinearPooling2D
from keras_hadamard.layers.high_order.compact_bilinear_pooling_2d import CompactBilinearPooling2D
from keras_hadamard.layers.high_order.compressed_interaction import CompressedInteraction
from keras_hadamard.layers.high_order.cope import CoPE
from keras_hadamard.layers.high_order.cross_network import CrossNetwork
from keras_hadamard.layers.high_order.deep_cross_v3 import DeepCrossV3
from keras_hadamard.layers.high_order.demo_block_2d import DemoBlock2D
from keras_hadamard.layers.high_order.dense_polynomial_residual_block_2d import (
    DensePolynomialResidualBlock2D,
)
from keras_hadamard.layers.high_order.dice import Dice
from keras_hadamard.layers.high_order.dot_interaction import DotInteraction
from keras_hadamard.layers.high_order.euler_interaction import EulerInteraction
from keras_hadamard.layers.high_order.factorization_machine import FactorizationMachine
from keras_hadamard.layers.high_order.factorized_interaction import FactorizedInteraction
from keras_hadamard.layers.high_order.feature_cross import FeatureCross
from keras_hadamard.layers.high_order.field_aware_factorization_machine import (
    FieldAwareFactorizationMachine,
)
from keras_hadamard.layers.high_order.field_squeeze_excite import FieldSqueezeExcite
from keras_hadamard.layers.high_order.fourier_filter import FourierFilter
from keras_hadamard.layers.high_order.gabor_filter import GaborFilter
from keras_hadamard.layers.high_order.gate_nu import GateNU
from keras_hadamard.layers.high_order.gated_cross_network import GatedCrossNetwork
from keras_hadamard.layers.high_order.holographic_interaction import HolographicInteraction
from keras_hadamard.layers.high_order.inner_product_interaction import InnerProductInteraction
from keras_hadamard.layers.high_order.logarithmic_transform import LogarithmicTransform
from keras_hadamard.layers.high_order.mask_block import MaskBlock
from keras_hadamard.layers.high_order.mixture_cross import MixtureCross
from keras_hadamard.layers.high_order.mu_layer import MuLayer
from keras_hadamard.layers.high_order.multiplicative_interaction import MultiplicativeInteraction
from keras_hadamard.layers.high_order.outer_product_interaction import OuterProductInteraction
from keras_hadamard.layers.high_order.poly_block import PolyBlock
from keras_hadamard.layers.high_order.polynomial_block_2d import PolynomialBlock2D
from keras_hadamard.layers.high_order.polynomial_conv_2d import PolynomialConv2D
from keras_hadamard.layers.high_order.polynomial_dense import PolynomialDense
from keras_hadamard.layers.high_order.polynomial_residual_block_2d import PolynomialResidualBlock2D
from keras_hadamard.layers.high_order.product_of_polynomials import ProductOfPolynomials
from keras_hadamard.layers.high_order.quadratic_dense import QuadraticDense
from keras_hadamard.layers.high_order.star_block_2d import StarBlock2D
from keras_hadamard.layers.high_order.star_operation import StarOperation
from keras_hadamard.layers.high_order.target_attention import TargetAttention

__all__ = [
    "AttentionalFactorizationMachine",
    "BilinearInteraction",
    "BilinearPooling2D",
    "CoPE",
    "CompactBilinearPooling2D",
    "CompressedInteraction",
    "CrossNetwork",
    "DeepCrossV3",
    "DemoBlock2D",
    "DensePolynomialResidualBlock2D",
    "Dice",
    "DotInteraction",
    "EulerInteraction",
    "FactorizationMachine",
    "FactorizedInteraction",
    "FeatureCross",
    "FieldAwareFactorizationMachine",
    "FieldSqueezeExcite",
    "FourierFilter",
    "GaborFilter",
    "GateNU",
    "GatedCrossNetwork",
    "HolographicInteraction",
    "InnerProductInteraction",
    "LogarithmicTransform",
    "MaskBlock",
    "MixtureCross",
    "MuLayer",
    "MultiplicativeInteraction",
    "OuterProductInteraction",
    "PolyBlock",
    "PolynomialBlock2D",
    "PolynomialConv2D",
    "PolynomialDense",
    "PolynomialResidualBlock2D",
    "ProductOfPolynomials",
    "QuadraticDense",
    "StarBlock2D",
    "StarOperation",
    "TargetAttention",
]


def __dir__() -> list[str]:
    return sorted(__all__)
