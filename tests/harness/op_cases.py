"""Every op with small float64 inputs at which it is smooth."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from keras_hadamard import ops
from keras_hadamard.ops import (
    _complement,
    _depthwise,
    _glu_matmul,
    _long_conv,
    _matrix_scan,
    _pairs,
    _poly_norm,
    _scaled_matmul,
    _sine,
    _sparsemax,
    _spectral_filter,
)
from keras_hadamard.ops._custom_op import _OPS

_RNG = np.random.default_rng(0)
ROOTS = np.array([1.0, 2.0, 3.0, -4.0])
WEIGHTS = _RNG.normal(size=(3, 4))
SIGNS = np.array([1.0, -1.0, 1.0, 1.0, -1.0])
BUCKETS = np.array([0, 2, 1, 2, 0], "int32")
HOW = {"strides": 1, "padding": "same", "dilation": 1}


@dataclass(frozen=True)
class OpCase:
    function: Callable[..., Any]
    arrays: tuple[np.ndarray, ...]
    # What has the derivative that the op says it has, if the op itself has another.
    stands_for: Callable[..., Any] | None = None

    def tensors(self) -> list[Any]:
        return [tf.constant(a, "float64") for a in self.arrays]


def _case(function: Callable[..., Any], *shapes: Any, **kwargs: Any) -> OpCase:
    """With normal inputs of these shapes, and the arrays among them as they are."""
    arrays = (_RNG.normal(size=s) if isinstance(s, tuple) else s for s in shapes)
    return OpCase(function, tuple(arrays), **kwargs)


def _decays(*shape: int) -> np.ndarray:
    return _RNG.uniform(0.2, 0.9, shape)


# By the names of the ops, and behind a hyphen what is special.
CASES = {
    "signed_sqrt": _case(ops.signed_sqrt, ROOTS),
    "signed_sqrt-epsilon": _case(lambda x: ops.signed_sqrt(x, epsilon=0.1), ROOTS),
    "sine": _case(lambda x: _sine.sine(x) + _sine.cosine(2 * x), (4,)),
    "root_of_complement": _case(_complement.root_of_complement, -_decays(4)),
    # Of five numbers, two and three are in the support.
    "sparsemax": _case(
        _sparsemax.sparsemax, np.array([[2.0, 1.5, -1, 0, 0.9], [0.3, 0, 0.2, -2, -1]])
    ),
    "l2_normalize": _case(ops.l2_normalize, (3, 4)),
    "glu": _case(ops.glu, (3, 4), (3, 4)),
    "glu-softmax": _case(lambda x, y: ops.glu(x, y, activation="softmax"), (3, 4), (3, 4)),
    "glu_matmul": _case(_glu_matmul.glu_matmul, (3, 4), (3, 4), (4, 2)),
    "modulate": _case(ops.modulate, (2, 3, 4), (2, 4), (2, 4)),
    "modulate-scale": _case(ops.modulate, (2, 3, 4), (2, 4)),
    "polynomial_chain": _case(lambda *f: ops.polynomial_chain(list(f)), *[(2, 3)] * 3),
    "polynomial_chain-gates": _case(ops.polynomial_chain, (2, 3, 4), (2,)),
    "factorized_bilinear_pool": _case(
        lambda x, y: ops.factorized_bilinear_pool(x, y, factor=2), (2, 6), (2, 6)
    ),
    "factorization_machine": _case(ops.factorization_machine, (2, 3, 4)),
    "anova_kernel": _case(lambda x: ops.anova_kernel(x, order=3), (2, 5, 2)),
    "count_sketch": _case(lambda x, s: ops.count_sketch(x, BUCKETS, s, size=3), (2, 5), SIGNS),
    "compact_bilinear": _case(ops.compact_bilinear, (2, 5), (2, 5)),
    "hard_concrete": _case(ops.hard_concrete, (5,)),
    "hard_concrete-drawn": _case(ops.hard_concrete, (5,), _decays(5)),
    "khatri_rao_matmul": _case(
        lambda x, a, b, c, d: ops.khatri_rao_matmul(x, (a, b), (c, d)),
        *((2, 3), (3, 2), (2, 4), (3, 2), (2, 4)),
    ),
    "depthwise_correlate": _case(ops.depthwise_conv2d, (1, 4, 5, 2), (3, 3, 2)),
    "depthwise_correlate-strides": _case(
        lambda x, k: ops.depthwise_conv2d(x, k, strides=2, padding="valid"), (1, 5, 5, 2), (3, 3, 2)
    ),
    "depthwise_to_input": _case(
        lambda g, k: _depthwise.depthwise_to_input(g, k, tf.zeros_like(g), **HOW),
        *((1, 4, 5, 2), (3, 3, 2, 1)),
    ),
    "depthwise_to_kernel": _case(
        lambda g, x: _depthwise.depthwise_to_kernel(g, x, size=(3, 3), **HOW),
        *((1, 4, 5, 2), (1, 4, 5, 2)),
    ),
    "spatial_shift": _case(ops.spatial_shift, (1, 3, 4, 8)),
    "long_conv": _case(ops.causal_long_conv, (2, 5, 3), (5, 3)),
    "long_conv-centred": _case(
        lambda x, k: _long_conv.long_conv(x, k, centred=True, method="fft"), (2, 5, 3), (9, 3)
    ),
    "gated_scan": _case(ops.gated_scan, _decays(2, 5, 3), (2, 5, 3)),
    "gated_scan-initial": _case(
        lambda a, b, h: ops.gated_scan(a, b, h, reverse=True), _decays(2, 5, 3), (2, 5, 3), (2, 3)
    ),
    "gated_linear_attention": _case(
        lambda *x: ops.gated_linear_attention(*x, chunk=2),
        *((1, 5, 2, 2), (1, 5, 2, 2), (1, 5, 2, 3), _decays(1, 5, 2, 2)),
    ),
    "gated_linear_attention-initial": _case(
        lambda *x: ops.gated_linear_attention(*x, chunk=4, return_state=True),
        *((1, 5, 2, 2), (1, 5, 2, 2), (1, 5, 2, 3), _decays(1, 5, 2, 1), (1, 2, 2, 3)),
    ),
    # Keys of length one: others let the state grow at every step.
    "delta_rule": _case(
        lambda q, k, *x: ops.delta_rule(q, ops.l2_normalize(k), *x, chunk=2),
        *((1, 5, 2, 2), (1, 5, 2, 2), (1, 5, 2, 3), _decays(1, 5, 2), _decays(1, 5, 2, 1)),
    ),
    "delta_rule-channels": _case(
        lambda q, k, *x: ops.delta_rule(q, ops.l2_normalize(k), *x, chunk=4),
        *((1, 3, 1, 2), (1, 3, 1, 2), (1, 3, 1, 3), _decays(1, 3, 1, 3)),
    ),
    "delta_rule-read": _case(
        lambda *x: ops.delta_rule(
            *(*x[:3], ops.l2_normalize(x[3]), *x[4:6]),
            read=ops.l2_normalize(x[6]),
            chunk=4,
            return_state=True,
        ),
        *((1, 5, 2, 2), (1, 5, 2, 2), (1, 5, 2, 3), (1, 5, 2, 2), _decays(1, 5, 2, 2)),
        *((1, 2, 2, 3), (1, 5, 2, 2)),
    ),
    "selective_scan": _case(
        lambda x, steps, rates, *more: ops.selective_scan(
            x, steps, -rates, *more, chunk=2, return_state=True
        ),
        *((1, 3, 2), _decays(1, 3, 2), _decays(2, 2), (1, 3, 1, 2), (1, 3, 1, 2), (1, 2, 2)),
    ),
    "matrix_scan": _case(
        lambda *x: _matrix_scan.matrix_scan(*x, reverse=False),
        *((1, 3, 2, 2), (1, 3, 2, 3), (1, 2, 3)),
    ),
    "matrix_scan-reverse": _case(
        lambda *x: _matrix_scan.matrix_scan(*x, reverse=True),
        *((1, 3, 2, 2), (1, 3, 2, 3), (1, 2, 3)),
    ),
    "pair_dots": _case(_pairs.pair_dots, (2, 3, 4)),
    "pair_products": _case(_pairs.pair_products, (2, 3, 4)),
    "pair_forms": _case(_pairs.pair_forms, (2, 3, 4), (4, 12)),
    "crossed_sides": _case(_pairs.crossed_sides, (2, 3, 3, 4)),
    "poly_norm": _case(lambda x, w: _poly_norm.poly_norm(x, w, epsilon=0.1), (2, 3, 4), (3,)),
    "scaled_matmul": _case(
        lambda x, a, b: _scaled_matmul.scaled_matmul(x, tf.constant(WEIGHTS, x.dtype), a, b),
        *((2, 3), (3, 2), (2, 4)),
    ),
    "spectral_filter": _case(_spectral_filter.spectral_filter, (2, 4, 4, 3), (2, 3, 4, 3)),
    "spectral_products": _case(_spectral_filter.spectral_products, (2, 4, 4, 3), (2, 4, 4, 3)),
    "straight_through_top_k": _case(
        lambda x: ops.straight_through_top_k(x, k=2), (5,), stands_for=lambda x: x
    ),
}


def registered() -> set[str]:
    """The names of all ops of the package; tests make some of their own."""
    return {n for n, op in _OPS.items() if op.forward.__module__.startswith("keras_hadamard.")}
