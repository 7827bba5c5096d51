"""The factorisation machine on a vector of features, of any order."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import KernelArguments, Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._kernels import effective_kernel
from keras_hadamard.layers.high_order._widths import check_width
from keras_hadamard.ops import anova_kernel
from keras_hadamard.ops._low_rank_pairs import BLOCK, pairs_by_squares, pairs_one_by_one


@serializable
class FactorizationMachine(BaseLayer):
    """Factorisation machine: the products of distinct features, with weights of low rank.

    `y = w0 + w . x + sum_(m=2..order) sum_f A^m(x * v_f^m)`, where
    `A^m(z) = sum_(i_1 < ... < i_m) z_(i_1) * ... * z_(i_m)` is the ANOVA kernel and the `v_f^m` are
    the columns of the factors `V^m` `(width, factors)`. For order 2, with the classical identity,
    `y = w0 + w . x + sum_f ((x V)_f^2 - (x^2 V^2)_f) / 2`: the weight of the product `x_i x_j` is
    `<V_i, V_j>`, and no feature is multiplied with itself.

    Args:
        factors: Integer, the rank of the interactions.
        order: Integer, the maximum number of features in a product. Defaults to `2`.
        shared_factors: Boolean, whether all orders have the same factors; otherwise each has its
            own, as in the paper's first form. Defaults to `False`.
        use_linear: Boolean, whether there is a term `w . x`. Defaults to `True`.
        use_bias: Boolean, whether there is a `w0`. Defaults to `True`.
        exact: Boolean, whether the products of order 2 themselves are summed, without subtracting
            squares, for more than 64 features: for features of different scales. Defaults to
            `False`.
        **kwargs: Arguments of the kernels `w` and `V^m` and of the bias (`kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.

    Input shape:
        `(batch, ..., width)`.

    Output shape:
        `(batch, ..., 1)`.

    Weights:
        `width * ((order - 1) * factors + 1) + 1`.

    Masking:
        The mask is passed on.

    Numerics:
        Interactions are float32 under 16-bit policies. Up to 64 features, above order 2 and with
        `exact` nothing is subtracted, and features may have any scales. Otherwise sums of squares
        are subtracted: where one feature is `r` times as large as the others, the error is about
        `r` rounding errors of the interactions, which is 1e-5 for 100 and 1e-2 for 1e5, and for 1e7
        no digit is right. `exact` then takes several times as long and needs memory for the input
        twice more; scaled features do not need it. Order m takes `O(width * factors * m)`, by
        `anova_kernel`.

    Raises:
        ValueError: If an argument is out of range, `order` is above the width, or the width is
            unknown.

    Example:

    >>> x = keras.ops.ones((4, 7))
    >>> keras_hadamard.layers.FactorizationMachine(3, order=3)(x).shape
    TensorShape([4, 1])

    Reference:
        - [Factorization Machines (Rendle, 2010)](https://doi.org/10.1109/ICDM.2010.127)
        - [Higher-Order Factorization Machines (Blondel et al., 2016)](
          https://arxiv.org/abs/1607.07195)
    """

    def __init__(
        self,
        factors: int,
        order: int = 2,
        shared_factors: bool = False,
        use_linear: bool = True,
        use_bias: bool = True,
        exact: bool = False,
        **kwargs: Unpack[KernelArguments],
    ) -> None:
        super().__init__(use_bias=use_bias, **kwargs)
        self.factors = positive_int("factors", factors)
        self.order = positive_int("order", order)
        self.shared_factors = bool(shared_factors)
        self.use_linear = bool(use_linear)
        self.exact = bool(exact)
        self.supports_masking = True
        if self.order < 2:
            raise received("`order` to be at least 2", order=order)

    def build(self, input_shape: Shape) -> None:
        self._check(input_shape)
        self.linear = None
        if self.use_linear:
            self.linear = self.project(1, "linear", use_bias=False, input_shape=input_shape)
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(1,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        orders = [2] if self.shared_factors else range(2, self.order + 1)
        self.interactions = [
            self.project(
                self.factors,
                "factors" if self.shared_factors else f"factors_{m}",
                use_bias=False,
                input_shape=input_shape,
            )
            for m in orders
        ]

    def call(self, inputs: Tensor) -> Tensor:
        dtype = accumulation_dtype(self.compute_dtype)
        x = ops.cast(inputs, dtype)
        kernels = [effective_kernel(layer, dtype) for layer in self.interactions]
        # Up to a block of features, the exact form is faster.
        exact = self.exact or self.order > 2 or x.shape[-1] <= BLOCK
        y = (pairs_one_by_one if exact else pairs_by_squares)(x, kernels[0])
        weighted = None
        for m in range(3, self.order + 1):
            if weighted is None or not self.shared_factors:
                kernel = kernels[0 if self.shared_factors else m - 2]
                weighted = ops.expand_dims(x, -1) * kernel
            y = y + anova_kernel(weighted, order=m)
        if self.linear is not None:
            y = y + ops.cast(self.linear(inputs), dtype)
        if self.bias is not None:
            y = y + ops.cast(self.bias, dtype)
        return ops.cast(y, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check(input_shape)
        return (*input_shape[:-1], 1)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "factors": self.factors,
            "order": self.order,
            "shared_factors": self.shared_factors,
            "use_linear": self.use_linear,
            "exact": self.exact,
        }

    def _check(self, input_shape: Shape) -> None:
        check_width(input_shape)
        if (input_shape[-1] or 0) < self.order:
            raise received(
                "an input of at least `order` features", shape=input_shape, order=self.order
            )
