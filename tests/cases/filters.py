"""Configurations of the filters, quadratic and conditional polynomials, and bilinear pooling."""

from harness.layer_cases import IMAGE, SEQUENCE, VECTOR, LayerCase

from keras_hadamard.layers import (
    BilinearPooling2D,
    CompactBilinearPooling2D,
    CoPE,
    FourierFilter,
    GaborFilter,
    MultiplicativeInteraction,
    QuadraticDense,
)

# Where the context starts silent there is nothing to compare.
LOUD = {"interaction_initializer": "glorot_uniform"}

CASES = {
    "FourierFilter": LayerCase(
        FourierFilter, (VECTOR,), {"units": 4, "input_scale": 8.0}, wrong_ranks=((),)
    ),
    "FourierFilter-published": LayerCase(
        FourierFilter, (SEQUENCE,), {"units": 4, "use_bias": False, "seed": 1}
    ),
    "FourierFilter-bands": LayerCase(
        FourierFilter, (VECTOR,), {"units": 4, "bands": [1, 2, 0, 3, 2], "seed": 1}
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
    "QuadraticDense": LayerCase(QuadraticDense, (VECTOR,), {"units": 4}, wrong_ranks=((),)),
    "QuadraticDense-full": LayerCase(
        QuadraticDense, (SEQUENCE,), {"units": 4, "form": "full", "activation": "tanh"}
    ),
    "QuadraticDense-product": LayerCase(
        QuadraticDense, (IMAGE,), {"units": 4, "form": "product", "use_bias": False}
    ),
    "QuadraticDense-square": LayerCase(
        QuadraticDense, (SEQUENCE,), {"units": 4, "form": "product_square"}
    ),
    "MultiplicativeInteraction": LayerCase(
        MultiplicativeInteraction, ((5,), (3,)), {"units": 4, **LOUD}, wrong_ranks=((5,), (2, 3, 4))
    ),
    "MultiplicativeInteraction-start": LayerCase(
        MultiplicativeInteraction, ((5,), (3,)), {"units": 4}
    ),
    "MultiplicativeInteraction-vector": LayerCase(
        MultiplicativeInteraction, (IMAGE, (3,)), {"units": 4, "activation": "tanh", **LOUD}
    ),
    "MultiplicativeInteraction-context": LayerCase(
        MultiplicativeInteraction, ((3,), SEQUENCE), {"units": 4, **LOUD}
    ),
    "MultiplicativeInteraction-rank": LayerCase(
        MultiplicativeInteraction, (SEQUENCE, (3,)), {"units": 4, "rank": 2, **LOUD}
    ),
    "MultiplicativeInteraction-positions": LayerCase(
        MultiplicativeInteraction,
        (SEQUENCE, (6, 3)),
        {"units": 4, "rank": 2, "use_bias": False, **LOUD},
    ),
    "CoPE": LayerCase(CoPE, ((5,), (3,)), {"units": 4}),
    "CoPE-three": LayerCase(
        CoPE,
        ((5,), SEQUENCE, (3,)),
        {"units": 4, "degree": 3, "rank": 6, "use_factor_bias": True, "activation": "tanh"},
    ),
    "CoPE-ncp": LayerCase(CoPE, (IMAGE, (3,)), {"units": 4, "degree": 3, "decomposition": "ncp"}),
    "CoPE-condition": LayerCase(
        CoPE, (SEQUENCE, (3,)), {"units": 4, "degree": 3, "condition_only": True}
    ),
    "CoPE-positions": LayerCase(
        CoPE,
        ((5,), SEQUENCE),
        {
            "units": 4,
            "condition_only": True,
            "decomposition": "ncp_skip",
            "normalization": "layer",
            "use_gates": True,
        },
    ),
    "BilinearPooling2D": LayerCase(BilinearPooling2D, (IMAGE,), wrong_ranks=(VECTOR, SEQUENCE)),
    "BilinearPooling2D-two": LayerCase(
        BilinearPooling2D,
        (IMAGE, (4, 3, 2)),
        {"reduce": "sum", "use_signed_sqrt": False, "use_l2_normalization": False},
    ),
    "BilinearPooling2D-first": LayerCase(
        BilinearPooling2D, (IMAGE,), {"data_format": "channels_first", "use_signed_sqrt": False}
    ),
    "CompactBilinearPooling2D": LayerCase(
        CompactBilinearPooling2D,
        (IMAGE,),
        {"sketch_dim": 6, "seed": 1},
        wrong_ranks=(VECTOR, SEQUENCE),
    ),
    "CompactBilinearPooling2D-two": LayerCase(
        CompactBilinearPooling2D,
        (IMAGE, (4, 3, 2)),
        {
            "sketch_dim": 7,
            "reduce": "mean",
            "use_signed_sqrt": False,
            "use_l2_normalization": False,
            "seed": 1,
        },
    ),
    "CompactBilinearPooling2D-moments": LayerCase(
        CompactBilinearPooling2D,
        (IMAGE, (4, 3, 2)),
        {"sketch_dim": 7, "method": "moments", "seed": 1},
    ),
    "CompactBilinearPooling2D-first": LayerCase(
        CompactBilinearPooling2D,
        (IMAGE,),
        {"sketch_dim": 6, "data_format": "channels_first", "use_signed_sqrt": False, "seed": 1},
    ),
}
