"""SparseGPT: kernel by kernel, each on the inputs that the pruned kernels before it produce."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_hadamard._core.checks import non_negative, positive_int, received
from keras_hadamard.pruning._calibration import Passes
from keras_hadamard.pruning._criteria.calibrated import Calibrated
from keras_hadamard.pruning._error_compensation import chooser, columns_of, sparsegpt
from keras_hadamard.pruning._readings import Reading


class SparseGPT(Calibrated):
    """Prunes once, during calibration, and changes the weights that stay."""

    takes: tuple[str, ...] = (*Calibrated.takes, "block_size", "damping")
    several = True

    def check(self, options: dict[str, Any]) -> dict[str, Any]:
        if self.schedule.sparsity(0) != self.schedule.final_sparsity:
            raise received(
                f"one sparsity from step 0 on with criterion {self.word!r}, which prunes once and "
                "changes the weights that stay",
                schedule=self.schedule.get_config(),
            )
        return {}

    def checked(self, **options: Any) -> dict[str, Any]:
        return {
            "block_size": positive_int("block_size", options.get("block_size", 128)),
            "damping": non_negative("damping", options.get("damping", 0.01)),
        }

    def masks_by_data(self, old: Sequence[np.ndarray], step: int) -> Iterable[np.ndarray]:
        # The masks were chosen together with the weights that they keep.
        return old

    def learn(
        self, model: Any, passes: Passes, norms: list[np.ndarray], order: list[int], **options: Any
    ) -> None:
        shares = self.sparsities(0)
        for place in order:
            # One Hessian at a time: it may be as large as many kernels.
            hessian = _hessian(model, self.readings[place], passes)
            self._prune(place, hessian, shares[place], **options)

    def _prune(
        self, place: int, hessian: np.ndarray, sparsity: float, block_size: int, damping: float
    ) -> None:
        kernel, reading = self.kernels[place], self.readings[place]
        groups, inputs, _ = reading.sizes
        old = reading.to_groups(self.masks.values[place])
        weights = reading.to_groups(ops.convert_to_numpy(kernel.variable).astype("float64"))
        columns = columns_of(inputs, kernel.view[1] if groups == 1 else inputs, self.structure)
        choose = chooser(self.structure, sparsity)
        new_weights, new_mask = weights.copy(), old.copy()
        for group in range(groups):
            try:
                found, mask = sparsegpt(
                    weights[group].T, hessian[group], old[group].T, columns,
                    choose, block_size, damping,
                )  # fmt: skip
            except np.linalg.LinAlgError as error:
                raise received(
                    f"more `damping`, or more examples than {kernel.path!r} has inputs",
                    damping=damping,
                ) from error
            new_weights[group], new_mask[group] = found.T, mask.T
        shape = kernel.variable.shape
        kernel.variable.assign(reading.from_groups(new_weights, shape))
        self.masks.set_one(place, reading.from_groups(new_mask, shape))
        self.masks.apply()


def _hessian(model: Any, reading: Reading, passes: Passes) -> np.ndarray:
    groups, inputs, _ = reading.sizes
    total = np.zeros((groups, inputs, inputs))
    count = 0

    def record(place: int, rows: np.ndarray, examples: int) -> None:
        nonlocal count
        count += examples
        wide = np.moveaxis(rows, 1, 0).astype("float64")
        np.add(total, wide.transpose(0, 2, 1) @ wide, out=total)

    passes.run(model, [reading], record)
    return total * (2 / count)
