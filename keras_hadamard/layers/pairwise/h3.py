"""The H3 layer: products around two state space models."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.layers._fan_in import FanInUniform
from keras_hadamard.layers.pairwise._diagonal_ssm import DiagonalSSM
from keras_hadamard.layers.pairwise._packed_steps import PackedSteps, take_steps
from keras_hadamard.layers.pairwise._sequence_mixer import SequenceMixer, SequenceMixerArguments
from keras_hadamard.ops import causal_long_conv


@serializable
class H3(SequenceMixer):
    """Hungry hungry hippos (H3): query, key and value around two state space models.

    `y_t = W_o (q_t * ssm_diagonal(ssm_shift(k) * v)_t)` with `[q, k, v] = W_qkv x`, causal. The
    shift model remembers the latest `state_size` keys, `sum_j c_j k_(t-j) + d k_t`; the diagonal
    one, `s_t = A s_(t-1) + B u_t` with complex decays `A`, remembers from the first step on. Both
    are convolutions in training and recurrences step by step. With `head_size` above one, the
    outer products of keys and values go through the diagonal model of their head.

    The authors' code also learns two vectors, the entries of the shift model, which start at one,
    and of the diagonal model, which scale the same as `c`; here they are fixed.

    Args:
        state_size: Even integer, the size of both states; the diagonal one has conjugate pairs.
            Defaults to `64`.
        head_size: Integer, a divisor of the features. Defaults to `1`.
        **kwargs: Arguments of every mixer (`return_state`; `causal` is always `True`), of the
            projections (`use_bias`, `kernel_initializer`, `bias_initializer`, their regularizers
            and constraints, as in `keras.layers.Dense`) and of the base layer (`name`, `dtype`,
            `trainable`).

    Call arguments:
        inputs: Tensor.
        initial_state: List of the tensors that `return_state` gives. Defaults to `None`, zeros.
        mask: Boolean tensor `(batch, length)`. Defaults to `None`.

    Input shape:
        `(batch, length, features)`, `length` may be unknown.

    Output shape:
        The shape of the input; with `return_state` a tuple of it and the states: the latest keys
        `(batch, state_size - 1, features)` and the real and the imaginary part of the diagonal
        model's, each `(batch, features * head_size, state_size / 2)`.

    Weights:
        `4 * features * (features + 1) + (state_size + 1) * features + (2 * state_size + 2) *
        features / head_size`.

    Masking:
        Masked steps are skipped and carry the state. The mask is passed on.

    Numerics:
        Models and products are float32 under 16-bit policies. LiteRT and ONNX have no FFT: the
        exporters write convolutions of a known length directly.

    Raises:
        ValueError: If an argument is out of range or does not fit the features, `causal` is false,
            or the input or the initial state does not fit.

    Example:

    >>> x = keras.ops.ones((2, 9, 8))
    >>> keras_hadamard.layers.H3(state_size=4)(x).shape
    TensorShape([2, 9, 8])

    Reference:
        - [Hungry Hungry Hippos: Towards Language Modeling with State Space Models (Fu et al.,
          2022)](https://arxiv.org/abs/2212.14052)
    """

    def __init__(
        self,
        state_size: int = 64,
        head_size: int = 1,
        **kwargs: Unpack[SequenceMixerArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.state_size = positive_int("state_size", state_size)
        self.head_size = positive_int("head_size", head_size)
        if state_size % 2 or not self.causal:
            raise received(
                "`state_size` to be even and `causal` true",
                state_size=state_size,
                causal=self.causal,
            )

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        width, heads = self._width, self._width // self.head_size
        if width % self.head_size:
            raise received(f"`head_size` to divide the {width} features", head_size=self.head_size)
        self.projection = self.project(width, "projection", blocks=3, input_shape=input_shape)
        self.output_projection = self.project(width, "output_projection", input_shape=input_shape)
        self.shift_kernel = self.add_weight(
            name="shift_kernel",
            shape=(self.state_size, width),
            initializer=FanInUniform(self.state_size),
            autocast=False,
        )
        self.shift_skip, self.skip = (
            self.add_weight(
                name=name,
                shape=(size,),
                initializer=keras.initializers.RandomNormal(stddev=1.0),
                autocast=False,
            )
            for name, size in (("shift_skip", width), ("skip", heads))
        )
        self.diagonal = DiagonalSSM(
            heads, self.state_size // 2, dtype=self.state_dtype, name="diagonal"
        )
        self.diagonal.build()

    def call(self, inputs: Tensor, initial_state: Any = None, mask: Tensor | None = None) -> Any:
        x, (latest, real, imaginary), mask = self.enter(inputs, initial_state, mask)
        query, key, value = ops.split(ops.cast(self.projection(x), self.state_dtype), 3, axis=-1)
        length, packed = ops.shape(x)[1], None
        if mask is not None:
            packed = PackedSteps(mask, length)
            query, key, value = (packed.pack(part) for part in (query, key, value))
        # The shift model; an FFT is not faster for so few taps.
        keys = ops.concatenate([latest, key], axis=1)
        shifted = causal_long_conv(keys, self.shift_kernel, method="direct")
        shifted = shifted[:, self.state_size - 1 :] + self.shift_skip * key
        # The diagonal model of each product of a key and a value of one head.
        size, heads = self.head_size, self._width // self.head_size
        u = fold(outer_products(shifted, value, size), 2, heads, size**2)
        y, diagonal = self.diagonal.run(
            u,
            (fold(real, 1, heads, size**2), fold(imaginary, 1, heads, size**2)),
            None if packed is None else ops.repeat(packed.count, size**2, axis=0),
            # Skipped without a state before: it would cost as much as a projection.
            fresh=initial_state is None,
            lasting=self.return_state,
        )
        y = unfold(y + self.skip * u, 2, heads, size**2)
        real, imaginary = (unfold(part, 1, heads, size**2) for part in diagonal)
        # Sums the products with the key at the index of the query's entry.
        y = ops.reshape(y, (-1, length, heads, size, size))
        query = ops.reshape(query, (-1, length, heads, size, 1))
        mixed = ops.reshape(ops.sum(query * y, axis=3), ops.shape(key))
        if packed is None:
            latest = keys[:, length:]
        else:
            mixed = packed.unpack(mixed)
            latest = take_steps(keys, packed.count + ops.arange(self.state_size - 1, dtype="int32"))
        mixed = self.output_projection(ops.cast(mixed, self.compute_dtype))
        return self.leave(mixed, [latest, real, imaginary])

    def state_shapes(self, width: int) -> list[tuple[int, ...]]:
        diagonal = (width * self.head_size, self.state_size // 2)
        return [(self.state_size - 1, width), diagonal, diagonal]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "state_size": self.state_size,
            "head_size": self.head_size,
        }


def outer_products(key: Tensor, value: Tensor, size: int) -> Tensor:
    """The products of all pairs of channels of a head, (batch, length, features * size)."""
    if size == 1:
        return key * value
    batch, length, features = ops.shape(key)
    key, value = (ops.reshape(part, (batch, length, -1, size)) for part in (key, value))
    pairs = key[..., :, None] * value[..., None, :]
    return ops.reshape(pairs, (batch, length, features * size))


def fold(x: Tensor, axis: int, heads: int, many: int) -> Tensor:
    """The `many` products of each head moved to the batch, as there is one model per head."""
    if many == 1:
        return x
    rest = ops.shape(x)[axis + 1 :]
    x = ops.reshape(x, (*ops.shape(x)[:axis], heads, many, *rest))
    x = ops.moveaxis(x, axis + 1, 1)
    return ops.reshape(x, (-1, *ops.shape(x)[2:]))


def unfold(x: Tensor, axis: int, heads: int, many: int) -> Tensor:
    """The inverse of `fold`."""
    if many == 1:
        return x
    rest = ops.shape(x)[axis + 1 :]
    x = ops.reshape(x, (-1, many, *ops.shape(x)[1:]))
    x = ops.moveaxis(x, 1, axis + 1)
    return ops.reshape(x, (*ops.shape(x)[:axis], heads * many, *rest))
