"""Layers by name: fusions, token mixers, gates and recurrences, those of users among them."""

from keras_hadamard.layers.registry.fusions import get_fusion as get_fusion
from keras_hadamard.layers.registry.fusions import register_fusion as register_fusion
from keras_hadamard.layers.registry.gates import get_gate as get_gate
from keras_hadamard.layers.registry.gates import register_gate as register_gate
from keras_hadamard.layers.registry.recurrences import get_recurrence as get_recurrence
from keras_hadamard.layers.registry.recurrences import register_recurrence as register_recurrence
from keras_hadamard.layers.registry.token_mixers import get_token_mixer as get_token_mixer
from keras_hadamard.layers.registry.token_mixers import (
    register_token_mixer as register_token_mixer,
)
