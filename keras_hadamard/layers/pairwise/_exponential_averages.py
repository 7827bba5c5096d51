"""Averages of values with weights `exp(bias + key)`, the forms of attention-free transformers.

Keys and values are (batch, length, channels). The greatest exponent is subtracted before each
exponential, so keys may have any size; it cancels, and is a constant for the gradient.
"""

import math
from typing import Any

from keras import ops

from keras_hadamard._core.typing import Tensor
from keras_hadamard.layers.pairwise._packed_steps import PackedSteps, last, take_steps
from keras_hadamard.ops._running_max import running_max
from keras_hadamard.ops.depthwise_conv2d import depthwise_conv2d
from keras_hadamard.ops.gated_scan import gated_scan

# The key of masked entries. It is finite, so that differences are numbers.
NOTHING = -1e30
# Below every sum of weights except an empty one: exp(-80) is 2e-35.
MINIMUM = 1e-36
# The range of exponents in a float32 sum.
ROOM = 30.0


def of_all(key: Tensor, value: Tensor) -> Tensor:
    """Without a bias: one average for all positions."""
    each = ops.exp(key - _greatest(key, 1))
    return ops.sum(each * value, axis=1, keepdims=True) / ops.sum(each, axis=1, keepdims=True)


def by_table(bias: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """With a bias for every pair, (length, length), as one product of matrices."""
    weight, each = ops.exp(bias - _greatest(bias, 1)), ops.exp(key - _greatest(key, 1))
    return ops.matmul(weight, each * value) / ops.maximum(ops.matmul(weight, each), MINIMUM)


def by_causal_table(bias: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """As `by_table`, over the steps so far.

    One greatest key for all steps could be a future one. So steps are cut into blocks: keys of the
    blocks before are relative to their greatest one; inside the block, pairs are computed one by
    one.
    """
    length, positions = _length(key), bias.shape[0]
    size = math.ceil(math.sqrt(positions))
    blocks = math.ceil(positions / size)
    more = blocks * size - positions
    bias = ops.pad(bias, ((0, more), (0, more)))
    pads = ((0, 0), (0, blocks * size - length), (0, 0))
    key, value = ops.pad(key, pads, constant_values=NOTHING), ops.pad(value, pads)
    cut = (-1, blocks, size, key.shape[-1])
    keys, values = ops.reshape(key, cut), ops.reshape(value, cut)
    peaks = running_max(ops.max(keys, axis=2, initial=NOTHING))
    peaks = ops.pad(peaks, ((0, 0), (1, 0), (0, 0)), constant_values=NOTHING)[:, :-1, None]
    # The blocks before.
    row = ops.arange(blocks * size)[:, None]
    past = ops.arange(blocks * size) < row // size * size
    high = _greatest(ops.where(past, bias, NOTHING), 1)
    weight = ops.exp(ops.where(past, bias - high, NOTHING))
    weight = ops.reshape(weight, (blocks, size, -1))
    counted = past[::size, :, None] & (key[:, None] > NOTHING / 2)
    each = ops.exp(ops.where(counted, key[:, None] - peaks, NOTHING))
    before = ops.einsum("jrs,bjsc->bjrc", weight, _weighted(each, value[:, None]))
    # The block itself.
    inside = ops.reshape(bias, (blocks, size, blocks, size))
    inside = ops.stack([inside[j, :, j] for j in range(blocks)])
    seen = ops.tril(ops.ones((size, size), "bool"))
    pairs = ops.where(seen[..., None], inside[..., None] + keys[:, :, None], NOTHING)
    top = _greatest(pairs, 3)
    own = ops.sum(_weighted(ops.exp(pairs - top), values[:, :, None]), axis=3)
    # Both, relative to the greater maximum.
    top, peaks = top[:, :, :, 0], peaks + ops.reshape(high, (blocks, size, 1))
    both = ops.maximum(top, peaks)
    shares = [ops.tile(ops.exp(part - both), (1, 1, 1, 2)) for part in (peaks, top)]
    average = _quotient(shares[0] * before + shares[1] * own)
    return ops.reshape(average, (-1, blocks * size, key.shape[-1]))[:, :length]


def by_window(bias: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """With a bias only for the neighbours of every position, zero beyond.

    `bias` is (length, taps, 1), or (taps, channels) if it is the same everywhere.
    """
    each = _weighted(ops.exp(key - _greatest(key, 1)), value)
    everywhere = len(bias.shape) == 2
    taps = bias.shape[0 if everywhere else 1]
    side = taps // 2
    # The greatest bias is reduced so far that no sum overflows, and terms beyond the window do not
    # vanish.
    high = _greatest(ops.maximum(bias - ROOM, 0), 0 if everywhere else 1)
    weight, share = ops.exp(bias - high), ops.exp(-high)
    if everywhere:
        weight, share = ops.tile(weight, (1, 2)), ops.tile(share, (1, 2))
        near = depthwise_conv2d(each[:, :, None], weight[:, None])[:, :, 0]
    else:
        padded = ops.pad(each, ((0, 0), (side, side), (0, 0)))
        near = sum(weight[:, j] * padded[:, j : j + _length(key)] for j in range(taps))
        share = share[:, 0]
    return _quotient(near + share * _beyond(each, side))


def _beyond(x: Tensor, side: int) -> Tensor:
    """Sums of all steps more than `side` away from each.

    Two sums, of the steps before and after: the sum of all minus that of the window would lose its
    digits where the window has nearly the whole sum.
    """
    ones = ops.ones_like(x)
    before = ops.pad(gated_scan(ones, x), ((0, 0), (side + 1, 0), (0, 0)))
    after = ops.pad(gated_scan(ones, x, reverse=True), ((0, 0), (0, side + 1), (0, 0)))
    return before[:, : _length(x)] + after[:, side + 1 :]


def running(key: Tensor, value: Tensor, sums: Tensor, peak: Tensor) -> tuple[Tensor, Tensor]:
    """Sums so far of weighted values and weights, and the greatest key so far that they are
    relative to, each (batch, length, ...), from what they are before the first step.
    """
    peaks = running_max(ops.concatenate([peak[:, None], key], axis=1))
    decay = ops.exp(peaks[:, :-1] - peaks[:, 1:])
    peaks = peaks[:, 1:]
    each = ops.exp(ops.where(key > NOTHING / 2, key - peaks, NOTHING))
    new, decay = _weighted(each, value), ops.tile(decay, (1, 1, 2))
    if key.shape[1] == 1:
        return decay * sums[:, None] + new, peaks
    return gated_scan(decay, new, sums), peaks


def so_far(key: Tensor, value: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """The average of the steps so far, and the states `[sums, peak]` after the last one."""
    sums, peak = begun(states)
    all_sums, peaks = running(key, value, sums, peak)
    return _quotient(all_sums), [all_sums[:, -1], peaks[:, -1]]


def in_causal_window(
    bias: Any, key: Tensor, value: Tensor, states: list[Tensor], mask: Tensor | None
) -> tuple[Tensor, list[Tensor]]:
    """The average of the steps so far with a bias for the latest ones.

    `bias` is (batch or 1, length or 1, taps, channels or 1), that of the present first. The states
    are `[sums, peak, latest keys and values, number of steps]`; steps that have left the window are
    summed, steps inside are kept. Windows leave out masked steps.
    """
    packed = None
    if mask is not None:
        packed = PackedSteps(mask, _length(key))
        key, value = packed.pack(key, NOTHING), packed.pack(value)
    taps = bias.shape[2]
    sums, peak = begun(states)
    window, count = states[2], states[3]
    # The window contains only the steps so far.
    filled = ops.arange(taps - 1, 0, -1, dtype=count.dtype) <= count
    old_key, old_value = ops.split(window, 2, axis=-1)
    old_key = ops.where(filled[..., None], old_key, NOTHING)
    keys, values = (
        ops.concatenate(parts, axis=1) for parts in ((old_key, key), (old_value, value))
    )
    length = _length(key)
    left_sums, left_peaks = running(keys[:, :length], values[:, :length], sums, peak)
    outside = ops.concatenate([sums[:, None], left_sums[:, :-1]], axis=1)
    top = ops.concatenate([peak[:, None], left_peaks[:, :-1]], axis=1)
    near = []
    for lag in range(taps):
        start = taps - 1 - lag
        near.append((keys[:, start : start + length], values[:, start : start + length]))
    exponents = [ops.maximum(k + bias[:, :, lag], NOTHING) for lag, (k, _) in enumerate(near)]
    both = top
    for exponent in exponents:
        both = ops.maximum(both, ops.stop_gradient(exponent))
    total = ops.tile(ops.exp(top - both), (1, 1, 2)) * outside
    for exponent, (k, v) in zip(exponents, near, strict=True):
        each = ops.exp(ops.where(k > NOTHING / 2, exponent - both, NOTHING))
        total = total + _weighted(each, v)
    steps = ops.cast(length if packed is None else packed.count, count.dtype)
    kept = ops.concatenate([keys, values], axis=-1)
    if packed is None:
        kept = kept[:, length:]
    else:
        kept = take_steps(kept, packed.count + ops.arange(taps - 1, dtype="int32"))
    average = _quotient(total)
    return average if packed is None else packed.unpack(average), [
        last(left_sums, sums, packed),
        last(left_peaks, peak, packed),
        kept,
        count + steps,
    ]


def begun(states: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Sums and peak of a state, where zeros mean no step yet."""
    sums, peak = states[:2]
    weights = ops.split(sums, 2, axis=-1)[1]
    return sums, ops.stop_gradient(ops.where(weights > 0, peak, NOTHING))


def _weighted(weight: Tensor, value: Tensor) -> Tensor:
    """Weighted values and weights, concatenated."""
    return ops.concatenate([weight * value, weight], axis=-1)


def _quotient(sums: Tensor) -> Tensor:
    total, weight = ops.split(sums, 2, axis=-1)
    return total / ops.maximum(weight, MINIMUM)


def _greatest(x: Tensor, axis: int) -> Tensor:
    return ops.stop_gradient(ops.max(x, axis=axis, keepdims=True, initial=NOTHING))


def _length(x: Tensor) -> Any:
    return ops.shape(x)[1]
