"""Activations that are polynomials, on the authors' parameters."""

import tensorflow as tf
from harness.golden import reference

from keras_hadamard.layers import PolyNorm, PolyReLU


@reference("polynorm__flat", "polyrelu__seq")
def polynomial_activation(c):
    layer = PolyNorm() if c.name.startswith("polynorm") else PolyReLU()
    return layer, {"coefficients": c["weight"], "bias": tf.reshape(c["bias"], ())}
