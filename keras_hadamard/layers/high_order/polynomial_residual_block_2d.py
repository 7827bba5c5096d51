"""Residual blocks with a term of the second degree: Pi-nets, PDC and R-PolyNets."""

from typing import Any

import keras
from keras import ops

from keras_hadamard._checks import fraction, one_of, positive_int, received
from keras_hadamard._export import serializable
from keras_hadamard._typing import Activation, Initializer, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._channels import to_last
from keras_hadamard.layers._normalization import KINDS, normalization
from keras_hadamard.layers.high_order._image_block import ImageBlock, run


@serializable
class PolynomialResidualBlock2D(ImageBlock):
    """Residual block with a product term, with or without activations (Pi-nets, R-PolyNets, PDC).

    Without activations the authors train it with much regularisation: a `normalization` of
    `"instance_batch"`, max-pooling and `DropBlock2D` after the first stages, and label smoothing.

    `y = act(f + r + alpha * L(p)) with p = f * M(r) and f = N(conv3x3(act(N(conv3x3(x)))))`, where
    `r` is the shortcut of `x` (`N(conv1x1(x))` where the shape changes) and the product

    - `"residual"`: `p = f * M(r)` (Pi-nets, R-PolyNets);
    - `"shortcut"`: `p = M(conv3x3(M(r))) * M(conv3x3(M(r)))` (PDC, R-PDC).

    `N` is `normalization`, `M` is `shortcut_normalization`, and `L` is `product_convolutions` times
    a convolution and `product_normalization`.

    Args:
        filters: Integer, the number of output channels.
        strides: Integer, how much smaller the output is. Defaults to `1`.
        product: `"residual"` or `"shortcut"`. Defaults to `"residual"`.
        product_filters: Integer, the channels of the convolutions of `"shortcut"`. Defaults to
            `None`, which is `filters`.
        activation: Name or function. Defaults to `None`: without activations, as R-PolyNets are.
        normalization: `"batch"`, `"instance"`, `"instance_batch"` (IBN, by which R-PolyNets are
            trained), `"iterative"` (IterNorm), `"layer"` or `None`. With the two mixed ones only
            the first normalisation is that, and the others are `"batch"`, as the authors have it.
            Defaults to `"batch"`.
        shortcut_normalization: The normalisation of the shortcut in the product. Defaults to
            `None`.
        product_convolutions: Integer, how many convolutions the product passes. With 0 the
            normalisation alone is left, as in Pi-nets. Defaults to `1`.
        product_kernel_size: Odd integer, the side of their windows. Defaults to `1`.
        product_normalization: The normalisation after each of them. Defaults to `"batch"`.
        alpha_initializer: Initialiser of the scalar `alpha`; `None` for none, as in Pi-nets.
            Defaults to `"zeros"`, as in R-PolyNets: training starts at the first degree.
        residual_gamma_initializer: Initialiser of the scale of the last normalisation of `f`.
            Defaults to `"ones"`. The Pi-nets on ImageNet start at `"zeros"`.
        shortcut_momentum: Number, the momentum of the shortcut's running statistics. Defaults to
            `0.9`. The code of R-PolyNets and PDC computes the shortcut twice a step, which moves
            them as `0.81` does.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`, what
            `keras.config.image_data_format()` says.
        **kwargs: Arguments of the convolutions (`kernel_initializer` and so on; `use_bias` is false
            unless given) and of the base layer. R-PolyNets start with kernels of variance
            `16 / fan_in`, which works because a normalisation follows each.

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
        **kwargs: Any,
    ) -> None:
        super().__init__(filters, strides, data_format, **{"use_bias": False, **kwargs})
        self.product = one_of("product", product, ("residual", "shortcut"))
        self.product_filters = (
            None if product_filters is None else positive_int("product_filters", product_filters)
        )
        self.activation = get_activation(activation)
        self.normalization = one_of("normalization", normalization, KINDS)
        self.shortcut_normalization = one_of(
            "shortcut_normalization", shortcut_normalization, KINDS
        )
        if product_convolutions != 0:
            positive_int("product_convolutions", product_convolutions)
        self.product_convolutions = product_convolutions
        self.product_kernel_size = positive_int("product_kernel_size", product_kernel_size)
        self.product_normalization = one_of("product_normalization", product_normalization, KINDS)
        self.alpha_initializer = keras.initializers.get(alpha_initializer)
        self.residual_gamma_initializer = keras.initializers.get(residual_gamma_initializer)
        self.shortcut_momentum = fraction("shortcut_momentum", shortcut_momentum)
        if self.product_filters is not None and (
            product == "residual"
            or (product_convolutions == 0 and self.product_filters != self.filters)
        ):
            raise received(
                "`product_filters` where convolutions of the shortcut are multiplied and another "
                "brings the product to `filters`",
                product=product,
                product_filters=product_filters,
                product_convolutions=product_convolutions,
            )

    def build(self, input_shape: Shape) -> None:
        image = self.image(input_shape)
        # IBN and IterNorm stand for the first normalisation alone.
        mixed = self.normalization in ("instance_batch", "iterative")
        self._kind = "batch" if mixed else self.normalization
        self.first = self.stage(
            image, self.filters, 3, "first", self.normalization, strides=self.strides
        )
        state = tuple(self.first[0].compute_output_shape(image))
        gamma = {"gamma_initializer": self.residual_gamma_initializer}
        affine = self._kind in ("batch", "layer")
        self.second = self.stage(
            state, self.filters, 3, "second", self._kind, **(gamma if affine else {})
        )
        self.shortcut = self.build_shortcut(image, "shortcut")
        self.shortcut_norm = self._norm("product_shortcut", state)
        self.factors = []
        if self.product == "shortcut":
            width = self.product_filters or self.filters
            self.factors = [
                self.stage(state, width, 3, f"factor_{i}", self.shortcut_normalization)
                for i in (1, 2)
            ]
            state = (*state[:-1], width)
        self.local = []
        for i in range(self.product_convolutions):
            size, kind = self.product_kernel_size, self.product_normalization
            self.local += self.stage(state, self.filters, size, f"product_{i + 1}", kind)
            state = (*state[:-1], self.filters)
        if not self.product_convolutions and self.product_normalization:
            norm = normalization(
                self.product_normalization,
                "product_normalization",
                policy=self.dtype_policy,
                input_shape=state,
            )
            self.local.append(norm)
        self.alpha = None
        if self.alpha_initializer is not None:
            self.alpha = self.add_weight(name="alpha", shape=(), initializer=self.alpha_initializer)

    def build_shortcut(self, image: Shape, name: str) -> list[Any]:
        """A projection where the shape changes, otherwise nothing."""
        if self.strides == 1 and image[-1] == self.filters:
            return []
        momentum = {"momentum": self.shortcut_momentum} if self._kind == "batch" else {}
        return self.stage(
            image, self.filters, 1, name, self._kind, strides=self.strides, **momentum
        )

    def _norm(self, name: str, shape: Shape) -> keras.layers.Layer:
        return normalization(
            self.shortcut_normalization,
            f"{name}_normalization",
            policy=self.dtype_policy,
            input_shape=shape,
        )

    def call(self, inputs: Tensor) -> Tensor:
        residual, shortcut = self.branches(to_last(inputs, self.data_format))
        y = self.add(residual, shortcut, self.multiply(residual, shortcut))
        return to_last(y, self.data_format, back=True)

    def branches(self, x: Tensor) -> tuple[Tensor, Tensor]:
        residual = run(self.second, self.activation(run(self.first, x)))
        return residual, run(self.shortcut, x)

    def multiply(self, residual: Tensor, shortcut: Tensor) -> Tensor:
        shortcut = self.shortcut_norm(shortcut)
        if not self.factors:
            return residual * shortcut
        one, other = (run(factor, shortcut) for factor in self.factors)
        return one * other

    def add(self, residual: Tensor, shortcut: Tensor, product: Tensor) -> Tensor:
        product = run(self.local, product)
        if self.alpha is not None:
            product = ops.cast(self.alpha, product.dtype) * product
        return self.activation(residual + shortcut + product)

    def get_config(self) -> dict[str, Any]:
        serialize = keras.initializers.serialize
        return {
            **super().get_config(),
            "product": self.product,
            "product_filters": self.product_filters,
            "activation": serialize_activation(self.activation),
            "normalization": self.normalization,
            "shortcut_normalization": self.shortcut_normalization,
            "product_convolutions": self.product_convolutions,
            "product_kernel_size": self.product_kernel_size,
            "product_normalization": self.product_normalization,
            "alpha_initializer": serialize(self.alpha_initializer),
            "residual_gamma_initializer": serialize(self.residual_gamma_initializer),
            "shortcut_momentum": self.shortcut_momentum,
        }
