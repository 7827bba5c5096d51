"""Adaptive modulation: a representation, and a gate or mask for it."""

from keras_hadamard.layers.modulation.drop_block_2d import DropBlock2D as DropBlock2D
from keras_hadamard.layers.modulation.gated_dense import GatedDense as GatedDense
from keras_hadamard.layers.modulation.min_gru import MinGRU as MinGRU
from keras_hadamard.layers.modulation.spade import SPADE as SPADE
