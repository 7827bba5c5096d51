"""Multimodal fusion: the branches are projections of different modalities."""

from keras_hadamard.layers.fusion.bilinear_attention import BilinearAttention
from keras_hadamard.layers.fusion.block import BLOCK
from keras_hadamard.layers.fusion.block_tucker import BlockTucker
from keras_hadamard.layers.fusion.concat_fusion import ConcatFusion
from keras_hadamard.layers.fusion.conditional_batch_normalization import (
    ConditionalBatchNormalization,
)
from keras_hadamard.layers.fusion.cross_modal_gate import CrossModalGate
from keras_hadamard.layers.fusion.film import FiLM
from keras_hadamard.layers.fusion.film_residual_block_2d import FiLMResidualBlock2D
from keras_hadamard.layers.fusion.gated_cross_attention import GatedCrossAttention
from keras_hadamard.layers.fusion.gmu import GMU
from keras_hadamard.layers.fusion.hadamard_fusion import HadamardFusion
from keras_hadamard.layers.fusion.lmf import LMF
from keras_hadamard.layers.fusion.mcb import MCB
from keras_hadamard.layers.fusion.mfb import MFB
from keras_hadamard.layers.fusion.mfh import MFH
from keras_hadamard.layers.fusion.mlb import MLB
from keras_hadamard.layers.fusion.mrn import MRN
from keras_hadamard.layers.fusion.multi_head_bilinear import MultiHeadBilinear
from keras_hadamard.layers.fusion.multimodal_adaptation_gate import MultimodalAdaptationGate
from keras_hadamard.layers.fusion.multimodal_transfer_module import MultimodalTransferModule
from keras_hadamard.layers.fusion.mutan import MUTAN
from keras_hadamard.layers.fusion.sum_fusion import SumFusion
from keras_hadamard.layers.fusion.tensor_fusion import TensorFusion
from keras_hadamard.layers.fusion.tucker_fusion import TuckerFusion

__all__ = [
    "BLOCK",
    "GMU",
    "LMF",
    "MCB",
    "MFB",
    "MFH",
    "MLB",
    "MRN",
    "MUTAN",
    "BilinearAttention",
    "BlockTucker",
    "ConcatFusion",
    "ConditionalBatchNormalization",
    "CrossModalGate",
    "FiLM",
    "FiLMResidualBlock2D",
    "GatedCrossAttention",
    "HadamardFusion",
    "MultiHeadBilinear",
    "MultimodalAdaptationGate",
    "MultimodalTransferModule",
    "SumFusion",
    "TensorFusion",
    "TuckerFusion",
]


def __dir__() -> list[str]:
    return sorted(__all__)
