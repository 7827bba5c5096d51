"""Dynamic sparse training: at times the smallest weights are pruned and others grow."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_hadamard._core.checks import fraction, received
from keras_hadamard.pruning._criteria.random_choice import RandomChoice
from keras_hadamard.pruning.schedules import ConstantSparsity


class Dynamic(RandomChoice):
    """Random masks at first; when an update is due, weights grow where `growth` is greatest.

    `masks.moved` is the step of the last update.
    """

    structures = ("weight",)
    scopes = ("layer", "erk")
    takes = ("drop_fraction",)

    def check(self, options: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(self.schedule, ConstantSparsity) or self.schedule.end_step is None:
            raise received(
                f"a ConstantSparsity with an `end_step` for criterion {self.word!r}, which moves "
                "fewer weights the nearer it is to the end",
                schedule=type(self.schedule).__name__,
                end_step=self.schedule.end_step,
            )
        return {"drop_fraction": fraction("drop_fraction", options.get("drop_fraction", 0.3))}

    def cover(self, *args: Any) -> None:
        super().cover(*args)
        self.masks.moved = self.masks.state("moved", "int64")

    def growth(self, index: int, step: int) -> np.ndarray:
        """A number for each weight of a kernel; weights with the greatest numbers grow."""
        raise NotImplementedError

    def chosen(self, old: Sequence[np.ndarray], step: int, optimizer: Any) -> Iterable[np.ndarray]:
        masks = super().chosen(old, step, optimizer)
        # A model that is restored at a due step would update twice.
        if step <= max(self.schedule.begin_step, int(ops.convert_to_numpy(self.masks.moved))):
            return masks
        share = share_at(self.schedule, step, self.options["drop_fraction"])
        new = []
        for index, (kernel, mask) in enumerate(zip(self.kernels, masks, strict=True)):
            growth = self.growth(index, step) if share else np.zeros(mask.shape)
            weights = ops.convert_to_numpy(kernel.variable)
            new.append(moved_mask(mask, weights, growth, share))
            reset_slots(optimizer, kernel.variable, new[-1] & ~mask)
        self.masks.moved.assign(step)
        return new


def share_at(schedule: Any, step: int, start: float) -> float:
    """The share of the weights that move at a step: half a cosine from `start` to 0 at the end."""
    length = max(1, schedule.end_step - schedule.begin_step)
    done = min(1.0, max(0.0, (step - schedule.begin_step) / length))
    return start * (1 + math.cos(math.pi * done)) / 2


def moved_mask(
    mask: np.ndarray, weights: np.ndarray, growth: np.ndarray, share: float
) -> np.ndarray:
    """The mask without the smallest weights, and with as many of the greatest `growth`.

    A weight that was just pruned may grow again at once, and then keeps its value.
    """
    alive = int(np.count_nonzero(mask))
    moving = int(share * alive + 1e-9)
    size = np.where(mask, np.abs(weights), -1.0).ravel()
    new = np.zeros(mask.size, bool)
    new[np.argsort(-size, kind="stable")[: alive - moving]] = True
    candidates = np.where(new, -np.inf, growth.ravel())
    new[np.argsort(-candidates, kind="stable")[:moving]] = True
    return new.reshape(mask.shape)


def reset_slots(optimizer: Any, variable: Any, places: np.ndarray) -> None:
    """Sets an optimizer's slots of a variable to zero at some positions."""
    if optimizer is None or not optimizer.built or not places.any():
        return
    # As Keras names an optimizer's slots of a variable.
    prefix = variable.path.replace("/", "_") + "_"
    for slot in optimizer.variables:
        if slot.name.startswith(prefix) and tuple(slot.shape) == tuple(variable.shape):
            slot.assign(np.where(places, 0, ops.convert_to_numpy(slot)))
