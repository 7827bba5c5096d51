"""Pure functions of tensors: XLA-compiled ops with analytic gradients."""

from keras_hadamard.ops.anova_kernel import anova_kernel
from keras_hadamard.ops.causal_long_conv import causal_long_conv
from keras_hadamard.ops.compact_bilinear import compact_bilinear
from keras_hadamard.ops.count_sketch import count_sketch
from keras_hadamard.ops.delta_rule import delta_rule
from keras_hadamard.ops.depthwise_conv2d import depthwise_conv2d
from keras_hadamard.ops.factorization_machine import factorization_machine
from keras_hadamard.ops.factorized_bilinear_pool import factorized_bilinear_pool
from keras_hadamard.ops.gated_linear_attention import gated_linear_attention
from keras_hadamard.ops.gated_scan import gated_scan
from keras_hadamard.ops.glu import glu
from keras_hadamard.ops.hard_concrete import hard_concrete, open_probability
from keras_hadamard.ops.khatri_rao_matmul import khatri_rao_matmul
from keras_hadamard.ops.l2_normalize import l2_normalize
from keras_hadamard.ops.modulate import modulate
from keras_hadamard.ops.polynomial_chain import polynomial_chain
from keras_hadamard.ops.selective_scan import selective_scan
from keras_hadamard.ops.signed_sqrt import signed_sqrt
from keras_hadamard.ops.spatial_shift import spatial_shift
from keras_hadamard.ops.straight_through_top_k import straight_through_top_k

__all__ = [
    "anova_kernel",
    "causal_long_conv",
    "compact_bilinear",
    "count_sketch",
    "delta_rule",
    "depthwise_conv2d",
    "factorization_machine",
    "factorized_bilinear_pool",
    "gated_linear_attention",
    "gated_scan",
    "glu",
    "hard_concrete",
    "khatri_rao_matmul",
    "l2_normalize",
    "modulate",
    "open_probability",
    "polynomial_chain",
    "selective_scan",
    "signed_sqrt",
    "spatial_shift",
    "straight_through_top_k",
]


def __dir__() -> list[str]:
    return sorted(__all__)
