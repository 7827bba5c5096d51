"""Configurations of gates between modalities, of attention over sets, and of columns."""

from harness.layer_cases import IMAGE, SEQUENCE, VECTOR, LayerCase

from keras_hadamard.layers import (
    AttentionPooling,
    GatedCrossAttention,
    MultimodalAdaptationGate,
    MultimodalTransferModule,
    TabNetEncoder,
    VariableSelection,
)

WORDS, MEDIA = (SEQUENCE, (3, 7)), (SEQUENCE, (2, 3, 7))

CASES = {
    "AttentionPooling": LayerCase(
        AttentionPooling, (SEQUENCE,), {"hidden_units": 4}, "consumed", wrong_ranks=(VECTOR,)
    ),
    "AttentionPooling-branches": LayerCase(
        AttentionPooling,
        (SEQUENCE,),
        {"hidden_units": 4, "branches": 3, "gated": False, "dropout": 0.2, "use_bias": False},
        "consumed",
    ),
    "AttentionPooling-weights": LayerCase(
        AttentionPooling,
        (IMAGE,),
        {"hidden_units": 4, "branches": 2, "return_weights": True},
        "consumed",
    ),
    "MultimodalAdaptationGate": LayerCase(
        MultimodalAdaptationGate, (VECTOR, (7,)), wrong_ranks=((), (7,))
    ),
    "MultimodalAdaptationGate-words": LayerCase(
        MultimodalAdaptationGate, (SEQUENCE, (6, 7), (3,)), {"beta": 0.25, "dropout": 0.2}
    ),
    "MultimodalTransferModule": LayerCase(
        MultimodalTransferModule, (VECTOR, (7,)), wrong_ranks=((), (7,))
    ),
    "MultimodalTransferModule-image": LayerCase(
        MultimodalTransferModule, (IMAGE, (7,)), {"ratio": 2, "gate_scale": 1.0}
    ),
    "MultimodalTransferModule-sequences": LayerCase(
        MultimodalTransferModule, (SEQUENCE, (4, 7)), {"ratio": 3}
    ),
    "MultimodalTransferModule-first": LayerCase(
        MultimodalTransferModule, (IMAGE, (7,)), {"data_format": "channels_first"}
    ),
    "GatedCrossAttention": LayerCase(
        GatedCrossAttention, WORDS, {"heads": 2, "key_dim": 3}, wrong_ranks=((5,), (7,))
    ),
    "GatedCrossAttention-images": LayerCase(
        GatedCrossAttention,
        MEDIA,
        {"heads": 1, "key_dim": 4, "expansion": 1.5, "use_bias": True, "only_last": False},
    ),
    "VariableSelection": LayerCase(
        VariableSelection, (VECTOR, (7,), (1,)), {"units": 4}, wrong_ranks=(VECTOR, VECTOR)
    ),
    "VariableSelection-hidden": LayerCase(
        VariableSelection, (SEQUENCE, (7,)), {"units": 5, "hidden_units": 3}
    ),
    "VariableSelection-context": LayerCase(
        VariableSelection,
        (SEQUENCE, (6, 2), (7,)),
        {"units": 4, "use_context": True, "return_weights": True, "dropout": 0.2, "seed": 1},
    ),
    "TabNetEncoder": LayerCase(TabNetEncoder, (VECTOR,), {"units": 3}, wrong_ranks=((), SEQUENCE)),
    "TabNetEncoder-masks": LayerCase(
        TabNetEncoder,
        (VECTOR,),
        {
            "units": 3,
            "attention_units": 2,
            "steps": 2,
            "shared_layers": 0,
            "own_layers": 1,
            "virtual_batch_size": 2,
            "sum_steps": False,
            "return_masks": True,
            "use_bias": True,
        },
    ),
}
