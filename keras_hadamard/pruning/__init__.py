"""Masks on the weights of any Keras model, and smaller models from them."""

from keras_hadamard.pruning.prune import prune
from keras_hadamard.pruning.pruned_model import PrunedModel
from keras_hadamard.pruning.pruning_callback import PruningCallback
from keras_hadamard.pruning.rewind_to import rewind_to
from keras_hadamard.pruning.schedules import ConstantSparsity, PolynomialDecay
from keras_hadamard.pruning.sparsity_report import KernelSparsity, SparsityReport, sparsity_report
from keras_hadamard.pruning.strip import strip

__all__ = [
    "ConstantSparsity",
    "KernelSparsity",
    "PolynomialDecay",
    "PrunedModel",
    "PruningCallback",
    "SparsityReport",
    "prune",
    "rewind_to",
    "sparsity_report",
    "strip",
]


def __dir__() -> list[str]:
    return sorted(__all__)
