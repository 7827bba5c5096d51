"""Published architectures, each a Keras model."""

from keras_hadamard.models.multiplicative_filter_network import (
    MultiplicativeFilterNetwork as MultiplicativeFilterNetwork,
)
