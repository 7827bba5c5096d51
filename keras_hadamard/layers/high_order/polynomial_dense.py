"""Polynomial expansions of one input: the layers of Pi-nets."""

from typing import Any

import keras
from keras import ops

from keras_hadamard._checks import one_of, positive_int, received
from keras_hadamard._export import serializable
from keras_hadamard._typing import Activation, Shape, Tensor
from keras_hadamard.layers._projecting import ProjectingLayer
from keras_hadamard.ops import polynomial_chain


@serializable
class PolynomialDense(ProjectingLayer):
    """Polynomial of the input of a stated degree, in a low-rank decomposition (Pi-nets).

    The output is a polynomial of degree `degree` in the input `z`, `y = act(C x_N + beta)`, with
    `C` of shape `(rank, units)` and

    - `"ccp"` (coupled): `x_1 = U_1 z`, `x_n = (U_n z) * x_(n-1) + x_(n-1)`;
    - `"ncp"` (nested): `x_1 = (A_1 z) * s_1`, `x_n = (A_n z) * (S_n x_(n-1) + s_n)`;
    - `"ncp_skip"`: as `"ncp"`, plus `x_(n-1)` in every step after the first.

    `U_n` and `A_n` are `(width, rank)`, `S_n` is `(rank, rank)`, and `s_n` is the constant that the
    paper writes as `B_n b_n`.

    Args:
        units: Integer, the width of the output.
        degree: Integer, the degree N of the polynomial. Defaults to `2`.
        decomposition: `"ccp"`, `"ncp"` or `"ncp_skip"`. Defaults to `"ccp"`.
        rank: Integer, the width of the recursion. Defaults to `None`, which is `units`.
        activation: Name or function of the output's activation. Defaults to `None`: the layer is
            a polynomial.
        use_factor_bias: Boolean, whether the projections of `z` have biases, as in the authors'
            tutorial code. Defaults to `False`, as in the paper.
        **kwargs: Arguments of the projections (`use_bias` for the output, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as `keras.layers.Dense` has
            them) and of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.

    Input shape:
        `(batch, ..., width)`.

    Output shape:
        `(batch, ..., units)`.

    Masking:
        The mask is passed on.

    Numerics:
        The product over the degree is float32 under 16-bit policies for `"ccp"`. With unit-variance
        projections its standard deviation grows as `2 ** ((degree - 1) / 2)` and its largest values
        much faster: at a degree of about 16 the result overflows float16.

    Raises:
        ValueError: If an argument is out of range or the width of the input is unknown.

    Example:

    >>> x = keras.ops.ones((4, 7))
    >>> keras_hadamard.layers.PolynomialDense(3, degree=4)(x).shape
    TensorShape([4, 3])

    Reference:
        - [P-nets: Deep Polynomial Neural Networks (Chrysos et al., 2020)](
          https://arxiv.org/abs/2003.03828)
        - [Deep Polynomial Neural Networks (Chrysos et al., 2021)](https://arxiv.org/abs/2006.13026)
    """

    def __init__(
        self,
        units: int,
        degree: int = 2,
        decomposition: str = "ccp",
        rank: int | None = None,
        activation: Activation = None,
        use_factor_bias: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = positive_int("units", units)
        self.degree = positive_int("degree", degree)
        self.decomposition = one_of("decomposition", decomposition, ("ccp", "ncp", "ncp_skip"))
        self.rank = None if rank is None else positive_int("rank", rank)
        self.activation = keras.activations.get(activation)
        self.use_factor_bias = bool(use_factor_bias)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        self._check(input_shape)
        rank = self.units if self.rank is None else self.rank
        state = (*input_shape[:-1], rank)
        self.factors = self.project(
            rank,
            "factors",
            use_bias=self.use_factor_bias,
            blocks=self.degree,
            input_shape=input_shape,
        )
        self.state_projections = []
        self.first_state = None
        if self.decomposition != "ccp":
            self.first_state = self.add_weight(
                name="first_state", shape=(rank,), initializer="ones"
            )
            self.state_projections = [
                self.project(rank, f"state_projection_{n}", use_bias=True, input_shape=state)
                for n in range(2, self.degree + 1)
            ]
        self.output_projection = self.project(
            self.units, "output_projection", activation=self.activation, input_shape=state
        )

    def call(self, inputs: Tensor) -> Tensor:
        factors = self.factors(inputs)
        # The last axis holds the degrees one after another.
        shape = (*ops.shape(factors)[:-1], self.degree, factors.shape[-1] // self.degree)
        if self.decomposition == "ccp":
            return self.output_projection(polynomial_chain(ops.reshape(factors, shape)))
        first, *others = ops.split(factors, self.degree, axis=-1)
        x = first * self.first_state
        for factor, project in zip(others, self.state_projections, strict=True):
            step = factor * project(x)
            x = step + x if self.decomposition == "ncp_skip" else step
        return self.output_projection(x)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check(input_shape)
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "degree": self.degree,
            "decomposition": self.decomposition,
            "rank": self.rank,
            "activation": keras.activations.serialize(self.activation),
            "use_factor_bias": self.use_factor_bias,
        }

    @staticmethod
    def _check(input_shape: Shape) -> None:
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise received("an input (batch, ..., width) of known width", shape=input_shape)
