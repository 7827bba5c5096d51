"""Masks on the weights of any Keras model, and smaller models from them."""

from keras_hadamard.pruning.prune import prune as prune
from keras_hadamard.pruning.pruned_model import PrunedModel as PrunedModel
from keras_hadamard.pruning.pruning_callback import PruningCallback as PruningCallback
from keras_hadamard.pruning.rewind_to import rewind_to as rewind_to
from keras_hadamard.pruning.schedules import ConstantSparsity as ConstantSparsity
from keras_hadamard.pruning.schedules import PolynomialDecay as PolynomialDecay
from keras_hadamard.pruning.sparsity_report import KernelSparsity as KernelSparsity
from keras_hadamard.pruning.sparsity_report import SparsityReport as SparsityReport
from keras_hadamard.pruning.sparsity_report import sparsity_report as sparsity_report
from keras_hadamard.pruning.strip import strip as strip
