"""Residual blocks that multiply the products of all blocks before them: D-PolyNets."""

import functools
import operator
from typing import Any

import keras
from keras import ops

from keras_hadamard._checks import fraction, one_of, received
from keras_hadamard._export import serializable
from keras_hadamard._typing import Initializer, Tensor
from keras_hadamard.layers._channels import to_last
from keras_hadamard.layers._convolutions import convolve
from keras_hadamard.layers._normalization import KINDS, normalization
from keras_hadamard.layers.high_order._image_block import run
from keras_hadamard.layers.high_order.polynomial_residual_block_2d import PolynomialResidualBlock2D


@serializable
class DensePolynomialResidualBlock2D(PolynomialResidualBlock2D):
    """Residual block whose product takes in the products of all earlier blocks (D-PolyNets).

    `y = act(f + r + alpha * L(p)) with p = f * M(r) * D(p_1 * p_2 * ...)` of the earlier products
    `p_i`, and all else as in `PolynomialResidualBlock2D`; with `dense_skip`, and `p_0 = f * M(r)`,
    `p = theta * p_0 * D(p_1 * p_2 * ...) + p_0`. `D` is an optional 1x1 convolution and
    `dense_normalization`. The degree grows with the product of the degrees of all blocks.

    Args:
        filters: Integer, the number of output channels.
        strides: Integer, how much smaller the output is. Defaults to `1`.
        dense_convolution: Boolean, whether `D` has a convolution. Defaults to `False`.
        dense_normalization: `"batch"`, `"instance"`, `"instance_batch"`, `"iterative"` (as the
            published networks have it), `"layer"` or `None`. Defaults to `None`.
        dense_skip: Boolean, whether `p_0` is added to the product. Defaults to `False`.
        theta_initializer: Initialiser of the scalar `theta` of `dense_skip`, `"zeros"` in the
            published networks. Defaults to `None`: there is none.
        dense_dropout: Number in [0, 1), how often a training step takes `p_0` alone, with
            `dense_skip`; the product is scaled by `1 / (1 - dense_dropout)` otherwise. Defaults to
            `0.0`.
        seed: Integer, the seed of `dense_dropout`. Defaults to `None`.
        **kwargs: Arguments of `PolynomialResidualBlock2D`. The authors' `alpha` starts at one here.

    Call arguments:
        inputs: List of tensors, the image and then the earlier products, none for a first block.

    Input shape:
        A list of `(batch, height, width, channels)`, or channels first; the products have the shape
        of the image or already that of the output.

    Output shape:
        A list: the image, the earlier products (made smaller where the image was), and the product
        of this block, all `(batch, height / strides, width / strides, filters)`.

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
        ValueError: If an argument is out of range or the input is no list.

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
        **kwargs: Any,
    ) -> None:
        super().__init__(filters, strides, **kwargs)
        self.dense_convolution = bool(dense_convolution)
        self.dense_normalization = one_of("dense_normalization", dense_normalization, KINDS)
        self.dense_skip = bool(dense_skip)
        self.theta_initializer = keras.initializers.get(theta_initializer)
        self.dense_dropout = fraction("dense_dropout", dense_dropout)
        if not dense_skip and (theta_initializer is not None or dense_dropout):
            raise received(
                "`dense_skip` where there is a theta or a dropout",
                theta_initializer=theta_initializer,
                dense_dropout=dense_dropout,
            )
        self.seed = seed
        self.random = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Any) -> None:
        image, *products = [self.image(shape) for shape in _listed(input_shape)]
        super().build(_listed(input_shape)[0])
        state = (*image[:-1], self.filters)
        self.transition = self.shortcut
        if self.strides > 1:
            self.transition = self.build_shortcut(image, "transition")
        used = bool(products)
        self.dense: list[Any] = []
        if self.dense_convolution:
            self.dense.append(
                convolve(
                    self, self.filters, 1, "dense_convolution", use_bias=True, input_shape=state
                )
            )
        norm = normalization(
            self.dense_normalization,
            "dense_normalization",
            policy=self.dtype_policy,
            input_shape=state,
        )
        self.dense.append(norm)
        for layer in self.dense:
            layer.trainable = used
        self.theta = None
        if self.theta_initializer is not None:
            self.theta = self.add_weight(
                name="theta", shape=(), initializer=self.theta_initializer, trainable=used
            )

    def call(self, inputs: list[Tensor], training: bool | None = None) -> list[Tensor]:
        x, *products = (to_last(i, self.data_format) for i in _listed(inputs))
        residual, shortcut = self.branches(x)
        products = self._resized(products, residual)
        product = self.multiply(residual, shortcut)
        if products:
            dense = product * run(self.dense, functools.reduce(operator.mul, reversed(products)))
            product = self._scaled(dense, training) + product if self.dense_skip else dense
        outputs = [self.add(residual, shortcut, product), *products, product]
        return [to_last(output, self.data_format, back=True) for output in outputs]

    def _resized(self, products: list[Tensor], like: Tensor) -> list[Tensor]:
        """The latest first, in which order the authors' running statistics move."""
        if all(tuple(p.shape[1:]) == tuple(like.shape[1:]) for p in products):
            return products
        return [run(self.transition, p) for p in reversed(products)][::-1]

    def _scaled(self, dense: Tensor, training: bool | None) -> Tensor:
        if self.theta is not None:
            dense = ops.cast(self.theta, dense.dtype) * dense
        if training and self.dense_dropout:
            keep = keras.random.uniform((), seed=self.random) >= self.dense_dropout
            dense = ops.where(keep, dense / (1 - self.dense_dropout), ops.zeros_like(dense))
        return dense

    def compute_output_shape(self, input_shape: Any) -> Any:
        shapes = _listed(input_shape)
        output = super().compute_output_shape(shapes[0])
        return [output] * (len(shapes) + 1)

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


def _listed(inputs: Any) -> list[Any]:
    """The image and the products; of one image, a list in which it is alone."""
    first = inputs[0] if isinstance(inputs, list | tuple) and inputs else None
    if first is None or isinstance(first, int):
        raise received("a list: the image, and the products of the earlier blocks", inputs=inputs)
    return list(inputs)
