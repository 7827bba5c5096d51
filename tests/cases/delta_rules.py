"""Configurations of the mixers with a delta rule."""

from harness.layer_cases import IMAGE, VECTOR, LayerCase

from keras_hadamard.layers import DeltaNet, GatedDeltaNet, KimiDeltaAttention

SEQUENCE = (6, 8)


def _case(make: type, **kwargs: object) -> LayerCase:
    return LayerCase(make, (SEQUENCE,), kwargs, wrong_ranks=(VECTOR, IMAGE))


CASES = {
    "DeltaNet": _case(DeltaNet, heads=2),
    "DeltaNet-sum": _case(
        DeltaNet, window=None, feature_map="elu", key_norm="sum", output_gate="silu", chunk=2
    ),
    "GatedDeltaNet": _case(GatedDeltaNet, heads=2),
    "GatedDeltaNet-grouped": _case(
        GatedDeltaNet,
        key_dim=3,
        value_dim=5,
        key_heads=2,
        window=3,
        conv_bias=True,
        negative_eigenvalues=True,
        output_gate=None,
        chunk=4,
    ),
    "KimiDeltaAttention": _case(KimiDeltaAttention, heads=2),
    "KimiDeltaAttention-bound": _case(
        KimiDeltaAttention, window=None, lower_bound=-5.0, negative_eigenvalues=True, chunk=2
    ),
}
