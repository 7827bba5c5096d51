"""Residual blocks that multiply the products of all blocks before them: D-PolyNets."""

import functools
import operator
from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import fraction, one_of, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Initializer, Shape, Tensor
from keras_hadamard.layers._channels import check_image_shape, to_last
from keras_hadamard.layers._convolutions import convolve
from keras_hadamard.layers._normalization import KINDS, normalization
from keras_hadamard.layers.high_order._polynomial_residual import (
    PolynomialResidual,
    ResidualArguments,
    factor_stages,
    product_stages,
    residual_stages,
    shortcut_normalization,
    shortcut_stage,
)
from keras_hadamard.layers.high_order._stages import Stage, apply_layers, strided_image


@serializable
class DensePolynomialResidualBlock2D(PolynomialResidual):
    """Residual block whose product takes in the products of all earlier blocks (D-PolyNets).

    `y = act(f + r + alpha * L(p)) with p = f * M(r) * D(p_1 * p_2 * ...)` of the earlier products
    `p_i`, and everything else as in `PolynomialResidualBlock2D`; with `dense_skip`, and
    `p_0 = f * M(r)`, `p = theta * p_0 * D(p_1 * p_2 * ...) + p_0`. `D` is an optional 1x1
    convolution and `dense_normalization`. The degree grows with the product of the degrees of all
    blocks.

    Args:
        filters: Integer, the number of output channels.
        strides: Integer, the factor by which the output is smaller. Defaults to `1`.
        dense_convolution: Boolean, whether `D` has a convolution. Defaults to `False`.
        dense_normalization: `"batch"`, `"instance"`, `"instance_batch"`, `"iterative"` (as the
            published networks have it), `"layer"` or `None`. Defaults to `None`.
        dense_skip: Boolean, whether `p_0` is added to the product. Defaults to `False`.
        theta_initializer: Initialiser of the scalar `theta` of `dense_skip`, `"zeros"` in the
            published networks. Defaults to `None`: no `theta`.
        dense_dropout: Number in [0, 1), the probability that a training step uses only `p_0`, with
            `dense_skip`; the product is scaled by `1 / (1 - dense_dropout)` otherwise. Defaults to
            `0.0`.
        seed: Integer, the seed of `dense_dropout`. Defaults to `None`.
        **kwargs: Arguments of `PolynomialResidualBlock2D`. The authors' `alpha` starts at one here.

    Call arguments:
        inputs: List of tensors, the image and then the earlier products (none in a first block).

    Input shape:
        A list of `(batch, height, width, channels)`, or channels first; the products have the shape
        of the image or already that of the output.

    Output shape:
        A list: the image, the earlier products (downsampled like the image), and the product of
        this block, all `(batch, height / strides, width / strides, filters)`.

    Weights:
        `filters * (9 * channels + 10 * filters + 6) + (channels != filters) * filters * (channels +
        2) + 1` with `strides` of 1 and neither `D` nor `theta`: those of
        `PolynomialResidualBlock2D`.

    Masking:
        Masks are not used.

    Numerics:
        As `PolynomialResidualBlock2D`; whitening is float32 at least. The weights of `D` and
        `theta` exist in a first block too, frozen, because the published checkpoints have them.

    Raises:
        ValueError: If an argument is out of range or the input is not a list.

    Example:

    >>> x = keras.ops.ones((2, 8, 8, 3))
    >>> y, product = keras_hadamard.layers.DensePolynomialResidualBlock2D(4)([x])
    >>> outputs = keras_hadamard.layers.DensePolynomialResidualBlock2D(6, strides=2)([y, product])
    >>> [tuple(output.shape) for output in outputs]
    [(2, 4, 4, 6), (2, 4, 4, 6), (2, 4, 4, 6)]

    Reference:
        - [Regularization of polynomial networks for image recognition (Chrysos et al., 2023)](
          https://arxiv.org/abs/2303.13896)
    """

    def __init__(
        self,
        filters: int,
        strides: int = 1,
        dense_convolution: bool = False,
        dense_normalization: str | None = None,
        dense_skip: bool = False,
        theta_initializer: Initializer = None,
        dense_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Unpack[ResidualArguments],
    ) -> None:
        super().__init__(filters, strides, **kwargs)
        self.dense_convolution = bool(dense_convolution)
        self.dense_normalization = one_of("dense_normalization", dense_normalization, KINDS)
        self.dense_skip = bool(dense_skip)
        self.theta_initializer = keras.initializers.get(theta_initializer)
        self.dense_dropout = fraction("dense_dropout", dense_dropout)
        if not dense_skip and (theta_initializer is not None or dense_dropout):
            raise received(
                "`dense_skip`, which a theta or a dropout needs",
                theta_initializer=theta_initializer,
                dense_dropout=dense_dropout,
            )
        self.seed = seed
        self.random = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Any) -> None:
        image, *products = [check_image_shape(s, self.data_format) for s in _listed(input_shape)]
        self.first, self.second = residual_stages(self, image)
        state = (*self.first[0].compute_output_shape(image)[:-1], self.filters)
        self.shortcut = shortcut_stage(self, image, "shortcut")
        self.shortcut_norm = shortcut_normalization(self, state)
        self.factors = factor_stages(self, state)
        self.local = product_stages(self, state)
        self.alpha = None
        if self.alpha_initializer is not None:
            self.alpha = self.add_weight(name="alpha", shape=(), initializer=self.alpha_initializer)
        self.transition = self.shortcut
        if self.strides > 1:
            self.transition = shortcut_stage(self, image, "transition")
        used = bool(products)
        self.dense = dense_stage(self, (*image[:-1], self.filters))
        for layer in self.dense:
            layer.trainable = used
        self.theta = None
        if self.theta_initializer is not None:
            self.theta = self.add_weight(
                name="theta", shape=(), initializer=self.theta_initializer, trainable=used
            )

    def call(self, inputs: list[Tensor], training: bool | None = None) -> list[Tensor]:
        x, *products = (to_last(i, self.data_format) for i in _listed(inputs))
        f = apply_layers(self.second, self.activation(apply_layers(self.first, x)))
        r = apply_layers(self.shortcut, x)
        products = self._resized(products, f)
        one, other = f, self.shortcut_norm(r)
        if self.factors:
            one, other = (apply_layers(self.factors[i : i + 2], other) for i in (0, 2))
        p = one * other
        if products:
            earlier = functools.reduce(operator.mul, reversed(products))
            dense = p * apply_layers(self.dense, earlier)
            p = self._scaled(dense, training) + p if self.dense_skip else dense
        local = apply_layers(self.local, p)
        if self.alpha is not None:
            local = ops.cast(self.alpha, local.dtype) * local
        outputs = [self.activation(f + r + local), *products, p]
        return [to_last(output, self.data_format, back=True) for output in outputs]

    def compute_output_shape(self, input_shape: Any) -> Any:
        image, *products = _listed(input_shape)
        output = strided_image(image, self.filters, self.strides, self.data_format)
        return [output] * (len(products) + 2)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "dense_convolution": self.dense_convolution,
            "dense_normalization": self.dense_normalization,
            "dense_skip": self.dense_skip,
            "theta_initializer": keras.initializers.serialize(self.theta_initializer),
            "dense_dropout": self.dense_dropout,
            "seed": self.seed,
        }

    def _resized(self, products: list[Tensor], like: Tensor) -> list[Tensor]:
        """The latest first, the order in which the authors' running statistics are updated."""
        if all(tuple(p.shape[1:]) == tuple(like.shape[1:]) for p in products):
            return products
        return [apply_layers(self.transition, p) for p in reversed(products)][::-1]

    def _scaled(self, dense: Tensor, training: bool | None) -> Tensor:
        if self.theta is not None:
            dense = ops.cast(self.theta, dense.dtype) * dense
        if training and self.dense_dropout:
            keep = keras.random.uniform((), seed=self.random) >= self.dense_dropout
            dense = ops.where(keep, dense / (1 - self.dense_dropout), ops.zeros_like(dense))
        return dense


def dense_stage(layer: DensePolynomialResidualBlock2D, state: Shape) -> Stage:
    """The layers `D` of the earlier products."""
    stage: Stage = []
    if layer.dense_convolution:
        convolution = convolve(
            layer, layer.filters, 1, "dense_convolution", use_bias=True, input_shape=state
        )
        stage.append(convolution)
    norm = normalization(
        layer.dense_normalization,
        "dense_normalization",
        policy=layer.dtype_policy,
        input_shape=state,
    )
    return [*stage, norm]


def _listed(inputs: Any) -> list[Any]:
    """The image and the products as a list."""
    first = inputs[0] if isinstance(inputs, list | tuple) and inputs else None
    if first is None or isinstance(first, int):
        raise received("a list: the image, and the products of the earlier blocks", inputs=inputs)
    return list(inputs)
