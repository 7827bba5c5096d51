"""The real-gated linear recurrent unit."""

from collections.abc import Callable
from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.layers._initializers import BlockInitializer, block_initializer
from keras_hadamard.layers.modulation._recurrences import linear_recurrence
from keras_hadamard.layers.modulation._recurrent import RecurrentArguments, RecurrentLayer
from keras_hadamard.ops._complement import root_of_complement

# As in the paper, the power of the decay for a gate of one.
C = 8.0


@serializable
class RGLRU(RecurrentLayer):
    """Real-gated linear recurrent unit (RG-LRU), the recurrence of Griffin.

    `h_t = a_t * h_(t-1) + sqrt(1 - a_t^2) * i_t * x_t with a_t = a^(8 r_t)`,
    `r_t = sigmoid(W_a x_t + b_a)`, `i_t = sigmoid(W_x x_t + b_x)` and a learned `a` in (0, 1) for
    each channel. The gates' kernels are block-diagonal.

    Args:
        units: Integer, the width of the state; an input of another width is projected to it first.
            Defaults to `None`, the width of the input.
        heads: Integer, the number of blocks of a gate's kernel. Defaults to `1`, a full kernel.
        decay_range: Two numbers in (0, 1) in order, the range of the initial `a^8`. Defaults to
            `(0.9, 0.999)`, as in the paper; the public code draws `a` from that range, which is
            about `(0.43, 0.992)` here.
        **kwargs: Arguments of every recurrent layer, as in Keras (`return_sequences`,
            `return_state`, `go_backwards`, `stateful`, `dropout` of the input and `seed`, of the
            decays too), of the projections (`use_bias`, `kernel_initializer`, `bias_initializer`,
            their regularizers and constraints, as in `keras.layers.Dense`) and of the base layer
            (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        initial_state: Tensor `(batch, units)`, or a list of it. Defaults to `None`, zeros.
        mask: Boolean tensor `(batch, steps)`. Defaults to `None`.
        training: Boolean, whether dropout is active.

    Input shape:
        `(batch, steps, width)`, `steps` may be unknown.

    Output shape:
        `(batch, units)`, or `(batch, steps, units)` with `return_sequences`; with `return_state` a
        tuple of it and the state `(batch, units)`.

    Weights:
        `2 * (units / heads + 1) * units + units + (units != width) * (width + 1) * units`, with
        `units` = `width` by default.

    Masking:
        A masked step carries the state unchanged. The mask is passed on with the sequence.

    Numerics:
        Gates and state are float32 under 16-bit policies. Decays are computed as logarithms and
        `1 - a^2` without a difference; the gradient of its root is exact (the public code bounds
        it), and 0 where the root is 0. The public code also omits the root in the first step of a
        sequence; here all steps are equal, so that one more step continues a sequence.

    Raises:
        ValueError: If an argument is out of range, or the input, the initial state or the mask does
            not fit.

    Example:

    >>> x = keras.ops.ones((2, 9, 4))
    >>> keras_hadamard.layers.RGLRU(heads=2, return_sequences=True)(x).shape
    TensorShape([2, 9, 4])

    Reference:
        - [Griffin: Mixing Gated Linear Recurrences with Local Attention for Efficient Language
          Models (De et al., 2024)](https://arxiv.org/abs/2402.19427)
    """

    def __init__(
        self,
        units: int | None = None,
        heads: int = 1,
        decay_range: tuple[float, float] = (0.9, 0.999),
        **kwargs: Unpack[RecurrentArguments],
    ) -> None:
        super().__init__(None if units is None else positive_int("units", units), **kwargs)
        self.heads = positive_int("heads", heads)
        self.decay_range = [float(bound) for bound in decay_range]
        if len(self.decay_range) != 2 or not 0 < self.decay_range[0] <= self.decay_range[1] < 1:
            raise received("`decay_range` to be two numbers in (0, 1)", decay_range=decay_range)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        units = self.units or self._width
        if units % self.heads:
            raise received(f"`heads` to divide the width {units}", heads=self.heads)
        self.input_projection = None
        if units != self._width:
            self.input_projection = self.project(units, "projection", input_shape=input_shape)
        block, heads = units // self.heads, self.heads
        name = "gate_projection"
        shared = self.shared_arguments(name)
        # Each block of each gate is initialised as a separate kernel.
        shared["kernel_initializer"] = BlockInitializer(
            [block_initializer(self.kernel_initializer, f"{name}/{k}", 2) for k in range(heads)],
            axis=0,
        )
        self.gate_projection = keras.layers.EinsumDense(
            "bthi,hio->btho",
            (None, heads, 2 * block),
            bias_axes="ho" if shared.pop("use_bias") else None,
            name=name,
            **shared,
        )
        self.gate_projection.build((*input_shape[:2], heads, block))
        self.decay = self.add_weight(
            name="decay",
            shape=(units,),
            initializer=decays_between(self.decay_range, self.seed),
            autocast=False,
        )

    def call(
        self,
        inputs: Tensor,
        initial_state: Any = None,
        mask: Tensor | None = None,
        training: bool | None = None,
    ) -> Any:
        x, (state,), mask = self.enter(inputs, initial_state, mask, training)
        if self.input_projection is not None:
            x = self.input_projection(x)
        blocks = ops.reshape(x, (*ops.shape(x)[:2], self.heads, x.shape[-1] // self.heads))
        dtype = self.state_dtype
        gates = ops.cast(self.gate_projection(blocks), dtype)
        recurrence, enter = (
            ops.sigmoid(ops.reshape(gate, ops.shape(x))) for gate in ops.split(gates, 2, axis=-1)
        )
        log_decay = -C * ops.softplus(ops.cast(self.decay, dtype)) * recurrence
        new = root_of_complement(log_decay) * enter * ops.cast(x, dtype)
        h = linear_recurrence(ops.exp(log_decay), new, state, mask)
        return self.leave(h, [h[:, -1]])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "heads": self.heads, "decay_range": self.decay_range}


def decays_between(bounds: list[float], seed: int | None) -> Callable[..., Tensor]:
    """An initialiser of numbers whose softplus is `-log a`, with `a^8` within a range."""

    def start(shape: Shape, dtype: Any = None) -> Tensor:
        power = keras.random.uniform(shape, *bounds, dtype=dtype, seed=seed)
        return ops.log(ops.expm1(-ops.log(power) / C))

    return start
