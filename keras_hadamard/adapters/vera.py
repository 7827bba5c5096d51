"""Random matrices that all kernels share, and vectors for each kernel."""

import copy
from typing import Any

import keras
from keras import ops

from keras_hadamard._core.checks import non_negative, positive_int, received
from keras_hadamard._core.dtypes import upcast
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Tensor
from keras_hadamard.adapters._adapter import (
    Adapter,
    KernelView,
    Linear,
    LinearView,
    Update,
    Weights,
    WeightSpec,
)


@serializable
class VeRA(Update):
    """Scales random matrices by vectors, `W' = W + A diag(d) B diag(b)`.

    `W` is `(inputs, outputs)`, as in the whole package; in the authors' notation, outputs first, it
    is `diag(b) B diag(d) A`. `A` `(inputs, rank)` and `B` `(rank, outputs)` are never trained, and
    all kernels share them: they are as large as the largest kernel needs, and each kernel uses the
    first rows and columns. Only `d` and `b` belong to a kernel: `rank + outputs` parameters per
    kernel, so ranks may be far greater than those of `LoRA`.

    `A` and `B` are uniform within `sqrt(6 / n)`, `n` the size of their first axis, and `b` starts
    at zero. Layers that multiply by a matrix compute `((x A) * d) B * b` and form no matrix of
    `W`'s size. Kernels of windows are refused, as in PEFT: the paper defines no matrices for them.

    `save_adapter` also writes each kernel's part of `A` and `B`, since the matrices of a seed
    depend on the machine, and those of a PEFT file on PyTorch. PEFT's files load if they contain
    the matrices, as with its `save_projection=True`.

    Args:
        rank: Positive integer.
        d_initial: Non-negative number, the initial value of `d`. Defaults to `0.1`.
        seed: Non-negative integer that `A` and `B` are drawn from. Defaults to `0`.

    Raises:
        ValueError: If an argument is invalid, or a kernel has more than one position.

    Example:

    >>> from keras_hadamard import adapters
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
    >>> adapted = adapters.apply(model, adapters.VeRA(rank=16))
    >>> adapters.trainable_parameters(adapted).trainable
    20

    Reference:
        - [VeRA: Vector-based Random Matrix Adaptation (Kopiczko et al., 2024)](
          https://arxiv.org/abs/2310.11454)
    """

    of_inputs = ("shared_a",)
    adapts_windows = False
    # `unmerge` needs the shared matrices, which are not among a kernel's own weights.
    has_unmerge_state = True

    def __init__(self, rank: int, d_initial: float = 0.1, seed: int = 0) -> None:
        self.rank = positive_int("rank", rank)
        self.d_initial = non_negative("d_initial", d_initial)
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise received("`seed` to be a non-negative integer", seed=seed)
        self.seed = seed
        self._shared: dict[str, Any] = {}

    def new_weights(self, view: KernelView) -> dict[str, WeightSpec]:
        return {
            "d": WeightSpec((self.rank,), keras.initializers.Constant(self.d_initial)),
            "b": WeightSpec((view.outputs,), "zeros"),
        }

    def shared_weights(self, views: list[KernelView]) -> dict[str, WeightSpec]:
        inputs, outputs = max(v.rows for v in views), max(v.outputs for v in views)
        he = keras.initializers.HeUniform
        return {
            "shared_a": WeightSpec((inputs, self.rank), he(seed=self.seed)),
            # With the same seed, both would start with the same numbers.
            "shared_b": WeightSpec((self.rank, outputs), he(seed=self.seed + 1)),
        }

    def sharing(self, variables: dict[str, Any]) -> Adapter:
        holder = copy.copy(self)
        holder._shared = variables
        return holder

    def adapted(self, linear: Linear, linear_view: LinearView, weights: Weights) -> Linear:
        return super().adapted(linear, linear_view, {**weights, **self._tensors()})

    def update(self, w: Tensor, weights: Weights) -> Tensor:
        weights = weights if "shared_a" in weights else {**weights, **self._tensors()}
        a, b, d, scales = upcast(*(weights[name] for name in ("shared_a", "shared_b", "d", "b")))
        # Without `w` they are the rows of an embedding.
        a = a if w is None else a[: w.shape[0]]
        a, b = (ops.cast(matrix, d.dtype) for matrix in (a, b))
        return ops.matmul(a * d, b[:, : scales.shape[0]]) * scales

    def product(self, x: Tensor, w: Tensor, weights: Weights) -> Tensor:
        del w
        a, b = weights["shared_a"], weights["shared_b"]
        inner = ops.matmul(x, a[: x.shape[-1]]) * weights["d"]
        return ops.matmul(inner, b[:, : weights["b"].shape[0]]) * weights["b"]

    def unmerge_state(self, w: Tensor, weights: Weights) -> Weights:
        del weights
        shared = self._tensors()
        rows, outputs = w.shape
        return {
            "shared_a": shared["shared_a"][:rows],
            "shared_b": shared["shared_b"][:, :outputs],
        }

    def _tensors(self) -> Weights:
        return {name: ops.convert_to_tensor(v) for name, v in self._shared.items()}

    def get_config(self) -> dict[str, Any]:
        return {"rank": self.rank, "d_initial": self.d_initial, "seed": self.seed}
