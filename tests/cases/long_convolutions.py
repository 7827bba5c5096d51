"""Configurations of the mixers by long convolutions, and of those without attention."""

from harness.layer_cases import IMAGE, SEQUENCE, VECTOR, LayerCase

from keras_hadamard.layers import AFT, H3, HyenaOperator, MonarchMixer, PolySelfAttention

RANKS = (VECTOR, IMAGE)


def _aft(form: str, **kwargs: object) -> LayerCase:
    given = {"position_bias": form, "max_length": 8, "window": 3, "rank": 2, "hidden_units": 4}
    return LayerCase(AFT, (SEQUENCE,), {**given, **kwargs})


# At the default frequency of 10, gradients of a filter in XLA and in a graph are ten times as many
# roundings apart, more than the contract allows; in float64 they agree to rounding at both.
_SMALL = {"max_length": 8, "filter_width": 4, "frequency": 2.0}
CASES = {
    "PolySelfAttention": LayerCase(PolySelfAttention, (SEQUENCE,), wrong_ranks=RANKS, fixed=True),
    "PolySelfAttention-heads": LayerCase(
        PolySelfAttention, ((6, 4),), {"heads": 2, "use_bias": False}, fixed=True
    ),
    "AFT": LayerCase(AFT, (SEQUENCE,), wrong_ranks=RANKS, fixed=True),
    "AFT-full-causal": _aft("full", causal=True),
    "AFT-low_rank": _aft("low_rank", use_bias=False),
    "AFT-local": _aft("local"),
    "AFT-local-causal": _aft("local", causal=True),
    "AFT-conv": _aft("conv", heads=2),
    "AFT-conv-causal": _aft("conv", heads=2, causal=True),
    "AFT-simple": _aft("simple"),
    "AFT-simple-causal": _aft("simple", causal=True),
    "H3": LayerCase(H3, (SEQUENCE,), {"state_size": 4}, wrong_ranks=RANKS),
    "H3-heads": LayerCase(H3, (SEQUENCE,), {"state_size": 2, "head_size": 5}),
    "HyenaOperator": LayerCase(HyenaOperator, (SEQUENCE,), _SMALL, wrong_ranks=RANKS),
    "HyenaOperator-first": LayerCase(
        HyenaOperator, (SEQUENCE,), {**_SMALL, "order": 3, "filter_first": True, "use_bias": False}
    ),
    "MonarchMixer": LayerCase(MonarchMixer, (SEQUENCE,), _SMALL, wrong_ranks=RANKS),
    "MonarchMixer-causal": LayerCase(
        MonarchMixer,
        (SEQUENCE,),
        {**_SMALL, "causal": True, "residual": False, "window_shift": 0.1},
    ),
}
