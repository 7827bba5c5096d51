"""Configurations of the layers of recommenders."""

from harness.layer_cases import SEQUENCE, VECTOR, LayerCase

from keras_hadamard.layers import (
    BilinearInteraction,
    FactorizedInteraction,
    FieldSqueezeExcite,
    GatedCrossNetwork,
    MaskBlock,
    MultiHeadBilinear,
)

FIELDS = (6, 5)
LIST = (VECTOR, VECTOR, VECTOR)
OF_A_LIST = {"wrong_ranks": (VECTOR, VECTOR, (7,))}
# A single vector, and fields of another rank, are no fields.
OVER_FIELDS = {"fixed": True, "wrong_ranks": (VECTOR, (2, 6, 5))}

CASES = {
    "GatedCrossNetwork": LayerCase(GatedCrossNetwork, (VECTOR,), wrong_ranks=((),)),
    "GatedCrossNetwork-options": LayerCase(
        GatedCrossNetwork,
        (SEQUENCE,),
        {"num_layers": 2, "gate_activation": "tanh", "use_bias": False},
    ),
    "MaskBlock": LayerCase(MaskBlock, (VECTOR, (7,)), {"units": 4}, wrong_ranks=(VECTOR, (7,))),
    "MaskBlock-wide": LayerCase(
        MaskBlock, (SEQUENCE, VECTOR), {"units": 4, "reduction_ratio": 2.5}
    ),
    "MaskBlock-options": LayerCase(
        MaskBlock,
        (SEQUENCE, SEQUENCE),
        {
            "units": 4,
            "mask_units": 3,
            "activation": None,
            "normalize_input": True,
            "hidden_bias": True,
        },
    ),
    "MaskBlock-plain": LayerCase(
        MaskBlock, (VECTOR, SEQUENCE), {"units": 4, "normalize": False, "use_bias": False}
    ),
    "BilinearInteraction": LayerCase(
        BilinearInteraction, (FIELDS,), mask="consumed", **OVER_FIELDS
    ),
    "BilinearInteraction-each": LayerCase(
        BilinearInteraction, LIST, {"bilinear_type": "field_each"}, **OF_A_LIST
    ),
    "BilinearInteraction-all": LayerCase(
        BilinearInteraction,
        (FIELDS,),
        {"bilinear_type": "field_all"},
        mask="consumed",
        **OVER_FIELDS,
    ),
    "FieldSqueezeExcite": LayerCase(FieldSqueezeExcite, (FIELDS,), **OVER_FIELDS),
    "FieldSqueezeExcite-options": LayerCase(
        FieldSqueezeExcite,
        LIST,
        {
            "reduction_ratio": 4,
            "activation": "tanh",
            "gate_activation": "sigmoid",
            "use_bias": True,
        },
        **OF_A_LIST,
    ),
    "FactorizedInteraction": LayerCase(
        FactorizedInteraction, (VECTOR,), {"units": 4}, wrong_ranks=((),)
    ),
    "FactorizedInteraction-concat": LayerCase(
        FactorizedInteraction,
        (SEQUENCE,),
        {"units": 6, "residual_type": "concat", "use_bias": False},
    ),
    "MultiHeadBilinear": LayerCase(
        MultiHeadBilinear, (VECTOR, (7,)), {"units": 4}, wrong_ranks=(VECTOR, (7,))
    ),
    "MultiHeadBilinear-heads": LayerCase(
        MultiHeadBilinear, ((6, 6), (4,)), {"units": 3, "num_heads": 2}
    ),
    "MultiHeadBilinear-options": LayerCase(
        MultiHeadBilinear,
        ((6, 4), (6, 8)),
        {"units": 3, "num_heads": 4, "activation": "tanh", "use_bias": False},
    ),
}
