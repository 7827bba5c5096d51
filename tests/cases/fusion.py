"""Configurations of the fusions."""

from typing import Any

from harness.layer_cases import IMAGE, SEQUENCE, VECTOR, LayerCase

from keras_hadamard.layers import (
    BLOCK,
    GMU,
    LMF,
    MCB,
    MFB,
    MFH,
    MLB,
    MRN,
    MUTAN,
    BilinearAttention,
    BlockTucker,
    ConcatFusion,
    CrossModalGate,
    FiLM,
    HadamardFusion,
    SumFusion,
    TensorFusion,
    TuckerFusion,
)

TWO = ((5,), (7,))
WRONG = ((5,), (5,))
# What a fusion is made with, plainly and with all its options.
SMALL: dict[type, dict[str, Any]] = {
    BLOCK: {"mm_dim": 6, "chunks": 2, "rank": 2},
    BlockTucker: {"mm_dim": 6, "chunks": 2},
    MCB: {"sketch_dim": 12},
    MUTAN: {"rank": 3},
}
OPTIONS: dict[type, dict[str, Any]] = {
    ConcatFusion: {"hidden_units": (7,), "dropout": 0.2, "input_dropout": 0.1, "seed": 1},
    SumFusion: {"rank": 7, "dropout": 0.2, "seed": 1},
    HadamardFusion: {"projection_activation": "tanh"},
    MLB: {"rank": 7, "dropout": 0.2, "projection_dropout": 0.1, "seed": 1},
    MFB: {"rank": 6, "factor": 3, "dropout": 0.2, "activation": "relu", "seed": 1},
    MFH: {"rank": 3, "factor": 2, "order": 3, "dropout": 0.2, "activation": "relu", "seed": 1},
    TuckerFusion: {"mm_dim": 3, "normalize": True, "use_core_bias": True, "dropout": 0.2},
    MUTAN: {"mm_dim": 3, "rank": 2, "normalize": True, "use_core_bias": True, "dropout": 0.2},
    # Chunks of sizes 3, 3 and 1.
    BLOCK: {"mm_dim": 7, "chunks": 3, "rank": 2, "use_core_bias": True, "dropout": 0.2},
    BlockTucker: {"mm_dim": 7, "chunks": 3, "normalize_position": "after_cat"},
    MCB: {"sketch_dim": 9, "dropout": 0.2, "normalize": False, "seed": 1},
    MRN: {"depth": 2, "dropout": 0.2, "activation": "relu", "seed": 1},
    GMU: {"gate_on": "projections", "activation": "relu"},
    LMF: {"rank": 3, "use_rank_weights": True, "activation": "relu"},
    TensorFusion: {"activation": "relu", "max_bytes": 10_000},
    BilinearAttention: {"rank": 3, "glimpses": 2, "residual": True, "dropout": 0.2},
    CrossModalGate: {"mutual": True, "activation": "relu", "gate_activation": "tanh"},
}
# The output is a signed square root, which of sixteen-bit products of four is noise near zero.
POSITIONS: dict[type, dict[str, Any]] = {MFH: {"normalize": False}}


def _fusions() -> dict[str, LayerCase]:
    cases = {}
    for layer, options in OPTIONS.items():
        name, small = layer.__name__, {"units": 4, **SMALL.get(layer, {})}
        sqrt_output = layer in (MFB, BLOCK, BlockTucker)
        positions = {**small, **POSITIONS.get(layer, {})}
        mask = "consumed" if layer is BilinearAttention else "kept"
        cases[name] = LayerCase(layer, TWO, small, wrong_ranks=WRONG)
        cases[f"{name}-options"] = LayerCase(layer, TWO, {"units": 4, **options}, wrong_ranks=WRONG)
        cases[f"{name}-sequence"] = LayerCase(
            layer, (SEQUENCE, (7,)), positions, sqrt_output=sqrt_output, mask=mask
        )
        cases[f"{name}-regions"] = LayerCase(
            layer, ((7,), IMAGE), positions, sqrt_output=sqrt_output
        )
        if layer in (SumFusion, HadamardFusion, MLB, MFB):
            normalized = {"units": 4, "normalize": True}
            cases[f"{name}-normalized"] = LayerCase(layer, TWO, normalized, wrong_ranks=WRONG)
        if layer.modalities is None:
            cases[f"{name}-three"] = LayerCase(layer, (*TWO, (3,)), small)
    return cases


CASES = {
    **_fusions(),
    "BLOCK-shared": LayerCase(
        BLOCK,
        ((5,), (5,)),
        {"units": 4, "mm_dim": 4, "chunks": 2, "rank": 2, "shared_projections": True},
    ),
    "BilinearAttention-both": LayerCase(
        BilinearAttention, (SEQUENCE, (3, 7)), {"units": 4, "glimpses": 2}, mask="consumed"
    ),
    "FiLM": LayerCase(FiLM, (VECTOR, (7,)), wrong_ranks=((), (7,))),
    "FiLM-image": LayerCase(FiLM, (IMAGE, (7,)), {"activation": "relu", "use_shift": False}),
    "FiLM-positions": LayerCase(FiLM, (SEQUENCE, (6, 7)), {"gamma_offset": 0.0}),
    "FiLM-first": LayerCase(FiLM, (IMAGE, (7,)), {"data_format": "channels_first"}),
}
