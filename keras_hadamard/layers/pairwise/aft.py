"""The attention-free transformer's mixer."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import one_of, positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Initializer, Shape, Tensor
from keras_hadamard.layers.pairwise import _exponential_averages as averages
from keras_hadamard.layers.pairwise._sequence_mixer import SequenceMixer, SequenceMixerArguments

FORMS = ("full", "low_rank", "local", "conv", "simple")
TABLES = ("full", "low_rank")


@serializable
class AFT(SequenceMixer):
    """Attention-free transformer (AFT): averages weighted by keys and positions, gated by queries.

    `y_t = W_o (sigmoid(q_t) * (sum_s exp(k_s + w_ts) * v_s) / (sum_s exp(k_s + w_ts)))` with `q`,
    `k` and `v` projections of the input, with separate averages for each channel, over all
    positions or, if `causal`, those up to `t`. The position bias `w` is

    - `"full"`: learned for each pair of positions, at a cost of `length**2`;
    - `"low_rank"`: the product of two learned `(max_length, rank)`;
    - `"local"`: learned for each position and its neighbours less than `window` away, zero beyond;
    - `"conv"`: learned for the distance to those neighbours, in each of `heads`, whose channels
      share one key; the paper also normalises these weights, which is omitted here;
    - `"simple"`: zero.

    The last three have a cost linear in the length and, if `causal`, a recurrent form.

    Args:
        hidden_units: Integer, the width of query, key and value. Defaults to `None`, the features.
        position_bias: `"full"`, `"low_rank"`, `"local"`, `"conv"` or `"simple"`. Defaults to
            `"full"`.
        max_length: Integer, the longest sequence, if there is a bias for each position. Defaults to
            `None`, the length that the layer is built with.
        rank: Integer, of `"low_rank"`. Defaults to `128`.
        window: Integer, of `"local"` and `"conv"`. Defaults to `32`.
        heads: Integer, of `"conv"`, a divisor of `hidden_units`. Defaults to `1`.
        position_initializer: Initialiser of the position bias. Defaults to `"random_normal"`.
        **kwargs: Arguments of every mixer (`causal`, which is `False` if not given, and
            `return_state`), of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        initial_state: List of the tensors that `return_state` gives. Defaults to `None`, no step.
        mask: Boolean tensor `(batch, length)`. Defaults to `None`.

    Input shape:
        `(batch, length, features)`, `length` may be unknown and is at most `max_length`.

    Output shape:
        The shape of the input; with `return_state` a tuple of it and the states: the sums of
        weighted values and of weights `(batch, 2 * hidden_units)`, the greatest key that they are
        relative to `(batch, hidden_units)` and, of `"local"` and `"conv"`, the latest keys and
        values `(batch, window - 1, 2 * hidden_units)` and the number of steps `(batch, 1)`.

    Weights:
        `3 * (features + 1) * hidden_units + (hidden_units + 1) * features + max_length**2` with
        `hidden_units` = `features` and `max_length` = `positions` by default, where `"conv"` has
        `heads` keys; instead of the square, `2 * max_length * rank` with `"low_rank"`,
        `max_length * taps` with `"local"`, `taps * heads` with `"conv"`, where `taps` is `window`
        if causal and `2 * window - 1` if not, and nothing with `"simple"`.

    Masking:
        Masked positions have no effect. The recurrent forms skip them, also in windows and the
        count of steps, and carry the state. The mask is passed on.

    Numerics:
        Everything between the projections is float32 under 16-bit policies. The greatest key so far
        is subtracted from the keys, so they may have any size, and the greatest bias from the
        biases, which must be within 80 of each other at each position. Causal tables compare
        `length * sqrt(length)` pairs one by one. Steps beyond `max_length` have the bias of the
        last one.

    Raises:
        ValueError: If an argument is out of range, the length is above `max_length`, or unknown
            without it, or a state is requested where there is none.

    Example:

    >>> x = keras.ops.ones((2, 9, 8))
    >>> keras_hadamard.layers.AFT(position_bias="simple", causal=True)(x).shape
    TensorShape([2, 9, 8])

    Reference:
        - [An Attention Free Transformer (Zhai et al., 2021)](https://arxiv.org/abs/2105.14103)
    """

    def __init__(
        self,
        hidden_units: int | None = None,
        position_bias: str = "full",
        max_length: int | None = None,
        rank: int = 128,
        window: int = 32,
        heads: int = 1,
        position_initializer: Initializer = "random_normal",
        **kwargs: Unpack[SequenceMixerArguments],
    ) -> None:
        kwargs.setdefault("causal", False)
        super().__init__(**kwargs)
        self.hidden_units = (
            None if hidden_units is None else positive_int("hidden_units", hidden_units)
        )
        self.position_bias = one_of("position_bias", position_bias, FORMS)
        self.max_length = None if max_length is None else positive_int("max_length", max_length)
        self.rank = positive_int("rank", rank)
        self.window = positive_int("window", window)
        self.heads = positive_int("heads", heads)
        self.position_initializer = keras.initializers.get(position_initializer)
        self._positions: Any = self.max_length

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        check_length(input_shape, self._positions)
        hidden, keys = self.hidden_units or self._width, self.heads
        if self.position_bias != "conv":
            keys = hidden
        elif hidden % keys:
            raise received(f"`heads` to divide the {hidden} hidden units", heads=keys)
        self.query_projection, self.key_projection, self.value_projection = (
            self.project(units, f"{name}_projection", input_shape=input_shape)
            for name, units in (("query", hidden), ("key", keys), ("value", hidden))
        )
        self.output_projection = self.project(
            self._width, "output_projection", input_shape=(*input_shape[:-1], hidden)
        )
        if self.position_bias in ("full", "low_rank", "local"):
            self._positions = self.max_length or input_shape[1]
            if self._positions is None:
                raise received("`max_length`, or an input of known length", shape=input_shape)
        positions = self._positions
        taps = self.window if self.causal else 2 * self.window - 1
        shapes: dict[str, dict[str, Shape]] = {
            "full": {"position": (positions, positions)},
            "low_rank": {f"{side}_position": (positions, self.rank) for side in ("left", "right")},
            "local": {"position": (positions, taps)},
            "conv": {"position": (taps, self.heads)},
            "simple": {},
        }
        self.bias = [
            self.add_weight(
                name=name, shape=shape, initializer=self.position_initializer, autocast=False
            )
            for name, shape in shapes[self.position_bias].items()
        ]

    def call(self, inputs: Tensor, initial_state: Any = None, mask: Tensor | None = None) -> Any:
        check_length(inputs.shape, self._positions)
        x, states, mask = self.enter(inputs, initial_state, mask)
        dtype = self.state_dtype
        query = ops.cast(self.query_projection(x), dtype)
        key = ops.cast(self.key_projection(x), dtype)
        value = ops.cast(self.value_projection(x), dtype)
        share = value.shape[-1] // self.heads
        if self.position_bias == "conv":
            key = ops.repeat(key, share, axis=-1)
        if mask is not None:
            key = ops.where(mask[..., None], key, averages.NOTHING)
        length = ops.shape(key)[1]
        if self.position_bias == "simple":
            if self.causal:
                average, states = averages.so_far(key, value, states)
            else:
                average = averages.of_all(key, value)
        elif self.position_bias in TABLES:
            table = ops.convert_to_tensor(self.bias[0])
            if self.position_bias == "low_rank":
                table = ops.matmul(table, ops.transpose(self.bias[1]))
            if self.causal:
                # The blocks of a sequence of unknown length are those of the longest one.
                known = key.shape[1]
                average = averages.by_causal_table(table[:known, :known], key, value)
            else:
                average = averages.by_table(table[:length, :length], key, value)
        elif self.causal:
            if self.position_bias == "conv":
                bias = ops.repeat(self.bias[0], share, axis=-1)[None, None]
            else:
                steps = ops.cast(states[3], "int32") + ops.arange(length, dtype="int32")
                steps = ops.minimum(steps, self._positions - 1)
                bias = ops.take(self.bias[0], steps, axis=0)[..., None]
            average, states = averages.in_causal_window(bias, key, value, states, mask)
        elif self.position_bias == "conv":
            bias = ops.repeat(self.bias[0], share, axis=-1)
            average = averages.by_window(bias, key, value)
        else:
            average = averages.by_window(self.bias[0][:length][..., None], key, value)
        mixed = ops.cast(ops.sigmoid(query) * average, self.compute_dtype)
        return self.leave(self.output_projection(mixed), states)

    def state_shapes(self, width: int) -> list[tuple[int, ...]]:
        if not self.causal or self.position_bias in TABLES:
            return []
        hidden = self.hidden_units or width
        sums: list[tuple[int, ...]] = [(2 * hidden,), (hidden,)]
        if self.position_bias == "simple":
            return sums
        return [*sums, (self.window - 1, 2 * hidden), (1,)]

    def compute_output_shape(self, input_shape: Shape, **kwargs: Any) -> Any:
        check_length(input_shape, self._positions)
        return super().compute_output_shape(input_shape, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "position_bias": self.position_bias,
            "max_length": self.max_length,
            "rank": self.rank,
            "window": self.window,
            "heads": self.heads,
            "position_initializer": keras.initializers.serialize(self.position_initializer),
        }


def check_length(input_shape: Shape, positions: int | None) -> None:
    """Raises if an input is longer than the number of positions with a bias."""
    length = input_shape[1] if len(input_shape) == 3 else None
    if length is not None and positions is not None and length > positions:
        raise received(f"at most max_length={positions} positions", shape=input_shape)
