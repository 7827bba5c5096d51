"""Names for the loosely typed values of Keras."""

from collections.abc import Callable
from typing import Any, TypeAlias, TypedDict

# A tensor may be eager, symbolic or a KerasTensor; no common base class exists.
Tensor: TypeAlias = Any
Shape: TypeAlias = tuple[int | None, ...]
Activation: TypeAlias = str | Callable[[Any], Any] | None
# Name, config or instance, as Keras resolves them.
Initializer: TypeAlias = Any
Regularizer: TypeAlias = Any
Constraint: TypeAlias = Any


class BaseArguments(TypedDict, total=False):
    """Arguments of every layer."""

    name: str | None
    dtype: Any
    trainable: bool
    autocast: bool
    activity_regularizer: Regularizer


class KernelArguments(BaseArguments, total=False):
    """Arguments of layers with kernels except `use_bias`, for layers that name it."""

    kernel_initializer: Initializer
    bias_initializer: Initializer
    kernel_regularizer: Regularizer
    bias_regularizer: Regularizer
    kernel_constraint: Constraint
    bias_constraint: Constraint


class ProjectionArguments(KernelArguments, total=False):
    """Arguments of every layer with kernels, as in `keras.layers.Dense`."""

    use_bias: bool


KERNEL_ARGUMENTS = tuple(
    name
    for name in ProjectionArguments.__annotations__
    if name not in BaseArguments.__annotations__
)
