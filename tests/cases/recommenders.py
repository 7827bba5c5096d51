"""Configurations of the layers of recommenders."""

from harness.layer_cases import SEQUENCE, VECTOR, LayerCase

from keras_hadamard.layers import (
    BilinearInteraction,
    DeepCrossV3,
    Dice,
    EulerInteraction,
    FactorizedInteraction,
    FieldSqueezeExcite,
    GatedCrossNetwork,
    GateNU,
    HolographicInteraction,
    LogarithmicTransform,
    MaskBlock,
    MultiHeadBilinear,
    TargetAttention,
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
    "Dice": LayerCase(Dice, (VECTOR,), wrong_ranks=((),)),
    "Dice-options": LayerCase(Dice, (SEQUENCE,), {"momentum": 0.9, "epsilon": 1e-5}),
    "TargetAttention": LayerCase(
        TargetAttention,
        (VECTOR, SEQUENCE),
        {"hidden_units": (4,)},
        mask="consumed",
        wrong_ranks=(VECTOR, (7,)),
    ),
    "TargetAttention-softmax": LayerCase(
        TargetAttention,
        (VECTOR, SEQUENCE),
        {
            "hidden_units": (4, 3),
            "activation": "tanh",
            "use_softmax": True,
            "use_bias": False,
        },
        mask="consumed",
    ),
    "TargetAttention-dice": LayerCase(
        TargetAttention,
        (VECTOR, SEQUENCE),
        {"hidden_units": (4, 3), "activation": "dice"},
        mask="consumed",
    ),
    "DeepCrossV3": LayerCase(DeepCrossV3, ((6,),), {"num_layers": 2}, wrong_ranks=((), (5,))),
    "DeepCrossV3-linear": LayerCase(DeepCrossV3, ((6, 4),), {"kind": "linear", "num_layers": 2}),
    "DeepCrossV3-options": LayerCase(
        DeepCrossV3,
        ((6, 4),),
        {"num_layers": 1, "normalize": False, "dropout": 0.2, "seed": 1, "use_bias": False},
    ),
    "GateNU": LayerCase(GateNU, (VECTOR, (7,)), wrong_ranks=(VECTOR, (7,))),
    "GateNU-features": LayerCase(GateNU, (SEQUENCE, (3,), VECTOR), {"hidden_units": 4}),
    "GateNU-options": LayerCase(
        GateNU,
        (VECTOR, SEQUENCE),
        {"hidden_units": 2, "scale": 1.0, "activation": "tanh", "use_bias": False},
    ),
    "LogarithmicTransform": LayerCase(
        LogarithmicTransform, (FIELDS,), {"units": 3}, mask="consumed", **OVER_FIELDS
    ),
    "LogarithmicTransform-options": LayerCase(
        LogarithmicTransform,
        LIST,
        {"units": 3, "epsilon": 1e-3, "normalize": False},
        **OF_A_LIST,
    ),
    "HolographicInteraction": LayerCase(
        HolographicInteraction, (FIELDS,), mask="consumed", **OVER_FIELDS
    ),
    "HolographicInteraction-correlation": LayerCase(
        HolographicInteraction,
        (FIELDS,),
        {"interaction_type": "circular_correlation"},
        mask="consumed",
        **OVER_FIELDS,
    ),
    "HolographicInteraction-product": LayerCase(
        HolographicInteraction, LIST, {"interaction_type": "product"}, **OF_A_LIST
    ),
    "EulerInteraction": LayerCase(
        EulerInteraction,
        (FIELDS, FIELDS),
        {"units": 3},
        mask="consumed",
        fixed=True,
        wrong_ranks=(VECTOR, VECTOR),
    ),
    "EulerInteraction-options": LayerCase(
        EulerInteraction,
        ((3, 4), (3, 4)),
        {
            "units": 2,
            "normalize": True,
            "dropout": 0.2,
            "product_dropout": 0.2,
            "seed": 1,
            "use_bias": False,
        },
        mask="consumed",
        fixed=True,
    ),
}
