"""Configurations of the filters, quadratic and conditional polynomials, and bilinear pooling."""

from harness.layer_cases import IMAGE, SEQUENCE, VECTOR, LayerCase

from keras_hadamard.layers import FourierFilter, GaborFilter

CASES = {
    "FourierFilter": LayerCase(
        FourierFilter, (VECTOR,), {"units": 4, "input_scale": 8.0}, wrong_ranks=((),)
    ),
    "FourierFilter-published": LayerCase(
        FourierFilter, (SEQUENCE,), {"units": 4, "use_bias": False, "seed": 1}
    ),
    "GaborFilter": LayerCase(
        GaborFilter, (VECTOR,), {"units": 4, "input_scale": 8.0}, wrong_ranks=((),)
    ),
    "GaborFilter-image": LayerCase(
        GaborFilter,
        (IMAGE,),
        {
            "units": 4,
            "alpha": 0.5,
            "beta": 2.0,
            "gamma_constraint": None,
            "seed": 1,
            "kernel_initializer": "glorot_uniform",
            "bias_initializer": "zeros",
        },
    ),
    "GaborFilter-wide": LayerCase(GaborFilter, ((6, 20),), {"units": 4, "input_scale": 1.0}),
}
