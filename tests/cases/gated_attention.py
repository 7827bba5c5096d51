"""Configurations of the softmax attentions with gates."""

from harness.layer_cases import IMAGE, VECTOR, LayerCase

from keras_hadamard.layers import GatedAttention

SEQUENCE = (6, 8)


def _case(make: type, **kwargs: object) -> LayerCase:
    return LayerCase(make, (SEQUENCE,), kwargs, wrong_ranks=(VECTOR, IMAGE))


CASES = {
    "GatedAttention": _case(GatedAttention, heads=2),
    "GatedAttention-heads": _case(
        GatedAttention, key_heads=2, key_dim=3, gate="head", rotary=False, use_bias=True
    ),
    "GatedAttention-open": _case(GatedAttention, gate=None, normalize=False, causal=False),
}
