"""Configurations of the fusions."""

from typing import Any

from harness.layer_cases import IMAGE, SEQUENCE, VECTOR, LayerCase

from keras_hadamard.layers import MFB, MLB, ConcatFusion, FiLM, HadamardFusion, SumFusion


def _fusions() -> dict[str, LayerCase]:
    cases = {}
    plain: dict[type, dict[str, Any]] = {
        ConcatFusion: {"hidden_units": (7,), "dropout": 0.2, "input_dropout": 0.1, "seed": 1},
        SumFusion: {"rank": 7, "dropout": 0.2, "seed": 1},
        HadamardFusion: {"projection_activation": "tanh"},
        MLB: {"rank": 7, "dropout": 0.2, "projection_dropout": 0.1, "seed": 1},
        MFB: {"rank": 6, "factor": 3, "dropout": 0.2, "activation": "relu", "seed": 1},
    }
    wrong = ((5,), (5,))
    for layer, options in plain.items():
        name = layer.__name__
        two = ((5,), (7,))
        cases[name] = LayerCase(layer, two, {"units": 4}, wrong_ranks=wrong)
        cases[f"{name}-options"] = LayerCase(layer, two, {"units": 4, **options}, wrong_ranks=wrong)
        rooted = layer is MFB
        cases[f"{name}-sequence"] = LayerCase(
            layer, (SEQUENCE, (7,)), {"units": 4}, rooted=rooted
        )
        cases[f"{name}-regions"] = LayerCase(layer, ((7,), IMAGE), {"units": 4}, rooted=rooted)
        if layer is not ConcatFusion:
            normalized = {"units": 4, "normalize": True}
            cases[f"{name}-normalized"] = LayerCase(layer, two, normalized, wrong_ranks=wrong)
        if layer is not MFB:
            cases[f"{name}-three"] = LayerCase(layer, (*two, (3,)), {"units": 4})
    return cases


CASES = {
    **_fusions(),
    "FiLM": LayerCase(FiLM, (VECTOR, (7,)), wrong_ranks=((), (7,))),
    "FiLM-image": LayerCase(FiLM, (IMAGE, (7,)), {"activation": "relu", "use_shift": False}),
    "FiLM-positions": LayerCase(FiLM, (SEQUENCE, (6, 7)), {"gamma_offset": 0.0}),
    "FiLM-first": LayerCase(FiLM, (IMAGE, (7,)), {"data_format": "channels_first"}),
}
