"""Polynomial expansions of one input: the layers of Pi-nets."""

from typing import Any, Unpack

from keras_hadamard._core.checks import positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.layers.high_order._polynomial import Polynomial, build_steps, expand
from keras_hadamard.layers.high_order._widths import check_width


@serializable
class PolynomialDense(Polynomial):
    """Polynomial of a given degree of the input, in a low-rank decomposition (Pi-nets).

    Scale the inputs to about unit size: an input that is too large by a factor gives an output that
    is too large by that factor to the power of the degree. Above degree 4 it needs `normalization`
    or `use_gates`.

    `y = act(C x_N + beta) with x_1 = U_1 z and x_n = (U_n z) * x_(n-1) + x_(n-1)` is of degree N in
    the input `z`, with `C` of shape `(rank, units)`. The recursion depends on the decomposition:

    - `"ccp"` (coupled): as above;
    - `"ncp"` (nested): `x_1 = (A_1 z) * s_1`, `x_n = (A_n z) * (S_n x_(n-1) + s_n)`;
    - `"ncp_skip"`: as `"ncp"`, plus `x_(n-1)` in every step after the first.

    `U_n` and `A_n` are `(width, rank)`, `S_n` is `(rank, rank)`, and `s_n` is the constant
    `B_n b_n` of the paper.

    Args:
        units: Integer, the width of the output.
        degree: Integer, the degree N of the polynomial. Defaults to `2`.
        decomposition: `"ccp"`, `"ncp"` or `"ncp_skip"`. Defaults to `"ccp"`.
        rank: Integer, the width of the recursion. Defaults to `None`, which is `units`.
        activation: Name or function of the output's activation. Defaults to `None`: the layer is
            a polynomial.
        use_factor_bias: Boolean, whether the projections of `z` have biases, as in the authors'
            tutorial code. Defaults to `False`, as in the paper.
        normalization: `"batch"` or `"layer"`, the normalisation after each step above the first, as
            the authors' deeper models have it. Defaults to `None`. With `"batch"`, the layer is
            still a polynomial at inference; with `"layer"`, it is not.
        use_gates: Boolean, whether a learned scalar multiplies the product of each step, which
            starts at zero, so that training starts at degree one. Defaults to `False`. For `"ccp"`
            and `"ncp_skip"`.
        **kwargs: Arguments of the projections (`use_bias` for the output, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.

    Input shape:
        `(batch, ..., width)`.

    Output shape:
        `(batch, ..., units)`.

    Weights:
        `degree * width * rank + (rank + 1) * units` for `"ccp"`, with `rank` = `units` where it is
        `None`.

    Masking:
        The mask is passed on.

    Numerics:
        For `"ccp"` the product over the degree is float32 under 16-bit policies, and then cast.
        With unit-variance projections, the standard deviation grows as `2 ** ((degree - 1) / 2)`
        and the largest values faster: in a batch of 64 at a width of 256, the largest is about 5e1,
        5e2, 8e3 and 7e4 at degrees 4, 8, 16 and 25. Float16 ends at 65,504, so beyond a degree of
        about 8, which leaves room for rare inputs and training, it needs `normalization` or
        `use_gates`. Gradients contain no division and no logarithm: zero factors need no special
        case.

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
        normalization: str | None = None,
        use_gates: bool = False,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(
            degree=degree,
            decomposition=decomposition,
            rank=rank,
            activation=activation,
            use_factor_bias=use_factor_bias,
            normalization=normalization,
            use_gates=use_gates,
            **kwargs,
        )
        self.units = positive_int("units", units)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        check_width(input_shape)
        rank = self.units if self.rank is None else self.rank
        state = (*input_shape[:-1], rank)
        self.factors = [
            self.project(
                rank, f"factor_{n}", use_bias=self.use_factor_bias, input_shape=input_shape
            )
            for n in range(1, self.degree + 1)
        ]
        self.state_projections, self.first_state, self.gates, self.normalizations = build_steps(
            self, state
        )
        self.output_projection = self.project(
            self.units, "output_projection", activation=self.activation, input_shape=state
        )

    def call(self, inputs: Tensor) -> Tensor:
        factors = [project(inputs) for project in self.factors]
        x = expand(
            factors,
            self.decomposition,
            self.state_projections,
            self.first_state,
            self.gates,
            self.normalizations,
        )
        return self.output_projection(x)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_width(input_shape)
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}
