"""The gate of gMLP."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Initializer, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._masks import all_of, apply_mask
from keras_hadamard.layers.pairwise._tiny_attention import TinyAttention


@serializable
class SpatialGatingUnit(BaseLayer):
    """Spatial gating unit (gMLP): one half of the features gates the other from all positions.

    `y = u * f(W norm(v) + b) with [u, v] = x` split in half along the features: `W` is
    `(length, length)` and mixes positions, `b` is a number for each position, and `norm` is a layer
    normalisation. `W` starts near zero and `b` at one, so that the unit starts as `y = u`. The
    weights belong to positions, so the layer supports only one length.

    With several heads each group of features of `v` has its own `W` and `b`. With a tiny attention
    (aMLP), one head of attention over another input `z` is added to the gate:
    `f(W norm(v) + b + a(z))`.

    Args:
        length: Integer, the number of positions. Defaults to `None`, that of the input.
        causal: Boolean, whether a position sees no later ones; then sequences may be shorter than
            `length`. Defaults to `False`.
        heads: Integer, the number of groups of features with separate weights. Defaults to `1`.
        activation: Name or function of `f`. Defaults to `None`, none.
        circulant: Boolean, whether `W` is a circulant matrix between two diagonal ones,
            `3 * length` weights: `W_ij = r_i * w_((j - i - 1) mod length) * c_j`. The public code
            omits its upper half, as with `causal`. Defaults to `False`.
        attention_units: Integer, the width of the tiny attention. Defaults to `None`, without.
        spatial_initializer: Initialiser of `W` (`w`). Defaults to `None`, which is normal with a
            standard deviation of 1e-6.
        spatial_bias_initializer: Initialiser of `b`. Defaults to `"ones"`.
        **kwargs: Arguments of the attention's projections (`use_bias` of the last of them,
            `kernel_initializer`, `bias_initializer`, their regularizers and constraints, as in
            `keras.layers.Dense`) and of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor, or with `attention_units` a list `[x, z]` of two of the same length.
        mask: Boolean tensor `(batch, length)`, or a list of them. Defaults to `None`.

    Input shape:
        `(batch, length, width)`, the width even; `z` is `(batch, length, width_2)`. If the layer is
        causal and `length` is given, the input's length may be unknown.

    Output shape:
        `(batch, length, width / 2)`.

    Weights:
        `heads * length * (length + 1) + width`, where `length` = `positions`; if circulant
        `4 * heads * length + width`. The attention has `3 * width_2 * attention_units` and
        `(attention_units + 1) * width / 2` more.

    Masking:
        Masked positions have no effect in any gate; their own output is that of zeros. A position
        is valid where all inputs are. The mask is passed on.

    Numerics:
        Normalisation and softmax are float32 under 16-bit policies.

    Raises:
        ValueError: If an argument is out of range, the input is not a sequence of even, known
            width, or its length is unknown or not the layer's.

    Example:

    >>> layer = keras_hadamard.layers.SpatialGatingUnit()
    >>> layer(keras.ops.ones((2, 9, 8))).shape
    TensorShape([2, 9, 4])

    Reference:
        - [Pay Attention to MLPs (Liu et al., 2021)](https://arxiv.org/abs/2105.08050)
    """

    def __init__(
        self,
        length: int | None = None,
        causal: bool = False,
        heads: int = 1,
        activation: Activation = None,
        circulant: bool = False,
        attention_units: int | None = None,
        spatial_initializer: Initializer = None,
        spatial_bias_initializer: Initializer = "ones",
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.length = None if length is None else positive_int("length", length)
        self.causal = bool(causal)
        self.heads = positive_int("heads", heads)
        self.activation = get_activation(activation)
        self.circulant = bool(circulant)
        self.attention_units = (
            None if attention_units is None else positive_int("attention_units", attention_units)
        )
        self.spatial_initializer = keras.initializers.get(
            keras.initializers.RandomNormal(stddev=1e-6)
            if spatial_initializer is None
            else spatial_initializer
        )
        self.spatial_bias_initializer = keras.initializers.get(spatial_bias_initializer)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        shape, *source = self._shapes(input_shape)
        units = self._check_positions(shape, self.length)
        n = self._positions = self.length or int(shape[1] or 0)
        sizes = (n,) if self.circulant else (n, n)
        self.spatial_kernel = self.add_weight(
            name="spatial_kernel", shape=(self.heads, *sizes), initializer=self.spatial_initializer
        )
        if self.circulant:
            self.row_scale, self.column_scale = (
                self.add_weight(name=name, shape=(self.heads, n), initializer="ones")
                for name in ("row_scale", "column_scale")
            )
        self.spatial_bias = self.add_weight(
            name="spatial_bias", shape=(self.heads, n), initializer=self.spatial_bias_initializer
        )
        self.norm = keras.layers.LayerNormalization(
            epsilon=1e-5, dtype=self.dtype_policy, name="norm"
        )
        self.norm.build((*shape[:-1], units))
        if self.attention_units is not None:
            self.attention = self.sublayer(
                TinyAttention, self.attention_units, units, self.causal, name="attention"
            )
            self.attention.build(source[0])

    def call(self, inputs: Any, mask: Any = None) -> Tensor:
        mask = all_of(mask)
        x, *source = inputs if self.attention_units else (inputs,)
        self._check_positions(x.shape, self._positions)
        u, v = ops.split(apply_mask(x, mask), 2, axis=-1)
        v = apply_mask(self.norm(v), mask)
        kernel, bias = self._weights(ops.shape(x)[1] if x.shape[1] is None else x.shape[1])
        gate = _mix_positions(v, kernel, bias)
        if source:
            gate = gate + self.attention(source[0], mask=mask)
        return u * self.activation(gate)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return all_of(mask)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        shape, *_ = self._shapes(input_shape)
        return (*shape[:-1], self._check_positions(shape, self.length))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "length": self.length,
            "causal": self.causal,
            "heads": self.heads,
            "activation": serialize_activation(self.activation),
            "circulant": self.circulant,
            "attention_units": self.attention_units,
            "spatial_initializer": keras.initializers.serialize(self.spatial_initializer),
            "spatial_bias_initializer": keras.initializers.serialize(self.spatial_bias_initializer),
        }

    def _weights(self, length: Any) -> tuple[Tensor, Tensor]:
        """The matrices and biases of the first `length` positions."""
        kernel, bias = ops.convert_to_tensor(self.spatial_kernel), self.spatial_bias
        position = ops.arange(self._positions)
        if self.circulant:
            distance = ops.expand_dims(position, 0) - ops.expand_dims(position, 1)
            kernel = ops.take(kernel, ops.mod(distance - 1, self._positions), axis=1)
            kernel *= ops.expand_dims(self.row_scale, 2) * ops.expand_dims(self.column_scale, 1)
        if self.causal:
            kernel, bias = ops.tril(kernel[:, :length, :length]), bias[:, :length]
        return kernel, bias

    def _shapes(self, input_shape: Any) -> list[Shape]:
        several = bool(input_shape) and isinstance(input_shape[0], list | tuple)
        shapes = [tuple(s) for s in input_shape] if several else [tuple(input_shape)]
        if len(shapes) != (1 if self.attention_units is None else 2):
            expected = "one input" if self.attention_units is None else "a list of two inputs"
            raise received(expected, shapes=shapes)
        if any(len(s) != 3 or s[-1] is None for s in shapes):
            raise received("sequences (batch, length, width) of known width", shapes=shapes)
        return shapes

    def _check_positions(self, shape: Shape, length: int | None) -> int:
        """The width of the output for an input that fits."""
        width = int(shape[-1] or 0)
        if width % (2 * self.heads):
            raise received(f"a width divisible by {2 * self.heads}", shape=tuple(shape))
        n, limit = shape[1], length or shape[1]
        fits = limit is not None and (n == limit or (self.causal and (n is None or n <= limit)))
        if not fits:
            most = "at most " if self.causal else ""
            raise received(f"{most}{length or 'a known number of'} positions", shape=tuple(shape))
        return width // 2


def _mix_positions(v: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """`W v + b` over the positions, with a `W` and a `b` for each head."""
    heads = kernel.shape[0]
    if heads == 1:
        # A bias is added faster along the last axis.
        kernel = ops.transpose(ops.squeeze(kernel, 0))
        mixed = ops.matmul(ops.swapaxes(v, 1, 2), kernel) + bias[0]
        return ops.swapaxes(mixed, 1, 2)
    groups = ops.reshape(v, (-1, ops.shape(v)[1], heads, v.shape[-1] // heads))
    mixed = ops.einsum("bnhd,hmn->bmhd", groups, kernel)
    return ops.reshape(mixed + ops.expand_dims(ops.transpose(bias), -1), ops.shape(v))
