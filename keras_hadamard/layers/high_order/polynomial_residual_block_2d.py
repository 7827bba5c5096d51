"""Residual blocks with a second-degree term: Pi-nets, PDC and R-PolyNets."""

from typing import Unpack

from keras import ops

from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Initializer, ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._channels import check_image_shape, to_last
from keras_hadamard.layers.high_order._polynomial_residual import (
    PolynomialResidual,
    factor_stages,
    product_stages,
    residual_stages,
    shortcut_normalization,
    shortcut_stage,
)
from keras_hadamard.layers.high_order._stages import apply_layers, strided_image


@serializable
class PolynomialResidualBlock2D(PolynomialResidual):
    """Residual block with a product term, with or without activations (Pi-nets, R-PolyNets, PDC).

    Without activations, the authors train it with strong regularisation: a `normalization` of
    `"instance_batch"`, max-pooling and `DropBlock2D` after the first stages, and label smoothing.

    `y = act(f + r + alpha * L(p)) with p = f * M(r) and f = N(conv3x3(act(N(conv3x3(x)))))`, where
    `r` is the shortcut of `x` (`N(conv1x1(x))` where the shape changes) and the product

    - `"residual"`: `p = f * M(r)` (Pi-nets, R-PolyNets);
    - `"shortcut"`: `p = M(conv3x3(M(r))) * M(conv3x3(M(r)))` (PDC, R-PDC).

    `N` is `normalization`, `M` is `shortcut_normalization`, and `L` is a convolution and
    `product_normalization`, repeated `product_convolutions` times.

    Args:
        filters: Integer, the number of output channels.
        strides: Integer, how much smaller the output is. Defaults to `1`.
        product: `"residual"` or `"shortcut"`. Defaults to `"residual"`.
        product_filters: Integer, the channels of the convolutions of `"shortcut"`. Defaults to
            `None`, which is `filters`.
        activation: Name or function. Defaults to `None`: without activations, as R-PolyNets are.
        normalization: `"batch"`, `"instance"`, `"instance_batch"` (IBN, used to train R-PolyNets),
            `"iterative"` (IterNorm), `"layer"` or `None`. With the two mixed ones, only the first
            normalisation is of that kind, and the others are `"batch"`, as in the authors' code.
            Defaults to `"batch"`.
        shortcut_normalization: The normalisation of the shortcut in the product. Defaults to
            `None`.
        product_convolutions: Integer, the number of convolutions of the product. With 0, only the
            normalisation is left, as in Pi-nets. Defaults to `1`.
        product_kernel_size: Odd integer, the side of their windows. Defaults to `1`.
        product_normalization: The normalisation after each of them. Defaults to `"batch"`.
        alpha_initializer: Initialiser of the scalar `alpha`; `None` for none, as in Pi-nets.
            Defaults to `"zeros"`, as in R-PolyNets: training starts at degree one.
        residual_gamma_initializer: Initialiser of the scale of the last normalisation of `f`.
            Defaults to `"ones"`. The Pi-nets on ImageNet use `"zeros"`.
        shortcut_momentum: Number, the momentum of the shortcut's running statistics. Defaults to
            `0.9`. The code of R-PolyNets and PDC computes the shortcut twice per step, which has
            the effect of `0.81`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`,
            `keras.config.image_data_format()`.
        **kwargs: Arguments of the convolutions (`kernel_initializer` and so on; `use_bias` is false
            unless given) and of the base layer. R-PolyNets start with kernels of variance
            `16 / fan_in`, which works because a normalisation follows each convolution.

    Call arguments:
        inputs: Tensor.

    Input shape:
        `(batch, height, width, channels)`, or channels first.

    Output shape:
        `(batch, height / strides, width / strides, filters)`, rounded up, or channels first.

    Weights:
        `filters * (9 * channels + 10 * filters + 6) + (channels != filters) * filters * (channels +
        2) + 1` for `"residual"` with `strides` of 1; larger strides project the shortcut of equal
        channels too.

    Masking:
        Masks are not used.

    Numerics:
        Statistics are float32 under 16-bit policies, products in the compute dtype. The running
        variance is the unbiased one, as the authors' framework records it.

    Raises:
        ValueError: If an argument is out of range or the number of channels is unknown.

    Example:

    >>> x = keras.ops.ones((2, 8, 8, 3))
    >>> keras_hadamard.layers.PolynomialResidualBlock2D(16, strides=2)(x).shape
    TensorShape([2, 4, 4, 16])

    Reference:
        - [Regularization of polynomial networks for image recognition (Chrysos et al., 2023)](
          https://arxiv.org/abs/2303.13896)
        - [Augmenting Deep Classifiers with Polynomial Neural Networks (Chrysos et al., 2022)](
          https://arxiv.org/abs/2104.07916)
        - [Deep Polynomial Neural Networks (Chrysos et al., 2021)](https://arxiv.org/abs/2006.13026)
    """

    def __init__(
        self,
        filters: int,
        strides: int = 1,
        product: str = "residual",
        product_filters: int | None = None,
        activation: Activation = None,
        normalization: str | None = "batch",
        shortcut_normalization: str | None = None,
        product_convolutions: int = 1,
        product_kernel_size: int = 1,
        product_normalization: str | None = "batch",
        alpha_initializer: Initializer = "zeros",
        residual_gamma_initializer: Initializer = "ones",
        shortcut_momentum: float = 0.9,
        data_format: str | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(
            filters,
            strides,
            product=product,
            product_filters=product_filters,
            activation=activation,
            normalization=normalization,
            shortcut_normalization=shortcut_normalization,
            product_convolutions=product_convolutions,
            product_kernel_size=product_kernel_size,
            product_normalization=product_normalization,
            alpha_initializer=alpha_initializer,
            residual_gamma_initializer=residual_gamma_initializer,
            shortcut_momentum=shortcut_momentum,
            data_format=data_format,
            **kwargs,
        )

    def build(self, input_shape: Shape) -> None:
        image = check_image_shape(input_shape, self.data_format)
        self.first, self.second = residual_stages(self, image)
        state = (*self.first[0].compute_output_shape(image)[:-1], self.filters)
        self.shortcut = shortcut_stage(self, image, "shortcut")
        self.shortcut_norm = shortcut_normalization(self, state)
        self.factors = factor_stages(self, state)
        self.local = product_stages(self, state)
        self.alpha = None
        if self.alpha_initializer is not None:
            self.alpha = self.add_weight(name="alpha", shape=(), initializer=self.alpha_initializer)

    def call(self, inputs: Tensor) -> Tensor:
        x = to_last(inputs, self.data_format)
        f = apply_layers(self.second, self.activation(apply_layers(self.first, x)))
        r = apply_layers(self.shortcut, x)
        one, other = f, self.shortcut_norm(r)
        if self.factors:
            one, other = (apply_layers(self.factors[i : i + 2], other) for i in (0, 2))
        product = apply_layers(self.local, one * other)
        if self.alpha is not None:
            product = ops.cast(self.alpha, product.dtype) * product
        return to_last(self.activation(f + r + product), self.data_format, back=True)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return strided_image(input_shape, self.filters, self.strides, self.data_format)
