"""The Hadamard product of two low-rank matrices."""

from typing import Any

from keras import ops

from keras_hadamard._core.checks import one_of
from keras_hadamard._core.dtypes import upcast
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Tensor
from keras_hadamard.adapters._adapter import KernelView, Weights, WeightSpec
from keras_hadamard.adapters._initializers import kaiming, normal
from keras_hadamard.adapters._ranked import RankedAdapter
from keras_hadamard.ops import khatri_rao_matmul


@serializable
class LoHa(RankedAdapter):
    """Adds a Hadamard product of low-rank matrices, `W' = W + alpha / rank * (A1 B1) * (A2 B2)`.

    `W` is `(inputs, outputs)`, `A1` and `A2` are `(inputs, rank)`, `B1` and `B2` `(rank, outputs)`:
    `2 * rank * (inputs + outputs)` parameters per kernel, for a rank of up to `rank ** 2`. Layers
    that multiply by a matrix use `khatri_rao_matmul`, which forms no matrix of `W`'s size. For
    kernels of windows, the sum is formed when it is used.

    One of the four factors starts at zero. In PEFT it is `A2`, the others uniform within
    `1 / sqrt(n)`, `n` the size of their first axis; in LyCORIS it is `B2`, with `A1` and `A2`
    normal of deviation 1 and `B1` of 0.1.

    With `tucker=True`, kernels of windows have a core of two ranks instead of positions among the
    inputs: each of the two matrices at position `p` is `A T_p B`, with a core `T` of
    `(rank, rank, positions)`, which makes `2 * rank * (inputs + outputs + rank * positions)`
    parameters. The gradient is exact: the hand-written one of PEFT, and of LyCORIS up to 4.1, is
    wrong for the factors of the outputs.

    Args:
        rank: Positive integer.
        alpha: Positive number, or None for the rank, a factor of 1. Defaults to `None`.
        tucker: Boolean, whether kernels of more than one position have a core.
            Defaults to `False`.
        initialization: String, `"peft"` or `"lycoris"`. Defaults to `"peft"`.

    Raises:
        ValueError: If an argument is none of these.

    Example:

    >>> from keras_hadamard import adapters
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
    >>> adapted = adapters.apply(model, adapters.LoHa(rank=2, alpha=4))
    >>> adapters.trainable_parameters(adapted).trainable
    48

    Reference:
        - [FedPara: Low-Rank Hadamard Product for Communication-Efficient Federated Learning
          (Hyeon-Woo et al., 2022)](https://arxiv.org/abs/2108.06098)
        - [Navigating Text-To-Image Customization: From LyCORIS Fine-Tuning to Model Evaluation
          (Yeh et al., 2024)](https://arxiv.org/abs/2309.14859)
    """

    of_inputs = ("a1", "a2")

    def __init__(
        self,
        rank: int,
        alpha: float | None = None,
        tucker: bool = False,
        initialization: str = "peft",
    ) -> None:
        super().__init__(rank, alpha)
        self.tucker = bool(tucker)
        self.initialization = one_of("initialization", initialization, ("peft", "lycoris"))

    def new_weights(self, view: KernelView) -> dict[str, WeightSpec]:
        tucker = self.tucker and view.positions > 1
        inputs, outputs = view.inputs if tucker else view.rows, view.outputs
        if self.initialization == "peft":
            how: dict[str, Any] = {"a1": kaiming(), "b1": kaiming(), "a2": "zeros", "b2": kaiming()}
        else:
            how = {"a1": normal(1.0), "b1": normal(0.1), "a2": normal(1.0), "b2": "zeros"}
        found = {}
        for i in (1, 2):
            found[f"a{i}"] = WeightSpec((inputs, self.rank), how[f"a{i}"])
            if tucker:
                core = kaiming() if self.initialization == "peft" else normal(0.1)
                found[f"t{i}"] = WeightSpec((self.rank, self.rank, view.positions), core)
            found[f"b{i}"] = WeightSpec((self.rank, outputs), how[f"b{i}"])
        return found

    def update(self, w: Tensor, weights: Weights) -> Tensor:
        del w
        return self.scale * _matrix(1, weights) * _matrix(2, weights)

    def product(self, x: Tensor, w: Tensor, weights: Weights) -> Tensor:
        del w
        left, right = ((weights[f"a{i}"], weights[f"b{i}"]) for i in (1, 2))
        return self.scale * khatri_rao_matmul(x, left, right)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "tucker": self.tucker,
            "initialization": self.initialization,
        }


def _matrix(i: int, weights: Weights) -> Tensor:
    a, b = upcast(weights[f"a{i}"], weights[f"b{i}"])
    if f"t{i}" not in weights:
        return ops.matmul(a, b)
    (core,) = upcast(weights[f"t{i}"])
    windows = ops.einsum("is,rsp,ro->pio", a, core, b)
    return ops.reshape(windows, (-1, b.shape[1]))
