"""Pure functions of tensors: XLA-compiled ops with analytic gradients."""

from keras_hadamard.ops.anova_kernel import anova_kernel as anova_kernel
from keras_hadamard.ops.causal_long_conv import causal_long_conv as causal_long_conv
from keras_hadamard.ops.compact_bilinear import compact_bilinear as compact_bilinear
from keras_hadamard.ops.count_sketch import count_sketch as count_sketch
from keras_hadamard.ops.depthwise_conv2d import depthwise_conv2d as depthwise_conv2d
from keras_hadamard.ops.factorization_machine import (
    factorization_machine as factorization_machine,
)
from keras_hadamard.ops.factorized_bilinear_pool import (
    factorized_bilinear_pool as factorized_bilinear_pool,
)
from keras_hadamard.ops.gated_linear_attention import (
    gated_linear_attention as gated_linear_attention,
)
from keras_hadamard.ops.gated_scan import gated_scan as gated_scan
from keras_hadamard.ops.glu import glu as glu
from keras_hadamard.ops.hard_concrete import hard_concrete as hard_concrete
from keras_hadamard.ops.hard_concrete import open_probability as open_probability
from keras_hadamard.ops.khatri_rao_matmul import khatri_rao_matmul as khatri_rao_matmul
from keras_hadamard.ops.l2_normalize import l2_normalize as l2_normalize
from keras_hadamard.ops.modulate import modulate as modulate
from keras_hadamard.ops.polynomial_chain import polynomial_chain as polynomial_chain
from keras_hadamard.ops.signed_sqrt import signed_sqrt as signed_sqrt
from keras_hadamard.ops.spatial_shift import spatial_shift as spatial_shift
from keras_hadamard.ops.straight_through_top_k import (
    straight_through_top_k as straight_through_top_k,
)
