"""Keras layers of the four domains, one folder a domain."""

from keras_hadamard.layers._catalogue import catalogue as catalogue
from keras_hadamard.layers.fusion import BLOCK as BLOCK
from keras_hadamard.layers.fusion import GMU as GMU
from keras_hadamard.layers.fusion import LMF as LMF
from keras_hadamard.layers.fusion import MCB as MCB
from keras_hadamard.layers.fusion import MFB as MFB
from keras_hadamard.layers.fusion import MFH as MFH
from keras_hadamard.layers.fusion import MLB as MLB
from keras_hadamard.layers.fusion import MRN as MRN
from keras_hadamard.layers.fusion import MUTAN as MUTAN
from keras_hadamard.layers.fusion import BilinearAttention as BilinearAttention
from keras_hadamard.layers.fusion import BlockTucker as BlockTucker
from keras_hadamard.layers.fusion import ConcatFusion as ConcatFusion
from keras_hadamard.layers.fusion import (
    ConditionalBatchNormalization as ConditionalBatchNormalization,
)
from keras_hadamard.layers.fusion import CrossModalGate as CrossModalGate
from keras_hadamard.layers.fusion import FiLM as FiLM
from keras_hadamard.layers.fusion import FiLMResidualBlock2D as FiLMResidualBlock2D
from keras_hadamard.layers.fusion import HadamardFusion as HadamardFusion
from keras_hadamard.layers.fusion import SumFusion as SumFusion
from keras_hadamard.layers.fusion import TensorFusion as TensorFusion
from keras_hadamard.layers.fusion import TuckerFusion as TuckerFusion
from keras_hadamard.layers.hadamard_product import HadamardProduct as HadamardProduct
from keras_hadamard.layers.high_order import (
    AttentionalFactorizationMachine as AttentionalFactorizationMachine,
)
from keras_hadamard.layers.high_order import BilinearPooling2D as BilinearPooling2D
from keras_hadamard.layers.high_order import CompactBilinearPooling2D as CompactBilinearPooling2D
from keras_hadamard.layers.high_order import CompressedInteraction as CompressedInteraction
from keras_hadamard.layers.high_order import CoPE as CoPE
from keras_hadamard.layers.high_order import CrossNetwork as CrossNetwork
from keras_hadamard.layers.high_order import DemoBlock2D as DemoBlock2D
from keras_hadamard.layers.high_order import (
    DensePolynomialResidualBlock2D as DensePolynomialResidualBlock2D,
)
from keras_hadamard.layers.high_order import DotInteraction as DotInteraction
from keras_hadamard.layers.high_order import FactorizationMachine as FactorizationMachine
from keras_hadamard.layers.high_order import FeatureCross as FeatureCross
from keras_hadamard.layers.high_order import (
    FieldAwareFactorizationMachine as FieldAwareFactorizationMachine,
)
from keras_hadamard.layers.high_order import FourierFilter as FourierFilter
from keras_hadamard.layers.high_order import GaborFilter as GaborFilter
from keras_hadamard.layers.high_order import InnerProductInteraction as InnerProductInteraction
from keras_hadamard.layers.high_order import MixtureCross as MixtureCross
from keras_hadamard.layers.high_order import MuLayer as MuLayer
from keras_hadamard.layers.high_order import MultiplicativeInteraction as MultiplicativeInteraction
from keras_hadamard.layers.high_order import OuterProductInteraction as OuterProductInteraction
from keras_hadamard.layers.high_order import PolyBlock as PolyBlock
from keras_hadamard.layers.high_order import PolynomialBlock2D as PolynomialBlock2D
from keras_hadamard.layers.high_order import PolynomialConv2D as PolynomialConv2D
from keras_hadamard.layers.high_order import PolynomialDense as PolynomialDense
from keras_hadamard.layers.high_order import (
    PolynomialResidualBlock2D as PolynomialResidualBlock2D,
)
from keras_hadamard.layers.high_order import ProductOfPolynomials as ProductOfPolynomials
from keras_hadamard.layers.high_order import QuadraticDense as QuadraticDense
from keras_hadamard.layers.high_order import StarBlock2D as StarBlock2D
from keras_hadamard.layers.high_order import StarOperation as StarOperation
from keras_hadamard.layers.modulation import CBAM2D as CBAM2D
from keras_hadamard.layers.modulation import HGRN as HGRN
from keras_hadamard.layers.modulation import QRNN as QRNN
from keras_hadamard.layers.modulation import RGLRU as RGLRU
from keras_hadamard.layers.modulation import SPADE as SPADE
from keras_hadamard.layers.modulation import SRU as SRU
from keras_hadamard.layers.modulation import AdaIN as AdaIN
from keras_hadamard.layers.modulation import (
    ConditionalLayerNormalization as ConditionalLayerNormalization,
)
from keras_hadamard.layers.modulation import DropBlock2D as DropBlock2D
from keras_hadamard.layers.modulation import DropConnect as DropConnect
from keras_hadamard.layers.modulation import DropPath as DropPath
from keras_hadamard.layers.modulation import (
    EfficientChannelAttention2D as EfficientChannelAttention2D,
)
from keras_hadamard.layers.modulation import GatedConv1D as GatedConv1D
from keras_hadamard.layers.modulation import GatedConv2D as GatedConv2D
from keras_hadamard.layers.modulation import GatedDense as GatedDense
from keras_hadamard.layers.modulation import GatedMLP as GatedMLP
from keras_hadamard.layers.modulation import GatedResidual as GatedResidual
from keras_hadamard.layers.modulation import (
    GlobalResponseNormalization as GlobalResponseNormalization,
)
from keras_hadamard.layers.modulation import HardConcreteGate as HardConcreteGate
from keras_hadamard.layers.modulation import Highway as Highway
from keras_hadamard.layers.modulation import LayerScale as LayerScale
from keras_hadamard.layers.modulation import MaskedConv2D as MaskedConv2D
from keras_hadamard.layers.modulation import MaskedDense as MaskedDense
from keras_hadamard.layers.modulation import MinGRU as MinGRU
from keras_hadamard.layers.modulation import MinLSTM as MinLSTM
from keras_hadamard.layers.modulation import ModulatedConv2D as ModulatedConv2D
from keras_hadamard.layers.modulation import MultiplicativeLSTM as MultiplicativeLSTM
from keras_hadamard.layers.modulation import PartialConv2D as PartialConv2D
from keras_hadamard.layers.modulation import SimpleGate as SimpleGate
from keras_hadamard.layers.modulation import SqueezeExcite2D as SqueezeExcite2D
from keras_hadamard.layers.pairwise import AFT as AFT
from keras_hadamard.layers.pairwise import H3 as H3
from keras_hadamard.layers.pairwise import ConvolutionalModulation2D as ConvolutionalModulation2D
from keras_hadamard.layers.pairwise import EfficientModulation2D as EfficientModulation2D
from keras_hadamard.layers.pairwise import FocalModulation1D as FocalModulation1D
from keras_hadamard.layers.pairwise import FocalModulation2D as FocalModulation2D
from keras_hadamard.layers.pairwise import GatedLinearAttention as GatedLinearAttention
from keras_hadamard.layers.pairwise import GMLPBlock as GMLPBlock
from keras_hadamard.layers.pairwise import GnConv2D as GnConv2D
from keras_hadamard.layers.pairwise import HydraAttention as HydraAttention
from keras_hadamard.layers.pairwise import HyenaOperator as HyenaOperator
from keras_hadamard.layers.pairwise import LargeKernelAttention2D as LargeKernelAttention2D
from keras_hadamard.layers.pairwise import LinearAttention as LinearAttention
from keras_hadamard.layers.pairwise import MonarchMixer as MonarchMixer
from keras_hadamard.layers.pairwise import PolyNonLocal as PolyNonLocal
from keras_hadamard.layers.pairwise import PolySelfAttention as PolySelfAttention
from keras_hadamard.layers.pairwise import Retention as Retention
from keras_hadamard.layers.pairwise import SimpleGatedLinearAttention as SimpleGatedLinearAttention
from keras_hadamard.layers.pairwise import SpatialGatingUnit as SpatialGatingUnit
from keras_hadamard.layers.registry import get_fusion as get_fusion
from keras_hadamard.layers.registry import get_gate as get_gate
from keras_hadamard.layers.registry import get_recurrence as get_recurrence
from keras_hadamard.layers.registry import get_token_mixer as get_token_mixer
from keras_hadamard.layers.registry import register_fusion as register_fusion
from keras_hadamard.layers.registry import register_gate as register_gate
from keras_hadamard.layers.registry import register_recurrence as register_recurrence
from keras_hadamard.layers.registry import register_token_mixer as register_token_mixer
