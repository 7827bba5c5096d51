"""Configurations of the polynomial layers."""

from harness.layer_cases import IMAGE, SEQUENCE, VECTOR, LayerCase

from keras_hadamard.layers import PolynomialDense

CASES = {
    "PolynomialDense": LayerCase(PolynomialDense, (VECTOR,), {"units": 4}, wrong_ranks=((),)),
    "PolynomialDense-ccp": LayerCase(
        PolynomialDense,
        (SEQUENCE,),
        {"units": 4, "degree": 4, "rank": 3, "use_factor_bias": True, "activation": "tanh"},
    ),
    "PolynomialDense-ncp": LayerCase(
        PolynomialDense, (IMAGE,), {"units": 4, "degree": 3, "decomposition": "ncp"}
    ),
    "PolynomialDense-skip": LayerCase(
        PolynomialDense, (VECTOR,), {"units": 4, "degree": 3, "decomposition": "ncp_skip"}
    ),
}
