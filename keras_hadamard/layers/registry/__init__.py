"""Layers by name: fusions, token mixers, gates and recurrences, including those of users."""

from keras_hadamard.layers.registry.fusions import get_fusion, register_fusion
from keras_hadamard.layers.registry.gates import get_gate, register_gate
from keras_hadamard.layers.registry.recurrences import get_recurrence, register_recurrence
from keras_hadamard.layers.registry.token_mixers import get_token_mixer, register_token_mixer

__all__ = [
    "get_fusion",
    "get_gate",
    "get_recurrence",
    "get_token_mixer",
    "register_fusion",
    "register_gate",
    "register_recurrence",
    "register_token_mixer",
]


def __dir__() -> list[str]:
    return sorted(__all__)
