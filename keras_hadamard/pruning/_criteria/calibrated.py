"""Base class of criteria that need data: passes through the model, and norms of inputs."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard.pruning._calibration import Passes
from keras_hadamard.pruning._criteria.criterion import Criterion
from keras_hadamard.pruning._readings import readings_of


class Calibrated(Criterion):
    """Chooses for each output separately. `masks.calibrated` says whether it has seen data."""

    structures = ("weight", "n:m")
    scopes = ("layer", "erk")
    takes: tuple[str, ...] = ("calibration", "batch_size", "verbose")
    # Whether the data goes through the model more than once.
    several = False

    def cover(self, model: keras.Model, kernels: Any, coupled: Any) -> None:
        self.readings = readings_of(model, kernels, self.word)
        super().cover(model, kernels, coupled)
        self.add_norms()
        self.masks.calibrated = self.masks.state("calibrated", "bool")

    def add_norms(self) -> None:
        """Makes the variables for the statistics of the data, if they are kept."""

    def chosen(self, old: Sequence[np.ndarray], step: int, optimizer: Any) -> Iterable[np.ndarray]:
        if self.schedule.sparsity(step) and not ops.convert_to_numpy(self.masks.calibrated):
            raise received(
                f"`calibration` with criterion {self.word!r}: inputs of the model, for `prune` or "
                "for `PrunedModel.calibrate`",
                calibration=None,
            )
        return self.masks_by_data(old, step)

    def masks_by_data(self, old: Sequence[np.ndarray], step: int) -> Iterable[np.ndarray]:
        """The masks at a step, after the calibration."""
        raise NotImplementedError

    def calibrate(self, model: Any, data: Any, **options: Any) -> None:
        verbose = options.pop("verbose", 1)
        batch_size = positive_int("batch_size", options.pop("batch_size", 32))
        options = self.checked(**options)
        passes = Passes(data, batch_size, self.several, verbose)
        norms, order = self._norms(model, passes)
        self.learn(model, passes, norms, order, **options)
        self.masks.calibrated.assign(True)

    def checked(self, **options: Any) -> dict[str, Any]:
        """The criterion's own options."""
        return options

    def learn(
        self, model: Any, passes: Passes, norms: list[np.ndarray], order: list[int], **options: Any
    ) -> None:
        """Computes what it needs from the norms of the inputs, and from more passes."""
        raise NotImplementedError

    def _norms(self, model: Any, passes: Passes) -> tuple[list[np.ndarray], list[int]]:
        """The norm of each input of each kernel, and the kernels in the order of their calls."""
        squares = [np.zeros(reading.sizes[:2]) for reading in self.readings]
        counts = [0] * len(squares)
        order: list[int] = []

        def record(place: int, rows: np.ndarray, examples: int) -> None:
            if not counts[place]:
                order.append(place)
            squares[place] += np.square(rows, dtype="float64").sum(axis=0)
            counts[place] += len(rows)

        passes.run(model, self.readings, record)
        paths = [kernel.path for kernel in self.kernels]
        silent = [path for path, count in zip(paths, counts, strict=True) if not count]
        if silent:
            raise received(
                "kernels whose layers are called: other layers read these, so their inputs "
                "are not seen. Leave them out with `exclude`",
                kernels=silent,
            )
        # The root of the mean, which has the same order and fits in float32.
        norms = [np.sqrt(s / max(1, n)) for s, n in zip(squares, counts, strict=True)]
        broken = [path for path, n in zip(paths, norms, strict=True) if not np.isfinite(n).all()]
        if broken:
            raise received(
                "`calibration` that gives all layers finite inputs", kernels_with_others=broken
            )
        return norms, order
