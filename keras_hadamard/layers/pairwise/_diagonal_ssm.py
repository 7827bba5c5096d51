"""The diagonal state space model of each channel: as a convolution kernel and as a recurrence."""

import math
from typing import Any, TypeAlias

import keras
from keras import ops

from keras_hadamard._core.typing import Shape, Tensor
from keras_hadamard.layers._kernel_free import KernelFreeLayer
from keras_hadamard.layers.pairwise._packed_steps import take_steps
from keras_hadamard.ops import causal_long_conv
from keras_hadamard.ops._sine import cosine, sine

# The range of the initial time steps, as in the authors' code.
STEPS = (0.001, 0.1)


# Real and imaginary part.
Complex: TypeAlias = tuple[Tensor, Tensor]


class DiagonalSSM(KernelFreeLayer):
    """`s_t = A s_(t-1) + B u_t`, `y_t = 2 Re(c s_t)`, the diagonal `A` in conjugate pairs.

    `A = exp(dt a)` and `B = (A - 1) / a` with `a = -exp(rate) + i frequency` (zero-order hold).
    Complex numbers are pairs of real ones: real and imaginary part.
    """

    def __init__(self, channels: int, pairs: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.pairs = pairs

    def build(self, input_shape: Shape = ()) -> None:
        del input_shape
        shape = (self.channels, self.pairs)
        step = keras.initializers.RandomUniform(*map(math.log, STEPS))
        readout = keras.initializers.RandomNormal(stddev=math.sqrt(0.5))
        self.step = self.add_weight(
            name="step", shape=(self.channels, 1), initializer=step, autocast=False
        )
        self.rate = self.add_weight(
            name="rate",
            shape=shape,
            initializer=keras.initializers.Constant(math.log(0.5)),
            autocast=False,
        )
        self.frequency = self.add_weight(
            name="frequency", shape=shape, initializer=_frequencies, autocast=False
        )
        self.readout = self.add_weight(
            name="readout", shape=(2, *shape), initializer=readout, autocast=False
        )

    def powers(self, steps: Tensor) -> Complex:
        """`A` to the power of `steps`, (..., channels, pairs)."""
        steps = ops.cast(steps, self.compute_dtype)[..., None, None]
        dt = ops.exp(self.step)
        size, turn = ops.exp(-dt * ops.exp(self.rate) * steps), dt * self.frequency * steps
        return size * cosine(turn), size * sine(turn)

    def entry(self) -> Complex:
        """`B`, (channels, pairs)."""
        rate, frequency = ops.exp(self.rate), ops.convert_to_tensor(self.frequency)
        dt = ops.exp(self.step)
        turn, shrunk = dt * frequency, ops.expm1(-dt * rate)
        # `A - 1`, which is near zero for a short step: `cos(t) - 1` is `-2 sin(t / 2)^2`.
        real = shrunk * cosine(turn) - 2 * ops.square(sine(turn / 2))
        imaginary = (1 + shrunk) * sine(turn)
        square = rate**2 + frequency**2
        return (
            (imaginary * frequency - real * rate) / square,
            -(imaginary * rate + real * frequency) / square,
        )

    def run(
        self,
        u: Tensor,
        state: Complex,
        count: Tensor | None,
        *,
        fresh: bool,
        lasting: bool,
    ) -> tuple[Tensor, Complex]:
        """The outputs for (batch, length, channels) and, if `lasting`, the state after them.

        The first `count` steps, (batch, 1), are valid, and the others are zero. The
        state is (batch, channels, pairs), and zero if the sequence is `fresh`.
        """
        entry, old = self.entry(), product(self.powers(ops.ones(())), state)
        if u.shape[1] == 1 and count is None:
            new = [part * u[:, 0, :, None] for part in entry]
            state = old[0] + new[0], old[1] + new[1]
            return self.output(state)[:, None], state
        length = ops.shape(u)[1]
        # The response to the input, and to the state before it.
        starts = [e[None] for e in entry]
        if not fresh:
            starts = [ops.concatenate(pair) for pair in zip(starts, old, strict=True)]
        answers = self.answers((starts[0], starts[1]), length)
        y = causal_long_conv(u, answers[0])
        y = y if fresh else y + answers[1:]
        if not lasting:
            return y, state
        if count is None:
            count = ops.full((ops.shape(u)[0], 1), length, dtype="int32")
        else:
            # The valid steps moved to the end, so that no masked step follows them.
            u = take_steps(u, (ops.arange(length, dtype="int32") + count) % length)
        return y, self.after(u, state, count[:, 0])

    def output(self, state: Complex) -> Tensor:
        """`2 Re(c s)` of states (..., channels, pairs)."""
        return 2 * ops.sum(self.readout[0] * state[0] - self.readout[1] * state[1], axis=-1)

    def answers(self, states: Complex, length: Any) -> Tensor:
        """`2 Re(c A^t s)` of states (batch, channels, pairs), as (batch, length, channels)."""
        real, imaginary = product((self.readout[0], self.readout[1]), states)
        each = "ctn,bcn->btc"
        powers = self._powers_of(ops.arange(length))
        return 2 * (ops.einsum(each, powers[0], real) - ops.einsum(each, powers[1], imaginary))

    def after(self, x: Tensor, state: Complex, steps: Tensor) -> Complex:
        """The state after the last `steps`, (batch,), of `x` (batch, length, channels)."""
        powers = self._powers_of(ops.arange(ops.shape(x)[1] - 1, -1, -1))
        real, imaginary = (ops.einsum("ctn,btc->bcn", part, x) for part in powers)
        new, old = product(self.entry(), (real, imaginary)), product(self.powers(steps), state)
        return old[0] + new[0], old[1] + new[1]

    def _powers_of(self, steps: Tensor) -> Complex:
        """`powers` as (channels, steps, pairs), for matrix products."""
        steps = ops.cast(steps, self.compute_dtype)[:, None]
        dt = ops.exp(self.step)
        rate, frequency = dt * ops.exp(self.rate), dt * self.frequency
        size, turn = ops.exp(-rate[:, None] * steps), frequency[:, None] * steps
        return size * cosine(turn), size * sine(turn)


def product(one: Complex, other: Complex) -> Complex:
    (a, b), (c, d) = one, other
    return a * c - b * d, a * d + b * c


def _frequencies(shape: Shape, dtype: Any = None) -> Tensor:
    return ops.broadcast_to(math.pi * ops.arange(shape[1], dtype=dtype), shape)
