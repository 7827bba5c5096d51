"""Long convolutions and attention-free mixers in plain Keras."""

import math
from typing import Any

import keras
from keras import ops
from keras.layers import Add, Dense, DepthwiseConv1D, Multiply, ZeroPadding1D

from benchmarks.speed.pairs._pair import Pair
from keras_hadamard import layers

LENGTH, WIDTH, STATE = 512, 64, 16
SHAPE = ((LENGTH, WIDTH),)
HEADS = 4


class _Weight(keras.layers.Layer):
    """A learned tensor that scales, which Keras has no layer for."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape_of_weight = shape

    def build(self, input_shape: Any) -> None:
        self.weight = self.add_weight(shape=self.shape_of_weight, initializer="random_normal")

    def call(self, x: Any) -> Any:
        return self.weight * x


class _Bias(_Weight):
    """Averages with a learned bias for each pair."""

    def call(self, inputs: Any) -> Any:
        key, value = inputs
        # Without the greatest key subtracted it would overflow, and be another function.
        weight, each = ops.exp(self.weight), ops.exp(key - ops.max(key, axis=1, keepdims=True))
        return ops.matmul(weight, each * value) / ops.matmul(weight, each)


def _poly_self_attention(x: Any) -> Any:
    length, width = x.shape[1:]
    size = width // HEADS
    q, k, v = (
        ops.reshape(part, (-1, length, HEADS, size))
        for part in ops.split(Dense(3 * width)(x), 3, axis=-1)
    )
    pooled = ops.sum(_Weight(length, HEADS, 1)(k * v), axis=1, keepdims=True)
    mixed = _Weight(length, HEADS, 1)(q) * keras.layers.LayerNormalization(epsilon=1e-5)(pooled)
    return Dense(width)(ops.reshape(mixed, (-1, length, width)))


def _aft(x: Any) -> Any:
    length, width = x.shape[1:]
    average = _Bias(length, length)([Dense(width)(x), Dense(width)(x)])
    return Dense(width)(Multiply()([Dense(width, activation="sigmoid")(x), average]))


def convolved(x: Any, kernel: Any) -> Any:
    """A causal convolution by Keras's FFT, `x` (batch, length, channels)."""
    size = 2 * x.shape[1]
    (a, b), (c, d) = (ops.rfft(ops.swapaxes(t, -1, -2), fft_length=size) for t in (x, kernel))
    y = ops.irfft((a * c - b * d, a * d + b * c), fft_length=size)
    return ops.swapaxes(y[..., : x.shape[1]], -1, -2)


class _LongConvolution(keras.layers.Layer):
    """A convolution with filters of a network with sines, and a skip."""

    def __init__(self, both: bool, hidden: int) -> None:
        super().__init__()
        self.both, self.hidden = both, hidden

    def build(self, input_shape: Any) -> None:
        _, length, width = input_shape
        self.position = ops.arange(length, dtype="float32")[:, None] / length
        phase = 2 * math.pi * self.position * ops.arange(2, dtype="float32")
        self.features = ops.concatenate([self.position, ops.cos(phase), ops.sin(phase)], -1)
        self.decay = ops.exp(-self.position * ops.linspace(3.0, 15.0, width))
        sizes = [5, *[self.hidden] * 3, width]
        self.networks = []
        for _ in range(1 + self.both):
            network = [Dense(n, use_bias=i < 3) for i, n in enumerate(sizes[1:])]
            for layer, n in zip(network, sizes[:-1], strict=True):
                layer.build((None, n))
            self.networks.append(network)
        self.frequency = self.add_weight(shape=(self.hidden,), initializer="ones")
        self.skip = self.add_weight(shape=(width,), initializer="ones")

    def call(self, x: Any) -> Any:
        taps = []
        for network in self.networks:
            h = self.features
            for layer in network[:-1]:
                h = ops.sin(self.frequency * layer(h))
            taps.append(network[-1](h) * self.decay)
        y = convolved(x, taps[0]) + self.skip * x
        if self.both:
            before = ops.pad(ops.flip(x, 1)[:, :-1], ((0, 0), (1, 0), (0, 0)))
            y = y + ops.flip(convolved(before, taps[1]), 1)
        return y


def _short(x: Any) -> Any:
    width = x.shape[-1]
    return DepthwiseConv1D(3)(ZeroPadding1D((2, 0))(Dense(3 * width)(x)))


def _hyena(x: Any) -> Any:
    second, first, z = ops.split(_short(x), 3, axis=-1)
    z = _LongConvolution(False, 64)(Multiply()([first, z]))
    return Dense(x.shape[-1])(Multiply()([second, z]))


def _monarch_mixer(x: Any) -> Any:
    before, after, value = ops.split(_short(x), 3, axis=-1)
    gated = Multiply()([after, _LongConvolution(True, 128)(Multiply()([before, value]))])
    return Dense(x.shape[-1])(Add()([gated, _LongConvolution(True, 128)(x)]))


class _Diagonal(keras.layers.Layer):
    """A diagonal state space model as its convolution."""

    def build(self, input_shape: Any) -> None:
        _, self.length, width = input_shape
        shape = (width, STATE // 2)
        self.step = self.add_weight(shape=(width, 1), initializer="ones")
        self.rate, self.frequency, self.real, self.imaginary = (
            self.add_weight(shape=shape, initializer="random_normal") for _ in range(4)
        )
        self.skip = self.add_weight(shape=(width,), initializer="ones")

    def call(self, x: Any) -> Any:
        steps = ops.arange(self.length, dtype="float32")[:, None, None]
        step, rate = ops.exp(self.step - 4), ops.exp(self.rate)
        decay, turn = ops.exp(-step * rate * steps), step * self.frequency * steps
        kernel = ops.sum(
            decay * (self.real * ops.cos(turn) - self.imaginary * ops.sin(turn)), axis=-1
        )
        return convolved(x, kernel) + self.skip * x


class _Shift(keras.layers.Layer):
    """A model of the latest inputs, and a skip."""

    def build(self, input_shape: Any) -> None:
        width = input_shape[-1]
        self.convolution = DepthwiseConv1D(STATE, use_bias=False)
        self.convolution.build(input_shape)
        self.skip = self.add_weight(shape=(width,), initializer="ones")

    def call(self, x: Any) -> Any:
        return self.convolution(ops.pad(x, ((0, 0), (STATE - 1, 0), (0, 0)))) + self.skip * x


def _h3(x: Any) -> Any:
    q, k, v = ops.split(Dense(3 * x.shape[-1])(x), 3, axis=-1)
    y = _Diagonal()(Multiply()([_Shift()(k), v]))
    return Dense(x.shape[-1])(Multiply()([q, y]))


PAIRS = {
    "PolySelfAttention": Pair(lambda: layers.PolySelfAttention(HEADS), _poly_self_attention, SHAPE),
    "AFT": Pair(layers.AFT, _aft, SHAPE),
    "HyenaOperator": Pair(lambda: layers.HyenaOperator(LENGTH), _hyena, SHAPE),
    "MonarchMixer": Pair(lambda: layers.MonarchMixer(LENGTH), _monarch_mixer, SHAPE),
    "H3": Pair(lambda: layers.H3(STATE), _h3, SHAPE),
}
