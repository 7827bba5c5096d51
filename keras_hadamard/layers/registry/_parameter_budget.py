"""Width of a layer within a number of parameters."""

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras

from keras_hadamard._core.checks import received

# The maximum width, for any budget.
MAX_WIDTH = 2**16


class Widths:
    """The sizes of a fusion, by the argument that makes it wider.

    A fusion without such an argument, or with a given value for it, has one size.
    """

    def __init__(
        self,
        make: Callable[..., keras.layers.Layer],
        units: int,
        shapes: Sequence[Any],
        arguments: Mapping[str, Any],
    ) -> None:
        self.make, self.units, self.shapes, self.arguments = make, units, shapes, arguments
        argument: str | None = getattr(make, "width_argument", None)
        self.several: bool = getattr(make, "several_widths", False)
        self.argument = None if argument in arguments else argument

    def named(self, width: int) -> dict[str, Any]:
        """A width as the fusion's argument."""
        if self.argument is None:
            return {}
        # The only width that is a list: the hidden layers of a perceptron.
        return {self.argument: (width,) if self.several else width}

    def parameters(self, width: int) -> int:
        """The number of trainable parameters of the fusion at a width."""
        return parameters(
            self.make, self.units, self.shapes, {**self.arguments, **self.named(width)}
        )

    def narrowest(self) -> tuple[int, int]:
        """The smallest width, and its parameters: each chunk of a width needs a unit."""
        if self.argument is None:
            return 1, self.parameters(1)
        return narrowest(self.parameters)

    def widest(self, limit: int) -> dict[str, Any]:
        """The greatest width within a number of parameters, as the fusion's argument."""
        low, least = self.narrowest()
        if least > limit:
            name = getattr(self.make, "__name__", self.make)
            raise received(
                f"`max_parameters` of at least {least:,}, the fewest of `{name}` for these inputs",
                max_parameters=limit,
            )
        if self.argument is None:
            return {}
        return self.named(widest(self.parameters, limit, low))


def narrowest(count: Callable[[int], int]) -> tuple[int, int]:
    """The smallest width whose parameters can be counted, and their number."""
    below, width, least = 0, 1, None
    while least is None:
        try:
            least = count(width)
        except ValueError:
            if width >= MAX_WIDTH:
                raise
            below, width = width, 2 * width
    while width - below > 1:
        middle = (below + width) // 2
        try:
            width, least = middle, count(middle)
        except ValueError:
            below = middle
    return width, least


def widest(count: Callable[[int], int], limit: int, low: int) -> int:
    """The greatest width within a number of parameters, if `low` is one."""
    above = 2 * low
    while above < MAX_WIDTH and count(above) <= limit:
        low, above = above, 2 * above
    while above - low > 1:
        middle = (low + above) // 2
        low, above = (middle, above) if count(middle) <= limit else (low, middle)
    return low


def parameters(
    make: Callable[..., keras.layers.Layer],
    units: int,
    shapes: Sequence[Any],
    arguments: Mapping[str, Any],
) -> int:
    """The number of trainable parameters of a layer, without allocating them."""
    policy = keras.config.dtype_policy()

    def count() -> int:
        keras.config.set_dtype_policy(policy)
        # Variables made in this scope are initialised later, which here never happens.
        with keras.StatelessScope(initialize_variables=False):
            layer = make(units, **arguments)
            layer.build([tuple(shape) for shape in shapes])
            return sum(math.prod(v.shape) for v in layer.trainable_variables)

    # Keras keeps uninitialised variables, and counters of layer names, per thread.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(count).result()
