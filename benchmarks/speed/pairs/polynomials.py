"""The polynomial layers in plain Keras."""

from collections.abc import Callable
from typing import Any

from keras.layers import Activation, Add, BatchNormalization, Conv2D, Dense, Multiply

from benchmarks.speed.pairs._pair import Pair, Scale
from keras_hadamard import layers

DEGREE = 8
IMAGE = (32, 32, 32)


def _recursion(first: Any, others: list[Any]) -> Any:
    for factor in others:
        first = Add()([Multiply()([factor, first]), first])
    return first


def _polynomial(width: int, degree: int) -> Callable[[Any], Any]:
    def build(x: Any) -> Any:
        first, *others = (Dense(width, use_bias=False)(x) for _ in range(degree))
        return Dense(width)(_recursion(first, others))

    return build


def _polynomial_convolution(x: Any) -> Any:
    first, *others = (Conv2D(32, 3, padding="same", use_bias=False)(x) for _ in range(3))
    return Conv2D(32, 1)(_recursion(first, others))


def _composed(x: Any) -> Any:
    return _polynomial(256, 2)(BatchNormalization(momentum=0.9)(_polynomial(256, 2)(x)))


def _stage(x: Any, kernel_size: int = 3) -> Any:
    x = Conv2D(32, kernel_size, padding="same", use_bias=False)(x)
    return BatchNormalization(momentum=0.9, epsilon=1e-5)(x)


def _block(x: Any) -> Any:
    shortcut = _stage(x, 1)
    return Add()([shortcut, Multiply()([_stage(_stage(x)), shortcut])])


def _residual_block(x: Any) -> Any:
    branch = _stage(Activation("relu")(_stage(x)))
    product = Scale()(_stage(Multiply()([branch, x]), 1))
    return Activation("relu")(Add()([branch, x, product]))


def _dense_block(inputs: Any) -> Any:
    x, earlier = inputs
    branch = _stage(_stage(x))
    product = Multiply()([branch, x, earlier])
    return [Add()([branch, x, Scale()(_stage(product, 1))]), earlier, product]


PAIRS = {
    "PolynomialDense": Pair(
        lambda: layers.PolynomialDense(256, DEGREE), _polynomial(256, DEGREE), ((256,),)
    ),
    "PolynomialConv2D": Pair(
        lambda: layers.PolynomialConv2D(32, 3, 3), _polynomial_convolution, (IMAGE,)
    ),
    "ProductOfPolynomials": Pair(
        lambda: layers.ProductOfPolynomials(256, (2, 2)), _composed, ((256,),)
    ),
    "PolynomialBlock2D": Pair(lambda: layers.PolynomialBlock2D(32), _block, (IMAGE,)),
    "PolynomialResidualBlock2D": Pair(
        lambda: layers.PolynomialResidualBlock2D(32, activation="relu"), _residual_block, (IMAGE,)
    ),
    "DensePolynomialResidualBlock2D": Pair(
        lambda: layers.DensePolynomialResidualBlock2D(32), _dense_block, (IMAGE, IMAGE)
    ),
}
