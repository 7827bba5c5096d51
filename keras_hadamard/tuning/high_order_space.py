"""The search space of higher-order layers."""

from collections.abc import Callable, Iterable
from typing import Any

import keras

from keras_hadamard import layers
from keras_hadamard.layers.registry.base import Choices
from keras_hadamard.tuning.spaces import Option, Space

# KerasTuner's Choice takes no None.
PLAIN = "none"


def _polynomial(decomposition: str) -> Callable[..., keras.layers.Layer]:
    def build(units: int, normalization: str, **kwargs: Any) -> keras.layers.Layer:
        return layers.PolynomialDense(
            units,
            decomposition=decomposition,
            normalization=None if normalization == PLAIN else normalization,
            **kwargs,
        )

    return build


def _product(units: int, polynomials: int, normalization: str, **kwargs: Any) -> keras.layers.Layer:
    return layers.ProductOfPolynomials(
        units,
        degrees=(2,) * polynomials,
        normalization=None if normalization == PLAIN else normalization,
        **kwargs,
    )


def _cross(units: int, degree: int, rank: int, name: str) -> keras.layers.Layer:
    """Crosses keep the width of their input, so a projection follows; each adds one degree."""
    return keras.Sequential(
        [
            layers.CrossNetwork(degree - 1, parameterization="low_rank", projection_dim=rank),
            keras.layers.Dense(units),
        ],
        name=name,
    )


HIGH_ORDER = Space(
    options={
        "dense": Option(
            lambda units, **kwargs: keras.layers.Dense(units, activation="relu", **kwargs)
        ),
        "ccp": Option(_polynomial("ccp"), uses=("degree", "rank", "normalization", "use_gates")),
        "ncp": Option(_polynomial("ncp"), uses=("degree", "rank", "normalization")),
        "ncp_skip": Option(
            _polynomial("ncp_skip"), uses=("degree", "rank", "normalization", "use_gates")
        ),
        "product": Option(_product, uses=("polynomials", "rank", "normalization")),
        "cross": Option(_cross, uses=("degree", "rank")),
        "quadratic": Option(
            lambda units, **kwargs: layers.QuadraticDense(units, **kwargs), uses=("form",)
        ),
        "mu": Option(lambda units, **kwargs: layers.MuLayer(units, **kwargs), uses=("normalize",)),
        "star": Option(
            lambda units, **kwargs: layers.StarOperation(units=units, **kwargs),
            uses=("expansion",),
        ),
    },
    parameters={
        "degree": Choices((2, 3, 4, 8), default=2),
        "rank": Choices((32, 64, 128), default=64),
        "normalization": Choices((PLAIN, "batch", "layer"), default="batch"),
        "use_gates": Choices((True, False), default=False),
        "polynomials": Choices((2, 3), default=2),
        "form": Choices(("product", "product_linear", "product_square"), default="product_linear"),
        "normalize": Choices((True, False), default=True),
        "expansion": Choices((2, 3, 4), default=3),
    },
)


def high_order_space(
    hp: Any, *, units: int = 128, include: Iterable[str] | None = None, name: str = "high_order"
) -> keras.layers.Layer:
    """Returns a layer of higher order, or a plain dense one, that `hp` chose and configured.

    The family is the parameter `name`; degree (`<name>_degree`), rank (`<name>_rank`),
    normalisation (`<name>_normalization`) and the other parameters are conditional on the families
    that have them. The default, `"dense"`, is `keras.layers.Dense` with a ReLU. With everything
    included the space has 219 configurations.

    Args:
        hp: A `keras_tuner.HyperParameters`.
        units: Positive integer, the width of the output. Defaults to `128`.
        include: Names of the families to choose from: `"dense"`, `"ccp"`, `"ncp"` and `"ncp_skip"`
            (`PolynomialDense`), `"product"` (`ProductOfPolynomials`), `"cross"` (`CrossNetwork` and
            a projection), `"quadratic"`, `"mu"` and `"star"`. Defaults to `None`, all of them.
        name: String, the name of the parameter and of the layer. Defaults to `"high_order"`.

    Returns:
        A `keras.layers.Layer` that takes one tensor.

    Raises:
        ValueError: If `include` names no family or an unknown one, or `units` is not positive.

    Example:

    >>> import keras_tuner
    >>> hp = keras_tuner.HyperParameters()
    >>> hp.values["high_order"] = "ncp_skip"
    >>> hp.values["high_order_degree"] = 4
    >>> layer = keras_hadamard.tuning.high_order_space(hp, units=6)
    >>> type(layer).__name__, layer.degree, layer(keras.ops.ones((2, 7))).shape
    ('PolynomialDense', 4, TensorShape([2, 6]))
    """
    return HIGH_ORDER.layer(hp, units, HIGH_ORDER.kinds(include), name)
