"""Configurations of the selective state space models."""

from harness.layer_cases import IMAGE, VECTOR, LayerCase

from keras_hadamard.layers import Mamba2

SEQUENCE = (6, 8)


def _case(make: type, **kwargs: object) -> LayerCase:
    return LayerCase(make, (SEQUENCE,), kwargs, wrong_ranks=(VECTOR, IMAGE))


CASES = {
    "Mamba2": _case(Mamba2, heads=2, state_size=3),
    "Mamba2-groups": _case(
        Mamba2,
        state_size=2,
        expansion=1.5,
        groups=2,
        window=3,
        conv_bias=False,
        learn_state=True,
        use_bias=True,
        chunk=4,
    ),
}
