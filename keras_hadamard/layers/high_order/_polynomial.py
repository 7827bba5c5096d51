"""Base class and recursion of the polynomial expansions."""

from typing import Any, TypeAlias, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import one_of, positive_int, received
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._normalization import normalization as make_normalization
from keras_hadamard.ops import polynomial_chain

DECOMPOSITIONS = ("ccp", "ncp", "ncp_skip")
# `S_n` and `s_n`, `s_1`, the gates, and the normalisation after each step.
Steps: TypeAlias = tuple[list[keras.layers.Dense], Any, Any, list[keras.layers.Layer]]


class Polynomial(BaseLayer):
    """Base of the expansions: the arguments of their recursion, and the configuration of these."""

    def __init__(
        self,
        *,
        degree: int,
        decomposition: str,
        rank: int | None,
        activation: Activation,
        use_factor_bias: bool,
        normalization: str | None,
        use_gates: bool,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.degree = positive_int("degree", degree)
        self.decomposition = one_of("decomposition", decomposition, DECOMPOSITIONS)
        self.rank = None if rank is None else positive_int("rank", rank)
        self.activation = get_activation(activation)
        self.use_factor_bias = bool(use_factor_bias)
        self.normalization = one_of("normalization", normalization, (None, "batch", "layer"))
        self.use_gates = bool(use_gates)
        if self.use_gates and decomposition == "ncp":
            raise received(
                "a decomposition with a skip, as gates start at zero",
                decomposition=decomposition,
            )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "degree": self.degree,
            "decomposition": self.decomposition,
            "rank": self.rank,
            "activation": serialize_activation(self.activation),
            "use_factor_bias": self.use_factor_bias,
            "normalization": self.normalization,
            "use_gates": self.use_gates,
        }


def build_steps(layer: Polynomial, state: Shape) -> Steps:
    """Creates the weights of the steps, `state` is the shape of the state."""
    rank, nested = state[-1] or 0, layer.decomposition != "ccp"
    first_state = gates = None
    if nested:
        first_state = layer.add_weight(name="first_state", shape=(rank,), initializer="ones")
    later = range(2, layer.degree + 1)
    state_projections = [
        layer.project(rank, f"state_projection_{n}", use_bias=True, input_shape=state)
        for n in (later if nested else ())
    ]
    if layer.use_gates and layer.degree > 1:
        gates = layer.add_weight(name="gates", shape=(layer.degree - 1,), initializer="zeros")
    normalizations = [
        make_normalization(
            layer.normalization,
            f"normalization_{n}",
            policy=layer.dtype_policy,
            input_shape=state,
        )
        for n in (later if layer.normalization else ())
    ]
    return state_projections, first_state, gates, normalizations


def expand(
    factors: list[Tensor],
    decomposition: str,
    state_projections: list[keras.layers.Dense],
    first_state: Any,
    gates: Any,
    normalizations: list[keras.layers.Layer],
) -> Tensor:
    """The state `x_N` after the last degree, from the projections `U_n z` of all degrees."""
    x, *others = factors
    if gates is not None:
        gates = ops.cast(gates, x.dtype)
    if decomposition == "ccp" and not normalizations:
        return polynomial_chain(factors, gates)
    if first_state is not None:
        x = x * ops.cast(first_state, x.dtype)
    for i, factor in enumerate(others):
        step = factor * (state_projections[i](x) if state_projections else x)
        if gates is not None:
            step = gates[i] * step
        x = step if decomposition == "ncp" else step + x
        if normalizations:
            x = normalizations[i](x)
    return x
