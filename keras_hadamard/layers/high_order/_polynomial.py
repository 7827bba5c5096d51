"""What all polynomial expansions share: the recursion over the degree."""

from typing import Any

from keras import ops

from keras_hadamard._checks import one_of, positive_int, received
from keras_hadamard._typing import Activation, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._normalization import normalization
from keras_hadamard.ops import polynomial_chain

DECOMPOSITIONS = ("ccp", "ncp", "ncp_skip")


class Polynomial(BaseLayer):
    """Base of the expansions: a subclass says what projects its input and the last state.

    The projections of the degrees are layers of their own, so that no wide output has to be taken
    apart.
    """

    def __init__(
        self,
        width: int,
        degree: int,
        decomposition: str,
        rank: int | None,
        activation: Activation,
        use_factor_bias: bool,
        normalization: str | None,
        use_gates: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.degree = positive_int("degree", degree)
        self.decomposition = one_of("decomposition", decomposition, DECOMPOSITIONS)
        self.rank = None if rank is None else positive_int("rank", rank)
        self.activation = get_activation(activation)
        self.use_factor_bias = bool(use_factor_bias)
        self.normalization = one_of("normalization", normalization, (None, "batch", "layer"))
        self.use_gates = bool(use_gates)
        if self.use_gates and decomposition == "ncp":
            raise received(
                "a decomposition with a skip where there are gates, which start at zero",
                decomposition=decomposition,
            )

    @property
    def state_width(self) -> int:
        return self.width if self.rank is None else self.rank

    def build_recursion(self, state: Shape) -> None:
        """Creates the weights of the steps, `state` being the shape of what runs through them."""
        rank = state[-1]
        self.state_projections = []
        self.first_state = self.gates = None
        if self.decomposition != "ccp":
            self.first_state = self.add_weight(
                name="first_state", shape=(rank,), initializer="ones"
            )
            self.state_projections = [
                self.project(
                    self.state_width, f"state_projection_{n}", use_bias=True, input_shape=state
                )
                for n in range(2, self.degree + 1)
            ]
        if self.use_gates and self.degree > 1:
            self.gates = self.add_weight(
                name="gates", shape=(self.degree - 1,), initializer="zeros"
            )
        steps = range(2, self.degree + 1) if self.normalization else ()
        self.normalizations = [
            normalization(
                self.normalization,
                f"normalization_{n}",
                policy=self.dtype_policy,
                input_shape=state,
            )
            for n in steps
        ]

    def expand(self, factors: list[Tensor]) -> Tensor:
        """The state after the last degree, from the projections of all degrees."""
        if self.decomposition == "ccp" and not self.normalizations:
            return polynomial_chain(factors, self._cast(self.gates))
        x, *others = factors
        if self.first_state is not None:
            x = x * self._cast(self.first_state)
        for i, factor in enumerate(others):
            step = factor * (self.state_projections[i](x) if self.state_projections else x)
            if self.gates is not None:
                step = self._cast(self.gates)[i] * step
            x = step if self.decomposition == "ncp" else step + x
            if self.normalizations:
                x = self.normalizations[i](x)
        return x

    def _cast(self, weight: Any) -> Tensor:
        return None if weight is None else ops.cast(weight, self.compute_dtype)

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
