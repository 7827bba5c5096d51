"""Base class of the residual blocks with a product term, and their sublayers."""

from typing import Any, Unpack

import keras

from keras_hadamard._core.checks import fraction, one_of, positive_int, received
from keras_hadamard._core.typing import Activation, Initializer, ProjectionArguments, Shape
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._channels import image_format
from keras_hadamard.layers._normalization import KINDS
from keras_hadamard.layers._normalization import normalization as make_normalization
from keras_hadamard.layers.high_order._stages import Stage, normalized_convolution


class ResidualArguments(ProjectionArguments, total=False):
    """Arguments of the residual blocks after `filters` and `strides`."""

    product: str
    product_filters: int | None
    activation: Activation
    normalization: str | None
    shortcut_normalization: str | None
    product_convolutions: int
    product_kernel_size: int
    product_normalization: str | None
    alpha_initializer: Initializer
    residual_gamma_initializer: Initializer
    shortcut_momentum: float
    data_format: str | None


class PolynomialResidual(BaseLayer):
    """Base of the residual blocks: their arguments, and the configuration of these."""

    def __init__(
        self,
        filters: int,
        strides: int,
        *,
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
        kwargs.setdefault("use_bias", False)
        super().__init__(**kwargs)
        self.filters = positive_int("filters", filters)
        self.strides = positive_int("strides", strides)
        self.data_format = image_format(data_format)
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
                "`product_filters` only if convolutions of the shortcut are multiplied and another "
                "brings the product to `filters`",
                product=product,
                product_filters=product_filters,
                product_convolutions=product_convolutions,
            )

    def get_config(self) -> dict[str, Any]:
        serialize = keras.initializers.serialize
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
            "data_format": self.data_format,
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


def residual_stages(layer: PolynomialResidual, image: Shape) -> tuple[Stage, Stage]:
    """Both normalised convolutions of `f`, for a channels-last image."""
    first = normalized_convolution(
        layer, image, layer.filters, 3, "first", layer.normalization, strides=layer.strides
    )
    state = tuple(first[0].compute_output_shape(image))
    kind = later_normalization(layer)
    gamma = {"gamma_initializer": layer.residual_gamma_initializer}
    affine = kind in ("batch", "layer")
    second = normalized_convolution(
        layer, state, layer.filters, 3, "second", kind, **(gamma if affine else {})
    )
    return first, second


def shortcut_stage(layer: PolynomialResidual, image: Shape, name: str) -> Stage:
    """A normalised projection if the shape changes, otherwise nothing."""
    if layer.strides == 1 and image[-1] == layer.filters:
        return []
    kind = later_normalization(layer)
    momentum = {"momentum": layer.shortcut_momentum} if kind == "batch" else {}
    return normalized_convolution(
        layer, image, layer.filters, 1, name, kind, strides=layer.strides, **momentum
    )


def shortcut_normalization(layer: PolynomialResidual, state: Shape) -> keras.layers.Layer:
    """The `M` applied to the shortcut in the product."""
    return make_normalization(
        layer.shortcut_normalization,
        "product_shortcut_normalization",
        policy=layer.dtype_policy,
        input_shape=state,
    )


def factor_stages(layer: PolynomialResidual, state: Shape) -> Stage:
    """The two convolutions of the shortcut that `"shortcut"` multiplies, one after the other."""
    if layer.product != "shortcut":
        return []
    width, kind = layer.product_filters or layer.filters, layer.shortcut_normalization
    first, second = (
        normalized_convolution(layer, state, width, 3, f"factor_{i}", kind) for i in (1, 2)
    )
    return [*first, *second]


def product_stages(layer: PolynomialResidual, state: Shape) -> Stage:
    """The layers `L` applied to the product."""
    if layer.product == "shortcut":
        state = (*state[:-1], layer.product_filters or layer.filters)
    size, kind = layer.product_kernel_size, layer.product_normalization
    stages: Stage = []
    for i in range(layer.product_convolutions):
        stages += normalized_convolution(
            layer, state, layer.filters, size, f"product_{i + 1}", kind
        )
        state = (*state[:-1], layer.filters)
    if not layer.product_convolutions and kind:
        norm = make_normalization(
            kind, "product_normalization", policy=layer.dtype_policy, input_shape=state
        )
        stages.append(norm)
    return stages


def later_normalization(layer: PolynomialResidual) -> str | None:
    # IBN and IterNorm apply to the first normalisation only.
    mixed = layer.normalization in ("instance_batch", "iterative")
    return "batch" if mixed else layer.normalization
