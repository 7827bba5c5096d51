"""Higher-order correlation: the branches are projections of one input."""

from keras_hadamard.layers.high_order.polynomial_dense import PolynomialDense as PolynomialDense
