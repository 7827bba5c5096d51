"""Report of the zeros in a model."""

from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.introspection.kernels import kernels_of
from keras_hadamard.pruning.pruned_model import PrunedModel


@dataclass(frozen=True)
class KernelSparsity:
    """One kernel of a `SparsityReport`.

    Args:
        path: String, the kernel's path.
        shape: Tuple of integers.
        zeros: Integer, how many of its weights are zero.

    Example:

    >>> from keras_hadamard.pruning import KernelSparsity
    >>> KernelSparsity("dense/kernel", (4, 2), 6).sparsity
    0.75
    """

    path: str
    shape: tuple[int, ...]
    zeros: int

    @property
    def size(self) -> int:
        """The number of weights."""
        return int(np.prod(self.shape, dtype=int))

    @property
    def sparsity(self) -> float:
        """The share of zeros."""
        return self.zeros / max(1, self.size)


@dataclass(frozen=True)
class SparsityReport:
    """Result of `sparsity_report`.

    Args:
        kernels: Tuple of `KernelSparsity`.
        parameters: Integer, the number of all weights of the model, kernels or not.
        nonzero: Integer, how many of them are not zero.

    Example:

    >>> from keras_hadamard.pruning import KernelSparsity, SparsityReport
    >>> print(SparsityReport((KernelSparsity("dense/kernel", (4, 2), 6),), 10, 4))
    kernel        shape   zeros  sparsity
    dense/kernel  4 x 2  6 of 8     75.0%
    all kernels          6 of 8     75.0%
    4 of 10 parameters are not zero
    """

    kernels: tuple[KernelSparsity, ...]
    parameters: int
    nonzero: int

    @property
    def sparsity(self) -> float:
        """The share of zeros in the kernels."""
        return self._zeros / max(1, self._size)

    @property
    def _zeros(self) -> int:
        return sum(kernel.zeros for kernel in self.kernels)

    @property
    def _size(self) -> int:
        return sum(kernel.size for kernel in self.kernels)

    def __str__(self) -> str:
        rows = [("kernel", "shape", "zeros", "sparsity")]
        rows += [
            (k.path, " x ".join(map(str, k.shape)), f"{k.zeros} of {k.size}", f"{k.sparsity:.1%}")
            for k in self.kernels
        ]
        rows.append(("all kernels", "", f"{self._zeros} of {self._size}", f"{self.sparsity:.1%}"))
        first, *others = (max(len(row[i]) for row in rows) for i in range(4))
        lines = [
            "  ".join(
                [row[0].ljust(first), *(t.rjust(w) for t, w in zip(row[1:], others, strict=True))]
            )
            for row in rows
        ]
        return "\n".join([*lines, f"{self.nonzero} of {self.parameters} parameters are not zero"])


def sparsity_report(model: keras.Model) -> SparsityReport:
    """Returns how many weights of each kernel, and of the whole model, are zero.

    Args:
        model: `keras.Model` that is built: pruned, stripped or any other. In a pruned model,
            weights count as zero if the model computes with zero.

    Returns:
        A `SparsityReport`, which prints as a table.

    Raises:
        ValueError: If the model is not built.

    Example:

    >>> from keras_hadamard import pruning
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, name="scores")])
    >>> report = pruning.sparsity_report(pruning.prune(model, 0.25))
    >>> print(report)
    kernel         shape    zeros  sparsity
    scores/kernel  8 x 4  8 of 32     25.0%
    all kernels           8 of 32     25.0%
    24 of 36 parameters are not zero
    """
    if not isinstance(model, keras.Model) or not model.built:
        raise received("`model` to be a keras.Model that is built", model=model)
    hidden: dict[str, np.ndarray] = {}
    if isinstance(model, PrunedModel):
        hidden, model = model.get_masks(), model.model
    kernels, spared = [], 0
    for kernel in kernels_of(model):
        values = ops.convert_to_numpy(kernel.variable)
        seen = values * hidden[kernel.path] if kernel.path in hidden else values
        zeros = int(seen.size - np.count_nonzero(seen))
        spared += int(np.count_nonzero(values) - np.count_nonzero(seen))
        kernels.append(KernelSparsity(kernel.path, tuple(values.shape), zeros))
    weights = [ops.convert_to_numpy(w) for w in model.weights]
    nonzero = int(sum(np.count_nonzero(w) for w in weights)) - spared
    return SparsityReport(tuple(kernels), sum(w.size for w in weights), nonzero)
