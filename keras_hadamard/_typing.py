"""Names for the loosely typed things that Keras passes around."""

from collections.abc import Callable
from typing import Any, TypeAlias

# A tensor may be eager, symbolic or a KerasTensor; no common base class exists.
Tensor: TypeAlias = Any
Shape: TypeAlias = tuple[int | None, ...]
Activation: TypeAlias = str | Callable[[Any], Any] | None
# Name, config or instance, as Keras resolves them.
Initializer: TypeAlias = Any
Regularizer: TypeAlias = Any
Constraint: TypeAlias = Any
