"""Dynamic sparse training: at some steps the smallest weights go and others grow in their place."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from keras_hadamard._checks import fraction, received
from keras_hadamard._typing import Tensor
from keras_hadamard.pruning._masks import Masks
from keras_hadamard.pruning._structures import Structure
from keras_hadamard.pruning.constant_sparsity import ConstantSparsity

DYNAMIC = ("rigl", "set")


def check_dynamic(
    criterion: str, structure: Structure, scope: str, schedule: Any, drop_fraction: Any
) -> float | None:
    """The share that goes first; None with criteria under which nothing grows."""
    if criterion not in DYNAMIC:
        if drop_fraction is not None:
            raise received(
                "`drop_fraction` only with criterion 'rigl' or 'set'", criterion=criterion
            )
        return None
    if structure.kind != "weight":
        raise received(f"`structure` None with criterion {criterion!r}", structure=structure.kind)
    if scope != "layer":
        raise received(f"scope 'layer' with criterion {criterion!r}", scope=scope)
    if not isinstance(schedule, ConstantSparsity) or schedule.end_step is None:
        raise received(
            f"a ConstantSparsity with an `end_step` for criterion {criterion!r}, which moves fewer "
            "weights the nearer it is to the end",
            schedule=type(schedule).__name__,
            end_step=schedule.end_step,
        )
    return 0.3 if drop_fraction is None else fraction("drop_fraction", drop_fraction)


def share_at(schedule: Any, step: int, start: float) -> float:
    """The share of the weights that move at a step: half a cosine from `start` to 0 at the end."""
    length = max(1, schedule.end_step - schedule.begin_step)
    done = min(1.0, max(0.0, (step - schedule.begin_step) / length))
    return start * (1 + math.cos(math.pi * done)) / 2


def moved_mask(
    mask: np.ndarray, weights: np.ndarray, growth: np.ndarray, share: float
) -> np.ndarray:
    """The mask without the smallest weights, and with as many of the greatest `growth`.

    What has just gone may grow at once, and keeps its weight then.
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
    """Sets to zero what an optimizer keeps of some places of a variable."""
    if optimizer is None or not optimizer.built or not places.any():
        return
    # As Keras names what an optimizer keeps of a variable.
    prefix = variable.path.replace("/", "_") + "_"
    for slot in optimizer.variables:
        if slot.name.startswith(prefix) and tuple(slot.shape) == tuple(variable.shape):
            slot.assign(np.where(places, 0, ops.convert_to_numpy(slot)))


def watched(masks: Masks, index: int, w: Tensor) -> Tensor:
    """`w`, whose gradient is kept, that of pruned places too, when it is computed in a due step.

    So a gradient costs no pass of its own, whatever the data and whoever writes the loop.
    """

    @ops.custom_gradient
    def watch(w: Tensor) -> tuple[Tensor, Callable[..., Tensor]]:
        def gradient(*args: Any, upstream: Any = None) -> Tensor:
            upstream = args[0] if upstream is None else upstream
            kept, due = masks.gradients[index], ops.convert_to_tensor(masks.due)
            kept.assign(ops.where(due, ops.cast(upstream, kept.dtype), kept))
            masks.seen.assign(ops.logical_or(due, masks.seen))
            return upstream

        return w, gradient

    return watch(w)
