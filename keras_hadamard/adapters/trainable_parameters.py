"""Counts of the trained parameters of a model."""

from dataclasses import dataclass

import keras
import numpy as np

from keras_hadamard._core.checks import received
from keras_hadamard.adapters.adapted_model import AdaptedModel


@dataclass(frozen=True)
class TrainableParameters:
    """Result of `trainable_parameters`.

    Args:
        kernels: Dict of the number of trained parameters by the path of the kernel that they adapt.
        total: Integer, the number of parameters of the model without its adapters.

    Example:

    >>> from keras_hadamard.adapters import TrainableParameters
    >>> print(TrainableParameters({"dense/kernel": 24}, 36))
    dense/kernel  24
    24 trained beside 36 parameters (66.7%)
    """

    kernels: dict[str, int]
    total: int

    @property
    def trainable(self) -> int:
        """The number of trained parameters."""
        return sum(self.kernels.values())

    def __str__(self) -> str:
        width = max((len(path) for path in self.kernels), default=0)
        rows = [f"{path:<{width}}  {count:,}" for path, count in self.kernels.items()]
        share = self.trainable / max(1, self.total)
        return "\n".join(
            [*rows, f"{self.trainable:,} trained beside {self.total:,} parameters ({share:.1%})"]
        )


def trainable_parameters(model: AdaptedModel) -> TrainableParameters:
    """Returns how many parameters the active adapters have, for each kernel and together.

    Args:
        model: `AdaptedModel`.

    Returns:
        A `TrainableParameters`, which prints as a table.

    Raises:
        ValueError: If the model is not adapted.

    Example:

    >>> from keras_hadamard import adapters
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, name="scores")])
    >>> print(adapters.trainable_parameters(adapters.apply(model, adapters.LoRA(2))))
    scores/kernel  24
    24 trained beside 36 parameters (66.7%)
    """
    if not isinstance(model, AdaptedModel):
        raise received("a model that `apply` returned", model=model)
    kernels: dict[str, int] = {}
    for adaptable in model.adaptable_kernels:
        count = sum(
            _size(list(weights.values())) for _, weights in model.active_adapters(adaptable)
        )
        if count:
            kernels[adaptable.kernel.path] = count
    return TrainableParameters(kernels, _size(model.model.weights))


def _size(weights: list[keras.Variable]) -> int:
    return sum(int(np.prod(w.shape)) for w in weights)
