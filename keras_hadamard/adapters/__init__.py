"""Multiplicative fine-tuning: adapters on the kernels of any Keras model."""

from keras_hadamard.adapters.abba import ABBA as ABBA
from keras_hadamard.adapters.adapted_model import AdaptedModel as AdaptedModel
from keras_hadamard.adapters.apply import apply as apply
from keras_hadamard.adapters.dora import DoRA as DoRA
from keras_hadamard.adapters.hira import HiRA as HiRA
from keras_hadamard.adapters.ia3 import IA3 as IA3
from keras_hadamard.adapters.load_adapter import load_adapter as load_adapter
from keras_hadamard.adapters.loha import LoHa as LoHa
from keras_hadamard.adapters.lokr import LoKr as LoKr
from keras_hadamard.adapters.lora import LoRA as LoRA
from keras_hadamard.adapters.merge import merge as merge
from keras_hadamard.adapters.save_adapter import save_adapter as save_adapter
from keras_hadamard.adapters.trainable_parameters import (
    TrainableParameters as TrainableParameters,
)
from keras_hadamard.adapters.trainable_parameters import (
    trainable_parameters as trainable_parameters,
)
from keras_hadamard.adapters.unmerge import unmerge as unmerge
from keras_hadamard.adapters.vera import VeRA as VeRA
