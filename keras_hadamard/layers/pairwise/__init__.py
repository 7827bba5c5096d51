"""Efficient pairwise operations: tokens, and a pooled or mixed context."""

from keras_hadamard.layers.pairwise.poly_non_local import PolyNonLocal as PolyNonLocal
