"""Product of polynomials: expansions of low degree, applied one after another."""

from collections.abc import Sequence
from typing import Any, Unpack

from keras_hadamard._core.checks import one_of, positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._normalization import normalization as make_normalization
from keras_hadamard.layers.high_order._polynomial import DECOMPOSITIONS
from keras_hadamard.layers.high_order._widths import check_width
from keras_hadamard.layers.high_order.polynomial_dense import PolynomialDense


@serializable
class ProductOfPolynomials(BaseLayer):
    """Polynomials of low degree applied one after another, whose degrees multiply (ProdPoly).

    `y = act(f_L(N(... N(f_2(N(f_1(z)))))))`, each `f_i` a `PolynomialDense` of degree `degrees[i]`
    and `N` a normalisation between them: the output is of degree `degrees[0] * degrees[1] * ...` in
    `z`, at a cost that grows with the sum of the degrees.

    Args:
        units: Integer, the width of the output.
        degrees: Sequence of integers, the degree of each polynomial. Defaults to `(2, 2)`.
        decomposition: `"ccp"`, `"ncp"` or `"ncp_skip"`. Defaults to `"ccp"`.
        rank: Integer, the width of the recursions and between the polynomials. Defaults to `None`,
            which is `units`.
        normalization: `"batch"` or `"layer"`, the normalisation between two polynomials, or `None`.
            Defaults to `"batch"`, with which the layer is still a polynomial at inference.
        activation: Name or function of the output's activation. Defaults to `None`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints) and of the base layer.

    Call arguments:
        inputs: Tensor.

    Input shape:
        `(batch, ..., width)`.

    Output shape:
        `(batch, ..., units)`.

    Weights:
        `rank * (degrees[0] * width + rank * sum(degrees[1:]) + (len(degrees) - 1) * (rank + 3)) +
        (rank + 1) * units` for `"ccp"`, with `rank` = `units` where it is `None`.

    Masking:
        The mask is passed on.

    Numerics:
        As `PolynomialDense` for each polynomial. The normalisation between them keeps the
        magnitudes of a large degree in range: four polynomials of degree 2 fit where one of degree
        16 overflows float16.

    Raises:
        ValueError: If an argument is out of range or the width of the input is unknown.

    Example:

    >>> layer = keras_hadamard.layers.ProductOfPolynomials(3, degrees=(2, 3), rank=8)
    >>> layer(keras.ops.ones((4, 7))).shape, layer.degree
    (TensorShape([4, 3]), 6)

    Reference:
        - [Deep Polynomial Neural Networks (Chrysos et al., 2021)](https://arxiv.org/abs/2006.13026)
    """

    def __init__(
        self,
        units: int,
        degrees: Sequence[int] = (2, 2),
        decomposition: str = "ccp",
        rank: int | None = None,
        normalization: str | None = "batch",
        activation: Activation = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.units = positive_int("units", units)
        if not isinstance(degrees, list | tuple) or not degrees:
            raise received("`degrees` to be a sequence of one or more degrees", degrees=degrees)
        self.degrees = [positive_int("degrees", degree) for degree in degrees]
        self.decomposition = one_of("decomposition", decomposition, DECOMPOSITIONS)
        self.rank = None if rank is None else positive_int("rank", rank)
        self.normalization = one_of("normalization", normalization, (None, "batch", "layer"))
        self.activation = get_activation(activation)
        self.supports_masking = True

    @property
    def degree(self) -> int:
        """The degree of the whole layer, the product of the degrees."""
        product = 1
        for degree in self.degrees:
            product *= degree
        return product

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)
        shape = tuple(input_shape)
        width = self.units if self.rank is None else self.rank
        last = len(self.degrees) - 1
        self.polynomials, self.normalizations = [], []
        for i, degree in enumerate(self.degrees):
            polynomial = self.sublayer(
                PolynomialDense,
                self.units if i == last else width,
                degree,
                self.decomposition,
                rank=width,
                activation=self.activation if i == last else None,
                name=f"polynomial_{i + 1}",
            )
            polynomial.build(shape)
            shape = polynomial.compute_output_shape(shape)
            self.polynomials.append(polynomial)
            if i < last:
                norm = make_normalization(
                    self.normalization,
                    f"normalization_{i + 1}",
                    policy=self.dtype_policy,
                    input_shape=shape,
                )
                self.normalizations.append(norm)

    def call(self, inputs: Tensor) -> Tensor:
        x = self.polynomials[0](inputs)
        for polynomial, norm in zip(self.polynomials[1:], self.normalizations, strict=True):
            x = polynomial(norm(x))
        return x

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_width(input_shape)
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "degrees": self.degrees,
            "decomposition": self.decomposition,
            "rank": self.rank,
            "normalization": self.normalization,
            "activation": serialize_activation(self.activation),
        }
