"""The Kronecker product of two small matrices."""

import math
from typing import Any

from keras import ops

from keras_hadamard._core.checks import one_of, positive_int, received
from keras_hadamard._core.dtypes import upcast
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Tensor
from keras_hadamard.adapters._adapter import KernelView, Linear, LinearView, Weights, WeightSpec
from keras_hadamard.adapters._initializers import kaiming
from keras_hadamard.adapters._ranked import RankedAdapter


@serializable
class LoKr(RankedAdapter):
    """Adds a Kronecker product of two small matrices, `W' = W + alpha / rank * kron(W1, W2)`.

    `W` is `(inputs, outputs)`, `W1` `(m, l)` and `W2` `(n, k)`, with `inputs = m * n` and
    `outputs = l * k`, `m` and `l` the greatest divisors up to the square root. `W2` is a product
    `A2 B2` of the rank if that is below half its longer side, and undecomposed otherwise; `W1` is
    undecomposed by default: `m * l + rank * (n + k)` parameters per kernel, for a rank of up to
    `min(m, l) * rank`. Layers that multiply by a matrix compute `W1' X W2` of the inputs as a
    matrix `X` of `(m, n)`, and form no matrix of `W`'s size. Kernels of windows have the positions
    in `W2`, and their sum is formed when it is used.

    One factor starts at zero. In PEFT it is `W1`, or `B1` where it is a product, in LyCORIS `W2`,
    or `A2`; the others are uniform within `1 / sqrt(n)`, `n` the size of their first axis.
    `alpha / rank` applies with two undecomposed factors too, as in PEFT; LyCORIS uses 1 then, and
    so do its files.

    Args:
        rank: Positive integer.
        alpha: Positive number, or None for the rank, a factor of 1. Defaults to `None`.
        factor: Positive integer, the size of `m` if it divides the inputs, and of `l` if it divides
            the outputs; otherwise their upper bound. Or -1 for no bound, or the pair of `m` and `l`
            themselves. Defaults to `-1`.
        decompose_both: Boolean, whether `W1` is a product as well where the rank is below half its
            longer side. Defaults to `False`.
        tucker: Boolean, whether `W2` of more than one position is `A2 T_p B2` at position `p`, with
            a core `T` of `(rank, rank, positions)`. Defaults to `False`.
        initialization: String, `"peft"` or `"lycoris"`. Defaults to `"peft"`.

    Raises:
        ValueError: If an argument is none of these.

    Example:

    >>> from keras_hadamard import adapters
    >>> model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(16)])
    >>> adapted = adapters.apply(model, adapters.LoKr(rank=1))
    >>> adapters.trainable_parameters(adapted).trainable
    24

    Reference:
        - [KronA: Parameter-Efficient Tuning with Kronecker Adapter (Edalati et al., 2022)](
          https://arxiv.org/abs/2212.10650)
        - [Navigating Text-To-Image Customization: From LyCORIS Fine-Tuning to Model Evaluation
          (Yeh et al., 2024)](https://arxiv.org/abs/2309.14859)
    """

    of_inputs = ("row",)

    def __init__(
        self,
        rank: int,
        alpha: float | None = None,
        factor: int | tuple[int, int] = -1,
        decompose_both: bool = False,
        tucker: bool = False,
        initialization: str = "peft",
    ) -> None:
        super().__init__(rank, alpha)
        self.factor = _checked(factor)
        self.decompose_both = bool(decompose_both)
        self.tucker = bool(tucker)
        self.initialization = one_of("initialization", initialization, ("peft", "lycoris"))

    def new_weights(self, view: KernelView) -> dict[str, WeightSpec]:
        (m, n), (l, k) = _parts(view, self.factor)  # noqa: E741
        first, second = (self.initialization == name for name in ("peft", "lycoris"))
        if self.decompose_both and self.rank < max(m, l) / 2:
            found = {
                "a1": WeightSpec((m, self.rank), kaiming()),
                "b1": WeightSpec((self.rank, l), "zeros" if first else kaiming()),
            }
        else:
            found = {"w1": WeightSpec((m, l), "zeros" if first else kaiming())}
        start = "zeros" if second else kaiming()
        windows = (view.positions,) if view.positions > 1 else ()
        if self.rank >= max(n, k) / 2:
            return {**found, "w2": WeightSpec((*windows, n, k), start)}
        if windows and self.tucker:
            found["t2"] = WeightSpec((self.rank, self.rank, view.positions), kaiming())
            windows = ()
        found["a2"] = WeightSpec((*windows, n, self.rank), start)
        return {**found, "b2": WeightSpec((self.rank, k), kaiming())}

    def adapted(self, linear: Linear, linear_view: LinearView, weights: Weights) -> Linear:
        # An embedding uses only some of these rows, so the factors need to know which ones.
        rows = math.prod(_inner(i, weights).shape[-2] for i in (1, 2))
        return super().adapted(
            linear, linear_view, {**weights, "row": ops.arange(rows, dtype="int32")}
        )

    def update(self, w: Tensor, weights: Weights) -> Tensor:
        del w
        if "row" in weights:
            row, (n, _) = weights["row"], _inner(2, weights).shape
            one, two = (
                _times(i, ops.take(_inner(i, weights), at, axis=0), weights)
                for i, at in ((1, row // n), (2, row % n))
            )
            joined = ops.expand_dims(one, -1) * ops.expand_dims(two, -2)
            size = one.shape[-1] * two.shape[-1]
            return self.scale * ops.reshape(joined, (*ops.shape(row), size))
        one, two = (_times(i, _inner(i, weights), weights) for i in (1, 2))
        if "t2" in weights:
            two = ops.einsum("is,rsp,ro->pio", *upcast(*(weights[f"{c}2"] for c in "atb")))
        n, k = two.shape[-2:]
        product = ops.einsum("ml,pnk->pmnlk", one, ops.reshape(two, (-1, n, k)))
        return self.scale * ops.reshape(product, (-1, one.shape[1] * k))

    def product(self, x: Tensor, w: Tensor, weights: Weights) -> Tensor:
        del w
        shape = ops.shape(x)[:-1]
        m, n = (_inner(i, weights).shape[0] for i in (1, 2))
        y = ops.reshape(x, (*shape, m, n))
        for i in (2, 1):
            y = ops.matmul(y, _inner(i, weights))
            y = ops.matmul(y, weights[f"b{i}"]) if f"b{i}" in weights else y
            y = ops.swapaxes(y, -1, -2)
        return self.scale * ops.reshape(y, (*shape, y.shape[-2] * y.shape[-1]))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "factor": self.factor,
            "decompose_both": self.decompose_both,
            "tucker": self.tucker,
            "initialization": self.initialization,
        }


def factor_of(view: KernelView, m: int, l: int) -> int | tuple[int, int]:  # noqa: E741
    """The `factor` that gives a first factor of `(m, l)`: an integer if possible, or the pair."""
    wanted = (m, view.inputs // m), (l, view.outputs // l)
    return next((f for f in (-1, m, l) if _parts(view, f) == wanted), (m, l))


def _checked(factor: Any) -> int | tuple[int, int]:
    if isinstance(factor, (list, tuple)) and len(factor) == 2:
        return positive_int("factor", factor[0]), positive_int("factor", factor[1])
    return -1 if factor == -1 else positive_int("factor", factor)


def _parts(
    view: KernelView, factor: int | tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """The inputs and the outputs as products, those of a pair if it is one."""
    if isinstance(factor, int):
        return _product(view.inputs, factor), _product(view.outputs, factor)
    if view.inputs % factor[0] or view.outputs % factor[1]:
        raise received(
            f"`factor` of divisors of {view.inputs} inputs and {view.outputs} outputs",
            factor=factor,
        )
    return (factor[0], view.inputs // factor[0]), (factor[1], view.outputs // factor[1])


def _product(size: int, factor: int) -> tuple[int, int]:
    """The size as a product whose first part is the factor, or the greatest divisor below it."""
    if factor > 0 and size % factor == 0:
        return factor, size // factor
    limit = math.isqrt(size) if factor < 0 else min(factor, math.isqrt(size))
    first = max(part for part in range(1, limit + 1) if size % part == 0)
    return first, size // first


def _inner(i: int, weights: Weights) -> Tensor:
    """The part of a factor that contains its inputs: all of it, or the first part of a product."""
    return weights[f"w{i}"] if f"w{i}" in weights else weights[f"a{i}"]


def _times(i: int, inner: Tensor, weights: Weights) -> Tensor:
    """The factor of those inputs."""
    if f"b{i}" not in weights:
        return upcast(inner)[0]
    return ops.matmul(*upcast(inner, weights[f"b{i}"]))
