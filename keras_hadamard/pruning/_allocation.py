"""Allocation of the sparsity of the whole model to its kernels."""

from collections.abc import Sequence

import keras
import numpy as np

from keras_hadamard._core.introspection.kernels import Kernel

SCOPES = ("layer", "global", "erk")


def sparsities(scope: str, kernels: Sequence[Kernel], sparsity: float) -> list[float]:
    """The sparsity of each kernel by itself: the same, or that of Erdos-Renyi-Kernel."""
    if scope != "erk":
        return [sparsity] * len(kernels)
    sizes = [int(np.prod(kernel.shape)) for kernel in kernels]
    pruned = int(sparsity * sum(sizes) + 1e-9)
    left = erdos_renyi_kernel(sizes, [degrees(k) for k in kernels], sum(sizes) - pruned)
    return [(size - n) / size for size, n in zip(sizes, left, strict=True)]


def degrees(kernel: Kernel) -> int:
    """The number that a kernel's kept weights are proportional to: inputs + outputs + window sizes.

    Inputs and outputs of several axes, as those of heads, are those of the matrix they make.
    """
    _, inputs, outputs = kernel.view
    einsum = isinstance(kernel.layer, keras.layers.EinsumDense)
    window = [] if einsum else [kernel.shape[axis] for axis in kernel.axes[:-2]]
    return inputs + outputs + sum(window)


def erdos_renyi_kernel(sizes: Sequence[int], degrees: Sequence[int], total: int) -> list[int]:
    """How many weights each kernel keeps: `min(size, e degrees)`, with an `e` for the total.

    So a kernel that would keep more than it has is dense, and the others share the rest. The
    rounded numbers add up to the total, and no kernel keeps fewer weights for a greater total, so
    the masks of a schedule never have to restore a weight. Every kernel keeps at least one weight.
    """
    n, d = np.array(sizes), np.array(degrees)

    def kept(e: float) -> np.ndarray:
        return np.clip(np.floor(e * d + 0.5), 1, n).astype(int)

    low, high = 0.0, float(np.max(n / d)) + 1.0
    if total >= n.sum():
        return list(sizes)
    # Until there is no number between the two.
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if kept(middle).sum() <= total else (low, middle)
    result = kept(low)
    # Equal kernels reach the next number at the same `e`: the first ones get it.
    more = np.flatnonzero(kept(high) > result)
    result[more[: max(0, total - int(result.sum()))]] += 1
    return [int(x) for x in result]
