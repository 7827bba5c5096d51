"""Multiplicative fine-tuning: adapters on the kernels of any Keras model."""

from keras_hadamard.adapters.abba import ABBA
from keras_hadamard.adapters.adapted_model import AdaptedModel
from keras_hadamard.adapters.apply import apply
from keras_hadamard.adapters.dora import DoRA
from keras_hadamard.adapters.hira import HiRA
from keras_hadamard.adapters.ia3 import IA3
from keras_hadamard.adapters.load_adapter import load_adapter
from keras_hadamard.adapters.loha import LoHa
from keras_hadamard.adapters.lokr import LoKr
from keras_hadamard.adapters.lora import LoRA
from keras_hadamard.adapters.merge import merge
from keras_hadamard.adapters.save_adapter import save_adapter
from keras_hadamard.adapters.trainable_parameters import (
    TrainableParameters,
    trainable_parameters,
)
from keras_hadamard.adapters.unmerge import unmerge
from keras_hadamard.adapters.vera import VeRA

__all__ = [
    "ABBA",
    "IA3",
    "AdaptedModel",
    "DoRA",
    "HiRA",
    "LoHa",
    "LoKr",
    "LoRA",
    "TrainableParameters",
    "VeRA",
    "apply",
    "load_adapter",
    "merge",
    "save_adapter",
    "trainable_parameters",
    "unmerge",
]


def __dir__() -> list[str]:
    return sorted(__all__)
