"""Configurations of linear attentions."""

from harness.layer_cases import IMAGE, VECTOR, LayerCase

from keras_hadamard.layers import (
    GatedLinearAttention,
    HydraAttention,
    LinearAttention,
    Retention,
    SimpleGatedLinearAttention,
)

SEQUENCE = (6, 8)


def _case(make: type, **kwargs: object) -> LayerCase:
    return LayerCase(make, (SEQUENCE,), kwargs, wrong_ranks=(VECTOR, IMAGE))


CASES = {
    "GatedLinearAttention": _case(GatedLinearAttention, heads=2, gate_rank=3),
    "GatedLinearAttention-plain": _case(
        GatedLinearAttention, key_dim=3, value_dim=2, output_norm=None, output_gate=None, chunk=2
    ),
    "SimpleGatedLinearAttention": _case(SimpleGatedLinearAttention, heads=2),
    "SimpleGatedLinearAttention-layer": _case(
        SimpleGatedLinearAttention, key_dim=3, output_norm="layer", output_gate="sigmoid", chunk=4
    ),
    "Retention": _case(Retention, heads=2),
    "Retention-parallel": _case(Retention, heads=4, form="parallel"),
    "Retention-recurrent": _case(Retention, heads=2, form="recurrent", rotary=False),
    "LinearAttention": _case(LinearAttention, heads=2),
    "LinearAttention-all": _case(LinearAttention, heads=2, causal=False, feature_map="relu"),
    "LinearAttention-product": _case(
        LinearAttention, heads=2, feature_map="product", normalize=False, use_bias=True
    ),
    "HydraAttention": _case(HydraAttention),
    "HydraAttention-causal": _case(HydraAttention, causal=True, use_bias=False),
}
