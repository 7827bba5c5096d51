"""Higher-order correlation: the branches are projections of one input."""

from keras_hadamard.layers.high_order.bilinear_pooling_2d import (
    BilinearPooling2D as BilinearPooling2D,
)
from keras_hadamard.layers.high_order.compact_bilinear_pooling_2d import (
    CompactBilinearPooling2D as CompactBilinearPooling2D,
)
from keras_hadamard.layers.high_order.cope import CoPE as CoPE
from keras_hadamard.layers.high_order.dense_polynomial_residual_block_2d import (
    DensePolynomialResidualBlock2D as DensePolynomialResidualBlock2D,
)
from keras_hadamard.layers.high_order.fourier_filter import FourierFilter as FourierFilter
from keras_hadamard.layers.high_order.gabor_filter import GaborFilter as GaborFilter
from keras_hadamard.layers.high_order.multiplicative_interaction import (
    MultiplicativeInteraction as MultiplicativeInteraction,
)
from keras_hadamard.layers.high_order.polynomial_block_2d import (
    PolynomialBlock2D as PolynomialBlock2D,
)
from keras_hadamard.layers.high_order.polynomial_conv_2d import PolynomialConv2D as PolynomialConv2D
from keras_hadamard.layers.high_order.polynomial_dense import PolynomialDense as PolynomialDense
from keras_hadamard.layers.high_order.polynomial_residual_block_2d import (
    PolynomialResidualBlock2D as PolynomialResidualBlock2D,
)
from keras_hadamard.layers.high_order.product_of_polynomials import (
    ProductOfPolynomials as ProductOfPolynomials,
)
from keras_hadamard.layers.high_order.quadratic_dense import QuadraticDense as QuadraticDense
