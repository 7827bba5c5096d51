"""Polynomial expansions of an image, with convolutions as the projections."""

from typing import Any, Unpack

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._channels import check_image_shape, image_format, to_last
from keras_hadamard.layers._convolutions import convolve
from keras_hadamard.layers.high_order._polynomial import Polynomial, build_steps, expand
from keras_hadamard.layers.high_order._stages import strided_image


@serializable
class PolynomialConv2D(Polynomial):
    """Polynomial of a given degree of an image, with convolutions as projections (Pi-nets).

    For `"ccp"` `y = act(C x_N + beta) with x_1 = U_1 z and x_n = (U_n z) * x_(n-1) + x_(n-1)`, as
    `PolynomialDense`, with convolutions `U_n` (`A_n`) of the image `z`. `S_n` and `C` mix channels.

    Args:
        filters: Integer, the number of output channels.
        kernel_size: Odd integer, the side of the convolutions' windows. Defaults to `3`.
        degree: Integer, the degree N of the polynomial. Defaults to `2`.
        decomposition: `"ccp"`, `"ncp"` or `"ncp_skip"`. Defaults to `"ccp"`.
        rank: Integer, the channels of the recursion. Defaults to `None`, which is `filters`.
        strides: Integer, the strides of the convolutions. Defaults to `1`.
        activation: Name or function of the output's activation. Defaults to `None`: the layer is
            a polynomial.
        use_factor_bias: Boolean, whether the convolutions have biases. Defaults to `False`.
        normalization: `"batch"` or `"layer"`, the normalisation after each step above the first.
            Defaults to `None`.
        use_gates: Boolean, whether a learned scalar that starts at zero multiplies the product of
            each step. Defaults to `False`. For `"ccp"` and `"ncp_skip"`.
        use_output_projection: Boolean, whether there is a `C`; without it, the state is the output.
            Defaults to `True`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`,
            `keras.config.image_data_format()`.
        **kwargs: Arguments of the projections (`use_bias` for the output, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints) and of the base layer.

    Call arguments:
        inputs: Tensor.

    Input shape:
        `(batch, height, width, channels)`, or channels first.

    Output shape:
        `(batch, height / strides, width / strides, filters)`, rounded up, or channels first. The
        image is padded with zeros equally on both sides.

    Weights:
        `degree * kernel_size**2 * channels * rank + (rank + 1) * filters` for `"ccp"`, with
        `rank` = `filters` where it is `None`.

    Masking:
        Masks are not used.

    Numerics:
        As `PolynomialDense`: float32 products under 16-bit policies, and magnitudes that grow with
        the degree unless `normalization` or `use_gates` bounds them.

    Raises:
        ValueError: If an argument is out of range or the number of channels is unknown.

    Example:

    >>> x = keras.ops.ones((2, 8, 8, 3))
    >>> keras_hadamard.layers.PolynomialConv2D(16, degree=3, strides=2)(x).shape
    TensorShape([2, 4, 4, 16])

    Reference:
        - [Deep Polynomial Neural Networks (Chrysos et al., 2021)](https://arxiv.org/abs/2006.13026)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        degree: int = 2,
        decomposition: str = "ccp",
        rank: int | None = None,
        strides: int = 1,
        activation: Activation = None,
        use_factor_bias: bool = False,
        normalization: str | None = None,
        use_gates: bool = False,
        use_output_projection: bool = True,
        data_format: str | None = None,
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
        self.filters = positive_int("filters", filters)
        self.kernel_size = positive_int("kernel_size", kernel_size)
        if kernel_size % 2 == 0:
            raise received("an odd `kernel_size`", kernel_size=kernel_size)
        self.strides = positive_int("strides", strides)
        self.use_output_projection = bool(use_output_projection)
        activated = getattr(self.activation, "__name__", "") != "linear"
        if not use_output_projection and (self.rank not in (None, self.filters) or activated):
            raise received(
                "`rank` to be `filters` and no activation, without an output projection",
                rank=rank,
                activation=activation,
            )
        self.data_format = image_format(data_format)

    def build(self, input_shape: Shape) -> None:
        image = check_image_shape(input_shape, self.data_format)
        rank = self.filters if self.rank is None else self.rank
        self.factors = [
            convolve(
                self,
                rank,
                self.kernel_size,
                f"factor_{n}",
                strides=self.strides,
                use_bias=self.use_factor_bias,
                input_shape=image,
            )
            for n in range(1, self.degree + 1)
        ]
        state = tuple(self.factors[0].compute_output_shape(image))
        self.state_projections, self.first_state, self.gates, self.normalizations = build_steps(
            self, state
        )
        self.output_projection = None
        if self.use_output_projection:
            self.output_projection = self.project(
                self.filters, "output_projection", activation=self.activation, input_shape=state
            )

    def call(self, inputs: Tensor) -> Tensor:
        image = to_last(inputs, self.data_format)
        factors = [convolve(image) for convolve in self.factors]
        x = expand(
            factors,
            self.decomposition,
            self.state_projections,
            self.first_state,
            self.gates,
            self.normalizations,
        )
        if self.output_projection is not None:
            x = self.output_projection(x)
        return to_last(x, self.data_format, back=True)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return strided_image(input_shape, self.filters, self.strides, self.data_format)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "use_output_projection": self.use_output_projection,
            "data_format": self.data_format,
        }
