"""The windows of an input that a convolution's kernel is laid on."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np


def patches(
    x: np.ndarray, window: Sequence[int], strides: Any, dilation: Any, padding: str
) -> np.ndarray:
    """Inputs of each position of the window: `(windows, positions, channels)`, channels last."""
    rank = len(window)
    strides, dilation = _each(strides, rank), _each(dilation, rank)
    x = np.pad(x, [(0, 0), *_padding(x.shape[1:-1], window, strides, dilation, padding), (0, 0)])
    counts = [
        (size - (w - 1) * d - 1) // s + 1
        for size, w, d, s in zip(x.shape[1:-1], window, dilation, strides, strict=True)
    ]
    parts = []
    for position in itertools.product(*map(range, window)):
        starts = [p * d for p, d in zip(position, dilation, strict=True)]
        cut = tuple(
            slice(start, start + (count - 1) * s + 1, s)
            for start, count, s in zip(starts, counts, strides, strict=True)
        )
        parts.append(x[(slice(None), *cut)].reshape(-1, x.shape[-1]))
    return np.stack(parts, axis=1)


def _each(value: Any, rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else tuple(value)


def _padding(
    sizes: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    padding: str,
) -> list[tuple[int, int]]:
    found = []
    for size, w, s, d in zip(sizes, window, strides, dilation, strict=True):
        reach = (w - 1) * d
        total = max((-(-size // s) - 1) * s + reach + 1 - size, 0) if padding == "same" else 0
        # An odd zero goes to the end, as TensorFlow has it.
        before = reach if padding == "causal" else total // 2
        found.append((before, total - total // 2))
    return found
