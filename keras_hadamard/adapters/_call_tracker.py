"""State of an adapted model while it is being called."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras

from keras_hadamard._core.typing import Tensor


class CallTracker(threading.local):
    """Whether the model is being called in this thread, and which layers were reached."""

    def __init__(self) -> None:
        self.depth = 0
        self.materialized: set[int] = set()
        self.visited: set[int] = set()
        # The positions whose layers are computing now.
        self.computing: list[int] = []

    @contextmanager
    def track(self, materialized: set[int]) -> Iterator[None]:
        before = self.materialized
        self.depth, self.materialized, self.visited = self.depth + 1, materialized, set()
        try:
            yield
        finally:
            self.depth, self.materialized = self.depth - 1, before

    @contextmanager
    def inside(self, place: int) -> Iterator[None]:
        self.computing.append(place)
        try:
            yield
        finally:
            self.computing.pop()

    def visit(self, place: int) -> bool:
        """Whether the layer at the position has to compute its adapters."""
        if not self.depth or place in self.materialized:
            return False
        self.visited.add(place)
        return True


class ReadScope(keras.StatelessScope):
    """A scope that records which kernels other layers than their own read."""

    def __init__(
        self, values: list[tuple[Any, Tensor]], places: Mapping[int, int], tracker: CallTracker
    ) -> None:
        super().__init__(values, collect_losses=True)
        self._places = places
        self._tracker = tracker
        self.read: set[int] = set()

    def get_current_value(self, variable: Any) -> Any:
        place = self._places.get(id(variable))
        if place is not None and place not in self._tracker.computing:
            self.read.add(place)
        return super().get_current_value(variable)
