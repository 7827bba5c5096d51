"""Base classes of adapters: how a kernel changes, and the weights of the change.

A kernel is seen as a matrix `W (inputs, outputs)`, so that a layer computes `x W + b`; in a
convolution window, every position has separate inputs. `weights` below are those of one kernel, by
their names; inside a model they have the variables' dtype, and float64 when a model is merged.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from keras_hadamard._core.typing import Initializer, Tensor

Weights = dict[str, Tensor]
Linear = Callable[[Tensor], Tensor]


class KernelView(NamedTuple):
    """The sizes of a kernel; `inputs` are those at each position."""

    positions: int
    inputs: int
    outputs: int

    @property
    def rows(self) -> int:
        return self.positions * self.inputs


class WeightSpec(NamedTuple):
    """The shape and initializer of a weight to be made."""

    shape: tuple[int, ...]
    initializer: Initializer


class LinearView(Protocol):
    """A layer that computes `x W + b`, as an adapter sees it."""

    def matrix(self) -> Tensor:
        """The kernel as a matrix."""

    def bias(self) -> Tensor:
        """The term added to the product, broadcast to the outputs; zero if there is none."""

    def product(self, update: "Update", x: Tensor, weights: Weights) -> Tensor:
        """`x` times the update of the kernel."""

    def on_inputs(self, vector: Tensor) -> Tensor:
        """A vector of the matrix's inputs, broadcast to the layer's."""

    def on_outputs(self, vector: Tensor) -> Tensor:
        """A vector of the matrix's outputs, broadcast to the layer's."""


class Adapter(ABC):
    """A change of the kernels of a model, the same for all."""

    # Whether it can be combined with others on one kernel: not if it needs the kernel itself.
    combines = True
    # Whether it computes with the kernel's own values, which a quantised layer does not have.
    uses_kernel = False
    # Whether `unmerge_state` returns any state.
    has_unmerge_state = False
    # Whether `start_values` returns any values.
    starts_from_kernel = False
    # Whether kernels may have more than one position.
    adapts_windows = True

    @property
    def changes_bias(self) -> bool:
        """Whether the layer's bias changes with its kernel."""
        return False

    @abstractmethod
    def new_weights(self, view: KernelView) -> dict[str, WeightSpec]:
        """The weights for one kernel, by name."""

    def shared_weights(self, views: list[KernelView]) -> dict[str, WeightSpec]:
        """Weights that all kernels share, and that are not trained, by name."""
        del views
        return {}

    def sharing(self, variables: dict[str, Any]) -> "Adapter":
        """The same adapter, with these shared weights."""
        del variables
        return self

    def start_values(self, kernel: np.ndarray) -> dict[str, np.ndarray]:
        """The initial values of weights that depend on the kernel and not on an initializer."""
        del kernel
        return {}

    @abstractmethod
    def adapted(self, linear: Linear, linear_view: LinearView, weights: Weights) -> Linear:
        """The function of `x` that replaces `linear(x) = x W + b`."""

    @abstractmethod
    def merge(self, w: Tensor, bias: Tensor | None, weights: Weights) -> tuple[Tensor, Any]:
        """The equivalent matrix, and bias if there is one."""

    @abstractmethod
    def unmerge(self, w: Tensor, bias: Tensor | None, weights: Weights) -> tuple[Tensor, Any]:
        """The matrix and the bias from which `merge` makes the given ones.

        The weights are those given to `merge`, and the result of `unmerge_state`.
        """

    def unmerge_state(self, w: Tensor, weights: Weights) -> Weights:
        """The properties of the original matrix that `unmerge` needs and cannot compute."""
        del w, weights
        return {}

    @abstractmethod
    def get_config(self) -> dict[str, Any]:
        """Every argument of the constructor."""

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Adapter":
        return cls(**config)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{k}={v!r}" for k, v in self.get_config().items())
        return f"{type(self).__name__}({arguments})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))


class Update(Adapter):
    """An adapter that adds a matrix to the kernel, `W' = W + update`."""

    # Names of the weights whose first axis is the kernel's inputs.
    of_inputs: tuple[str, ...]

    @abstractmethod
    def update(self, w: Tensor, weights: Weights) -> Tensor:
        """The matrix, or some of its rows if `w` and the weights of inputs have only those rows."""

    @abstractmethod
    def product(self, x: Tensor, w: Tensor, weights: Weights) -> Tensor:
        """`x` times the matrix."""

    def adapted(self, linear: Linear, linear_view: LinearView, weights: Weights) -> Linear:
        return lambda x: linear(x) + linear_view.product(self, x, weights)

    def merge(self, w: Tensor, bias: Tensor | None, weights: Weights) -> tuple[Tensor, Any]:
        return w + self.update(w, weights), bias

    def unmerge(self, w: Tensor, bias: Tensor | None, weights: Weights) -> tuple[Tensor, Any]:
        return w - self.update(w, weights), bias
