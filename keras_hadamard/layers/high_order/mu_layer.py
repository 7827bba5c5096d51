"""The Mu-Layer of multilinear operator networks."""

from typing import Any, Unpack

import keras

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Initializer, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._initializers import initializer_for
from keras_hadamard.layers._normalization import normalization
from keras_hadamard.layers.high_order._widths import check_width
from keras_hadamard.ops import spatial_shift

EPSILON = 1e-6


def layer_normalization(enabled: bool, name: str, policy: Any, shape: Shape) -> keras.layers.Layer:
    kind: dict[str, Any] = {"kind": "layer", "epsilon": EPSILON} if enabled else {"kind": None}
    return normalization(name=name, policy=policy, input_shape=shape, **kind)


@serializable
class MuLayer(BaseLayer):
    """Product of two projections of each token, one of them of low rank (MONet).

    `y = C (a + alpha * (a * b)) with a = LN(A x) and b = LN(B (D x))`, where `A` is
    `(width, hidden_units)`, `D` is `(width, rank)`, `B` is `(rank, hidden_units)`, and `alpha` is a
    scalar, one at the start. With `use_spatial_shift`, `A x` and `D x` are shifted by one pixel,
    each quarter of the channels in another direction. The paper's equation has neither the
    normalisations nor `alpha`; the public code has both.

    Args:
        units: Integer, the width of the output. Defaults to `None`, which is that of the input.
        hidden_units: Integer, the width of the product. Defaults to `None`, which is `units`.
        rank: Integer, the rank of the second projection. Defaults to `None`, which is
            `hidden_units // 8`, at least one.
        normalize: Boolean, whether both factors are layer-normalised. Defaults to `True`.
            Layer normalisation divides by a standard deviation that depends on the input, so the
            layer is a polynomial (of degree two) only without it.
        use_alpha: Boolean, whether the product has a learned factor. Defaults to `True`.
        use_spatial_shift: Boolean, whether channels are shifted. Defaults to `False`.
        activation: Name or function applied before the last projection. Defaults to `None`.
        branch_bias_initializer: Initializer of the biases of `A`, `D` and `B`. Defaults to
            `"ones"`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`, here He normal,
            `bias_initializer` of the last one, their regularizers and constraints, as in
            `keras.layers.Dense`) and of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.

    Input shape:
        `(batch, ..., width)`; `(batch, height, width, channels)` with a shift.

    Output shape:
        `(batch, ..., units)`.

    Weights:
        `hidden_units * (width + rank + units + 6) + rank * (width + 1) + units + 1`, with `units` =
        `width`, `hidden_units` = `units` and `rank` = `max(1, hidden_units // 8)` where they are
        `None`.

    Masking:
        The mask is passed on.

    Numerics:
        Layer normalisation, with an epsilon of 1e-6, is float32 under 16-bit policies. Without it,
        only the input bounds the product of the projections.

    Raises:
        ValueError: If an argument is out of range or the shape of the input does not fit.

    Example:

    >>> x = keras.ops.ones((2, 8, 8, 16))
    >>> layer = keras_hadamard.layers.MuLayer(hidden_units=48, use_spatial_shift=True)
    >>> layer(x).shape
    TensorShape([2, 8, 8, 16])

    Reference:
        - [Multilinear Operator Networks (Cheng et al., 2024)](https://arxiv.org/abs/2401.17992)
    """

    def __init__(
        self,
        units: int | None = None,
        hidden_units: int | None = None,
        rank: int | None = None,
        normalize: bool = True,
        use_alpha: bool = True,
        use_spatial_shift: bool = False,
        activation: Activation = None,
        branch_bias_initializer: Initializer = "ones",
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        kwargs.setdefault("kernel_initializer", "he_normal")
        super().__init__(**kwargs)
        self.units = None if units is None else positive_int("units", units)
        self.hidden_units = (
            None if hidden_units is None else positive_int("hidden_units", hidden_units)
        )
        self.rank = None if rank is None else positive_int("rank", rank)
        self.normalize = bool(normalize)
        self.use_alpha = bool(use_alpha)
        self.use_spatial_shift = bool(use_spatial_shift)
        self.activation = get_activation(activation)
        self.branch_bias_initializer = keras.initializers.get(branch_bias_initializer)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        self._check(input_shape)
        lead, width = input_shape[:-1], input_shape[-1] or 0
        units = width if self.units is None else self.units
        hidden_units = units if self.hidden_units is None else self.hidden_units
        rank = max(1, hidden_units // 8) if self.rank is None else self.rank
        hidden = (*lead, hidden_units)
        self.value_projection = self._branch(hidden_units, "value_projection", input_shape)
        self.reduction = self._branch(rank, "reduction", input_shape)
        self.gate_projection = self._branch(hidden_units, "gate_projection", (*lead, rank))
        self.value_normalization, self.gate_normalization = (
            layer_normalization(self.normalize, name, self.dtype_policy, hidden)
            for name in ("value_normalization", "gate_normalization")
        )
        self.alpha = None
        if self.use_alpha:
            self.alpha = self.add_weight(name="alpha", shape=(), initializer="ones")
        self.output_projection = self.project(units, "output_projection", input_shape=hidden)

    def call(self, inputs: Tensor) -> Tensor:
        value, gate = self.value_projection(inputs), self.reduction(inputs)
        if self.use_spatial_shift:
            value, gate = spatial_shift(value), spatial_shift(gate)
        value = self.value_normalization(value)
        product = value * self.gate_normalization(self.gate_projection(gate))
        x = value + (product if self.alpha is None else self.alpha * product)
        if self.activation is not None:
            x = self.activation(x)
        return self.output_projection(x)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check(input_shape)
        return tuple(input_shape) if self.units is None else (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "hidden_units": self.hidden_units,
            "rank": self.rank,
            "normalize": self.normalize,
            "use_alpha": self.use_alpha,
            "use_spatial_shift": self.use_spatial_shift,
            "activation": serialize_activation(self.activation),
            "branch_bias_initializer": keras.initializers.serialize(self.branch_bias_initializer),
        }

    def _check(self, input_shape: Shape) -> None:
        if self.use_spatial_shift and len(input_shape) != 4:
            raise received("an image (batch, height, width, channels)", shape=input_shape)
        check_width(input_shape)

    def _branch(self, units: int, name: str, input_shape: Shape) -> keras.layers.Dense:
        bias = initializer_for(self.branch_bias_initializer, name)
        return self.project(units, name, bias_initializer=bias, input_shape=input_shape)
