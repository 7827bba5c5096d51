"""Multimodal fusion: the branches are projections of different modalities."""

from keras_hadamard.layers.fusion.concat_fusion import ConcatFusion as ConcatFusion
from keras_hadamard.layers.fusion.film import FiLM as FiLM
from keras_hadamard.layers.fusion.hadamard_fusion import HadamardFusion as HadamardFusion
from keras_hadamard.layers.fusion.mfb import MFB as MFB
from keras_hadamard.layers.fusion.mlb import MLB as MLB
from keras_hadamard.layers.fusion.sum_fusion import SumFusion as SumFusion
