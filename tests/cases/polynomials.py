"""Configurations of the polynomial layers."""

from harness.layer_cases import IMAGE, SEQUENCE, VECTOR, LayerCase

from keras_hadamard.layers import (
    DensePolynomialResidualBlock2D,
    PolynomialBlock2D,
    PolynomialConv2D,
    PolynomialDense,
    PolynomialResidualBlock2D,
    ProductOfPolynomials,
)

NOT_AN_IMAGE = ((5,), (6, 5))
FIRST = {"data_format": "channels_first"}

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
    "PolynomialDense-gates": LayerCase(
        PolynomialDense,
        (SEQUENCE,),
        {"units": 4, "degree": 5, "use_gates": True, "normalization": "layer"},
    ),
    "PolynomialDense-batch": LayerCase(
        PolynomialDense, (VECTOR,), {"units": 4, "degree": 3, "normalization": "batch"}
    ),
    "PolynomialConv2D": LayerCase(
        PolynomialConv2D,
        (IMAGE,),
        {"filters": 4},
        wrong_ranks=NOT_AN_IMAGE,
        empty=False,
    ),
    "PolynomialConv2D-ncp": LayerCase(
        PolynomialConv2D,
        (IMAGE,),
        {"filters": 4, "degree": 3, "decomposition": "ncp", "rank": 3, "strides": 2},
        empty=False,
    ),
    "PolynomialConv2D-skip": LayerCase(
        PolynomialConv2D,
        (IMAGE,),
        {
            "filters": 4,
            "degree": 3,
            "decomposition": "ncp_skip",
            "use_gates": True,
            "normalization": "batch",
            "use_output_projection": False,
            **FIRST,
        },
        empty=False,
    ),
    "ProductOfPolynomials": LayerCase(
        ProductOfPolynomials, (VECTOR,), {"units": 4}, wrong_ranks=((),)
    ),
    "ProductOfPolynomials-three": LayerCase(
        ProductOfPolynomials,
        (SEQUENCE,),
        {
            "units": 4,
            "degrees": (2, 1, 3),
            "rank": 8,
            "decomposition": "ncp_skip",
            "normalization": "layer",
            "activation": "tanh",
        },
    ),
    "ProductOfPolynomials-plain": LayerCase(
        ProductOfPolynomials, (VECTOR,), {"units": 4, "normalization": None}
    ),
    "PolynomialBlock2D": LayerCase(
        PolynomialBlock2D,
        (IMAGE,),
        {"filters": 4},
        wrong_ranks=NOT_AN_IMAGE,
        empty=False,
    ),
    "PolynomialBlock2D-options": LayerCase(
        PolynomialBlock2D,
        (IMAGE,),
        {
            "filters": 4,
            "kernel_size": 5,
            "strides": 2,
            "convolutions": 1,
            "normalization": "instance_batch",
            "shortcut_normalization": "instance",
            "alpha_initializer": "ones",
            **FIRST,
        },
        empty=False,
    ),
    "PolynomialResidualBlock2D": LayerCase(
        PolynomialResidualBlock2D,
        (IMAGE,),
        {"filters": 5},
        wrong_ranks=NOT_AN_IMAGE,
        empty=False,
    ),
    "PolynomialResidualBlock2D-pi": LayerCase(
        PolynomialResidualBlock2D,
        (IMAGE,),
        {
            "filters": 4,
            "strides": 2,
            "activation": "relu",
            "product_convolutions": 0,
            "alpha_initializer": None,
        },
        empty=False,
    ),
    "PolynomialResidualBlock2D-regularized": LayerCase(
        PolynomialResidualBlock2D,
        (IMAGE,),
        {
            "filters": 6,
            "normalization": "instance_batch",
            "shortcut_normalization": "instance",
            "product_convolutions": 2,
            "product_kernel_size": 3,
            "alpha_initializer": "ones",
            **FIRST,
        },
        empty=False,
    ),
    "PolynomialResidualBlock2D-shortcut": LayerCase(
        PolynomialResidualBlock2D,
        (IMAGE,),
        {
            "filters": 4,
            "product": "shortcut",
            "product_filters": 3,
            "shortcut_normalization": "batch",
            "normalization": "layer",
            "alpha_initializer": "ones",
        },
        empty=False,
    ),
    "PolynomialResidualBlock2D-bare": LayerCase(
        PolynomialResidualBlock2D,
        (IMAGE,),
        {
            "filters": 5,
            "normalization": None,
            "product_convolutions": 0,
            "product_normalization": None,
        },
        empty=False,
    ),
    "DensePolynomialResidualBlock2D": LayerCase(
        DensePolynomialResidualBlock2D,
        (IMAGE, IMAGE),
        {"filters": 5},
        empty=False,
    ),
    "DensePolynomialResidualBlock2D-published": LayerCase(
        DensePolynomialResidualBlock2D,
        (IMAGE, IMAGE, IMAGE),
        {
            "filters": 6,
            "strides": 2,
            "dense_convolution": True,
            "dense_normalization": "iterative",
            "dense_skip": True,
            "theta_initializer": "ones",
            "dense_dropout": 0.2,
            "seed": 1,
            "normalization": "instance_batch",
            "alpha_initializer": "ones",
        },
        empty=False,
    ),
}
