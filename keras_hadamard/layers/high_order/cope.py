"""Conditional polynomial expansions: polynomials of several inputs."""

from typing import Any, ClassVar, Unpack

from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._alignment import align
from keras_hadamard.layers._masks import all_of
from keras_hadamard.layers.fusion._fusion import check_inputs, positions_of
from keras_hadamard.layers.high_order._polynomial import Polynomial, build_steps, expand


@serializable
class CoPE(Polynomial):
    """Polynomial of any number of inputs, with all their cross terms up to the degree (CoPE).

    `y = act(C x_N + beta) with x_1 = sum_i U_(1,i) z_i and
    x_n = x_(n-1) + (sum_i U_(n,i) z_i) * x_(n-1)`, with `C` of shape `(rank, units)`. The recursion
    depends on the decomposition:

    - `"ccp"` (coupled): as above;
    - `"ncp"` (nested): `x_1 = (sum_i A_(1,i) z_i) * s_1`,
      `x_n = (sum_i A_(n,i) z_i) * (S_n x_(n-1) + s_n)`;
    - `"ncp_skip"`: as `"ncp"`, plus `x_(n-1)` in every step after the first.

    For one input it is `PolynomialDense`.

    Args:
        units: Integer, the width of the output.
        degree: Integer, the degree N of the polynomial. Defaults to `2`.
        decomposition: `"ccp"`, `"ncp"` or `"ncp_skip"`. Defaults to `"ccp"`.
        rank: Integer, the width of the recursion. Defaults to `None`, which is `units`.
        condition_only: Boolean, whether the degrees above the first see only the inputs after the
            first, `U_(n,1) = 0`: the input is then modulated by its conditions, as FiLM and SPADE
            do, and not correlated with itself. Defaults to `False`.
        activation: Name or function of the output's activation. Defaults to `None`: the layer is
            a polynomial.
        use_factor_bias: Boolean, whether the sums over the inputs have biases. Defaults to `False`.
        normalization: `"batch"` or `"layer"`, the normalisation after each step above the first.
            Defaults to `None`.
        use_gates: Boolean, whether a learned scalar, zero at first, multiplies the product of each
            step. Defaults to `False`. For `"ccp"` and `"ncp_skip"`.
        **kwargs: Arguments of the projections (`use_bias` for the output, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: List of one or more tensors.

    Input shape:
        Each `(batch, ..., width)`, of equal batch and positions; vectors `(batch, width)` are
        combined with every position of the others.

    Output shape:
        `(batch, ..., units)`, with the positions of the inputs.

    Weights:
        `degree * rank * sum(widths) + (rank + 1) * units` for `"ccp"`, with `rank` = `units` where
        it is `None`.

    Masking:
        A position is valid where it is valid in every input.

    Numerics:
        For `"ccp"` the product over the degree is float32 under 16-bit policies; magnitudes grow
        with the degree as in `PolynomialDense`, and with the square root of the number of inputs in
        each factor.

    Raises:
        ValueError: If an argument is out of range, the inputs do not fit together, or there is no
            condition although `condition_only` is true.

    Example:

    >>> image, label = keras.ops.ones((4, 6, 7)), keras.ops.ones((4, 5))
    >>> keras_hadamard.layers.CoPE(3, degree=4)([image, label]).shape
    TensorShape([4, 6, 3])

    Reference:
        - [Conditional Generation Using Polynomial Expansions (Chrysos et al., 2021)](
          https://arxiv.org/abs/2104.05077)
    """

    width_argument: ClassVar[str | None] = "rank"

    def __init__(
        self,
        units: int,
        degree: int = 2,
        decomposition: str = "ccp",
        rank: int | None = None,
        condition_only: bool = False,
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
        self.condition_only = bool(condition_only)
        self.supports_masking = True

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        check_inputs("CoPE", inputs, None, fewest=1)
        return super().__call__(inputs, *args, **kwargs)

    def build(self, input_shape: list[Shape]) -> None:
        shapes = [tuple(s) if isinstance(s, list | tuple) else s for s in input_shape]
        rank = self.units if self.rank is None else self.rank
        state = (*self._positions(shapes), rank)
        last = len(shapes) - 1
        # A sum needs one bias: that of the last input, which every degree uses.
        # Those of a degree one after the other.
        self.factors = [
            self.project(
                rank,
                f"factor_{n}_{i + 1}",
                use_bias=self.use_factor_bias and i == last,
                input_shape=shapes[i],
            )
            for n in range(1, self.degree + 1)
            for i in range(int(self.condition_only and n > 1), len(shapes))
        ]
        self.state_projections, self.first_state, self.gates, self.normalizations = build_steps(
            self, state
        )
        self.output_projection = self.project(
            self.units, "output_projection", activation=self.activation, input_shape=state
        )

    def call(self, inputs: list[Tensor]) -> Tensor:
        sums, factors = [], iter(self.factors)
        for n in range(1, self.degree + 1):
            seen = inputs[int(self.condition_only and n > 1) :]
            # A vector is projected before it is broadcast.
            total, *others = align([next(factors)(z) for z in seen])
            for term in others:
                total = total + term
            sums.append(total)
        if self.condition_only:
            # The conditions may be vectors where the input has positions.
            zero = ops.zeros_like(sums[0][..., :1])
            sums[1:] = [align([total, zero])[0] + zero for total in sums[1:]]
        x = expand(
            sums,
            self.decomposition,
            self.state_projections,
            self.first_state,
            self.gates,
            self.normalizations,
        )
        return self.output_projection(x)

    def compute_mask(self, inputs: list[Tensor], mask: Any = None) -> Tensor | None:
        return all_of(mask)

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        return (*self._positions(input_shape), self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "condition_only": self.condition_only}

    def _positions(self, shapes: Any) -> Shape:
        positions = positions_of("CoPE", shapes, None, fewest=1)
        if self.condition_only and len(shapes) < 2:
            raise received("a condition after the first input, with condition_only", shapes=shapes)
        return positions
