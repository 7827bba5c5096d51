"""Configurations of the crosses, the factorisation machines and the interactions of fields."""

from harness.layer_cases import SEQUENCE, VECTOR, LayerCase

from keras_hadamard.layers import (
    AttentionalFactorizationMachine,
    CompressedInteraction,
    CrossNetwork,
    DotInteraction,
    FactorizationMachine,
    FeatureCross,
    FieldAwareFactorizationMachine,
    InnerProductInteraction,
    MixtureCross,
    OuterProductInteraction,
)

FIELDS = (6, 5)
LIST = (VECTOR, VECTOR, VECTOR)
# A single vector, and fields of another rank, are no fields.
OVER_FIELDS = {"mask": "consumed", "fixed": True, "wrong_ranks": (VECTOR, (2, 6, 5))}
OF_A_LIST = {"wrong_ranks": (VECTOR, VECTOR, (7,))}
IDS = {"integers": 2, "wrong_ranks": ((), (2,), (3, 3))}

CASES = {
    "FeatureCross": LayerCase(FeatureCross, (VECTOR,), wrong_ranks=((),)),
    "FeatureCross-low": LayerCase(
        FeatureCross,
        (SEQUENCE,),
        {"projection_dim": 2, "diag_scale": 0.5, "pre_activation": "tanh"},
    ),
    "FeatureCross-two": LayerCase(FeatureCross, (VECTOR, VECTOR), {"use_bias": False}),
    "FeatureCross-sequences": LayerCase(FeatureCross, (SEQUENCE, SEQUENCE), {"projection_dim": 1}),
    "CrossNetwork": LayerCase(CrossNetwork, (VECTOR,), wrong_ranks=((),)),
    "CrossNetwork-low": LayerCase(
        CrossNetwork, (SEQUENCE,), {"num_layers": 2, "parameterization": "low_rank"}
    ),
    "CrossNetwork-options": LayerCase(
        CrossNetwork, (VECTOR,), {"num_layers": 2, "diag_scale": 0.5, "pre_activation": "relu"}
    ),
    "CrossNetwork-vector": LayerCase(CrossNetwork, (SEQUENCE,), {"parameterization": "vector"}),
    "CrossNetwork-products": LayerCase(
        CrossNetwork, (VECTOR,), {"parameterization": "vector", "use_bias": False}
    ),
    "MixtureCross": LayerCase(MixtureCross, (VECTOR,), wrong_ranks=((),)),
    "MixtureCross-options": LayerCase(
        MixtureCross,
        (SEQUENCE, SEQUENCE),
        {
            "num_experts": 3,
            "projection_dim": 2,
            "activation": None,
            "gate_activation": "sigmoid",
            "use_bias": False,
        },
    ),
    "FactorizationMachine": LayerCase(
        FactorizationMachine, (VECTOR,), {"factors": 3}, wrong_ranks=((), (1,))
    ),
    "FactorizationMachine-order": LayerCase(
        FactorizationMachine, (SEQUENCE,), {"factors": 3, "order": 4}
    ),
    "FactorizationMachine-shared": LayerCase(
        FactorizationMachine,
        (VECTOR,),
        {"factors": 3, "order": 3, "shared_factors": True, "use_linear": False, "use_bias": False},
    ),
    "FieldAwareFactorizationMachine": LayerCase(
        FieldAwareFactorizationMachine,
        ((3,),),
        {"vocabulary_sizes": (3, 2, 4), "factors": 5},
        **IDS,
    ),
    "FieldAwareFactorizationMachine-reduce": LayerCase(
        FieldAwareFactorizationMachine,
        ((3,),),
        {"vocabulary_sizes": (3, 2, 4), "factors": 5, "reduce": True},
        **IDS,
    ),
    "CompressedInteraction": LayerCase(
        CompressedInteraction, (FIELDS,), {"layer_sizes": (4, 3)}, **OVER_FIELDS
    ),
    "CompressedInteraction-split": LayerCase(
        CompressedInteraction,
        LIST,
        {"layer_sizes": (4, 2, 3), "units": None, "split_half": True, "activation": "relu"},
        **OF_A_LIST,
    ),
    "AttentionalFactorizationMachine": LayerCase(
        AttentionalFactorizationMachine, (FIELDS,), {"attention_units": 4}, **OVER_FIELDS
    ),
    "AttentionalFactorizationMachine-options": LayerCase(
        AttentionalFactorizationMachine,
        LIST,
        {"attention_units": 4, "units": None, "attention_dropout": 0.2, "dropout": 0.2, "seed": 1},
        **OF_A_LIST,
    ),
    "InnerProductInteraction": LayerCase(InnerProductInteraction, (FIELDS,), **OVER_FIELDS),
    "InnerProductInteraction-list": LayerCase(InnerProductInteraction, LIST, **OF_A_LIST),
    "OuterProductInteraction": LayerCase(OuterProductInteraction, (FIELDS,), **OVER_FIELDS),
    "OuterProductInteraction-vec": LayerCase(
        OuterProductInteraction, (FIELDS,), {"kernel_type": "vec"}, **OVER_FIELDS
    ),
    "OuterProductInteraction-num": LayerCase(
        OuterProductInteraction, LIST, {"kernel_type": "num"}, **OF_A_LIST
    ),
    "DotInteraction": LayerCase(DotInteraction, LIST, **OF_A_LIST),
    "DotInteraction-whole": LayerCase(
        DotInteraction, (FIELDS,), {"self_interaction": True, "skip_gather": True}, **OVER_FIELDS
    ),
    "DotInteraction-self": LayerCase(
        DotInteraction, (FIELDS,), {"self_interaction": True}, **OVER_FIELDS
    ),
}
