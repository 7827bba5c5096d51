"""Multimodal fusion: the branches are projections of different modalities."""

from keras_hadamard.layers.fusion.bilinear_attention import BilinearAttention as BilinearAttention
from keras_hadamard.layers.fusion.block import BLOCK as BLOCK
from keras_hadamard.layers.fusion.block_tucker import BlockTucker as BlockTucker
from keras_hadamard.layers.fusion.concat_fusion import ConcatFusion as ConcatFusion
from keras_hadamard.layers.fusion.conditional_batch_normalization import (
    ConditionalBatchNormalization as ConditionalBatchNormalization,
)
from keras_hadamard.layers.fusion.cross_modal_gate import CrossModalGate as CrossModalGate
from keras_hadamard.layers.fusion.film import FiLM as FiLM
from keras_hadamard.layers.fusion.film_residual_block_2d import (
    FiLMResidualBlock2D as FiLMResidualBlock2D,
)
from keras_hadamard.layers.fusion.gmu import GMU as GMU
from keras_hadamard.layers.fusion.hadamard_fusion import HadamardFusion as HadamardFusion
from keras_hadamard.layers.fusion.lmf import LMF as LMF
from keras_hadamard.layers.fusion.mcb import MCB as MCB
from keras_hadamard.layers.fusion.mfb import MFB as MFB
from keras_hadamard.layers.fusion.mfh import MFH as MFH
from keras_hadamard.layers.fusion.mlb import MLB as MLB
from keras_hadamard.layers.fusion.mrn import MRN as MRN
from keras_hadamard.layers.fusion.mutan import MUTAN as MUTAN
from keras_hadamard.layers.fusion.sum_fusion import SumFusion as SumFusion
from keras_hadamard.layers.fusion.tensor_fusion import TensorFusion as TensorFusion
from keras_hadamard.layers.fusion.tucker_fusion import TuckerFusion as TuckerFusion
