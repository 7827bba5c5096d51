"""What an adapted model knows while it is being called."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras

from keras_hadamard._core.typing import Tensor


class Running(threading.local):
    """Whether the model is being called, in this thread, and which layers it came to."""

    def __init__(self) -> None:
        self.depth = 0
        self.formed: set[int] = set()
        self.reached: set[int] = set()
        # The places whose layers are computing now.
        self.within: list[int] = []

    @contextmanager
    def among(self, formed: set[int]) -> Iterator[None]:
        before = self.formed
        self.depth, self.formed, self.reached = self.depth + 1, formed, set()
        try:
            yield
        finally:
            self.depth, self.formed = self.depth - 1, before

    @contextmanager
    def inside(self, place: int) -> Iterator[None]:
        self.within.append(place)
        try:
            yield
        finally:
            self.within.pop()

    def includes(self, place: int) -> bool:
        """Whether the layer at the place is to compute its adapters."""
        if not self.depth or place in self.formed:
            return False
        self.reached.add(place)
        return True


class Reading(keras.StatelessScope):
    """A scope that notes which kernels are read by others than their own layer."""

    def __init__(
        self, values: list[tuple[Any, Tensor]], places: Mapping[int, int], running: Running
    ) -> None:
        super().__init__(values, collect_losses=True)
        self._places = places
        self._running = running
        self.read: set[int] = set()

    def get_current_value(self, variable: Any) -> Any:
        place = self._places.get(id(variable))
        if place is not None and place not in self._running.within:
            self.read.add(place)
        return super().get_current_value(variable)
