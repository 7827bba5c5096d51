"""Keras layers of the four domains, one folder a domain."""

from keras_hadamard.layers import fusion, high_order, modulation, pairwise, registry
from keras_hadamard.layers._catalogue import catalogue
from keras_hadamard.layers.fusion import *
from keras_hadamard.layers.hadamard_product import HadamardProduct
from keras_hadamard.layers.high_order import *
from keras_hadamard.layers.modulation import *
from keras_hadamard.layers.pairwise import *
from keras_hadamard.layers.registry import *

__all__ = ["HadamardProduct", "catalogue"]
__all__ += fusion.__all__
__all__ += high_order.__all__
__all__ += modulation.__all__
__all__ += pairwise.__all__
__all__ += registry.__all__


def __dir__() -> list[str]:
    return sorted(__all__)
