"""Higher-order correlation: the branches are projections of one input."""

from keras_hadamard.layers.high_order.attentional_factorization_machine import (
    AttentionalFactorizationMachine as AttentionalFactorizationMachine,
)
from keras_hadamard.layers.high_order.bilinear_pooling_2d import (
    BilinearPooling2D as BilinearPooling2D,
)
from keras_hadamard.layers.high_order.compact_bilinear_pooling_2d import (
    CompactBilinearPooling2D as CompactBilinearPooling2D,
)
from keras_hadamard.layers.high_order.compressed_interaction import (
    CompressedInteraction as CompressedInteraction,
)
from keras_hadamard.layers.high_order.cope import CoPE as CoPE
from keras_hadamard.layers.high_order.cross_network import CrossNetwork as CrossNetwork
from keras_hadamard.layers.high_order.demo_block_2d import DemoBlock2D as DemoBlock2D
from keras_hadamard.layers.high_order.dense_polynomial_residual_block_2d import (
    DensePolynomialResidualBlock2D as DensePolynomialResidualBlock2D,
)
from keras_hadamard.layers.high_order.dot_interaction import DotInteraction as DotInteraction
from keras_hadamard.layers.high_order.factorization_machine import (
    FactorizationMachine as FactorizationMachine,
)
from keras_hadamard.layers.high_order.feature_cross import FeatureCross as FeatureCross
from keras_hadamard.layers.high_order.field_aware_factorization_machine import (
    FieldAwareFactorizationMachine as FieldAwareFactorizationMachine,
)
from keras_hadamard.layers.high_order.fourier_filter import FourierFilter as FourierFilter
from keras_hadamard.layers.high_order.gabor_filter import GaborFilter as GaborFilter
from keras_hadamard.layers.high_order.inner_product_interaction import (
    InnerProductInteraction as InnerProductInteraction,
)
from keras_hadamard.layers.high_order.mixture_cross import MixtureCross as MixtureCross
from keras_hadamard.layers.high_order.mu_layer import MuLayer as MuLayer
from keras_hadamard.layers.high_order.multiplicative_interaction import (
    MultiplicativeInteraction as MultiplicativeInteraction,
)
from keras_hadamard.layers.high_order.outer_product_interaction import (
    OuterProductInteraction as OuterProductInteraction,
)
from keras_hadamard.layers.high_order.poly_block import PolyBlock as PolyBlock
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
from keras_hadamard.layers.high_order.star_block_2d import StarBlock2D as StarBlock2D
from keras_hadamard.layers.high_order.star_operation import StarOperation as StarOperation
