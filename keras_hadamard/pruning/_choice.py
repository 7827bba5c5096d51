"""The masks that a pruned model has next, by the criterion that it has."""

from typing import TYPE_CHECKING

import numpy as np
from keras import ops

from keras_hadamard._checks import received
from keras_hadamard.pruning._calibrated import CALIBRATED
from keras_hadamard.pruning._criteria import Criterion
from keras_hadamard.pruning._dynamic import DYNAMIC, moved_mask, reset_slots, share_at
from keras_hadamard.pruning._wanda import wanda_mask

if TYPE_CHECKING:
    from keras_hadamard.pruning.pruned_model import PrunedModel


def next_masks(model: "PrunedModel", old: list[np.ndarray], step: int) -> list[np.ndarray]:
    """The masks of the kernels that the schedule wants at a step, on top of the old ones."""
    sparsity = model.schedule.sparsity(step)
    if model.criterion in CALIBRATED:
        return _calibrated(model, old, sparsity)
    dynamic = model.criterion in DYNAMIC
    name = "random" if dynamic else model.criterion
    criterion = Criterion(name, model.scope, model._structure, model.seed)
    scores = model.masks.scores or [None] * len(old)
    new = criterion.masks(model._kernels, old, scores, sparsity)
    return _moved(model, new, step) if dynamic else new


def _calibrated(model: "PrunedModel", old: list[np.ndarray], sparsity: float) -> list[np.ndarray]:
    if sparsity and not ops.convert_to_numpy(model.masks.calibrated):
        raise received(
            f"`calibration` with criterion {model.criterion!r}: inputs of the model, for "
            "`prune` or for `PrunedModel.calibrate`",
            calibration=None,
        )
    if model.criterion == "sparsegpt":
        # Its masks were chosen together with the weights that they leave.
        return old
    norms = [ops.convert_to_numpy(n) for n in model.masks.norms]
    together = zip(model._kernels, model._readings, norms, old, strict=True)
    return [
        wanda_mask(kernel, reading, norm, mask, model._structure, sparsity)
        for kernel, reading, norm, mask in together
    ]


def _moved(model: "PrunedModel", masks: list[np.ndarray], step: int) -> list[np.ndarray]:
    state = model.masks
    # A model that is restored at a step that is due comes here twice.
    if step <= max(model.schedule.begin_step, int(ops.convert_to_numpy(state.moved))):
        return masks
    share = share_at(model.schedule, step, model.drop_fraction or 0.0)
    if share and state.gradients and not ops.convert_to_numpy(state.seen):
        raise received(
            "a gradient of trainable kernels in a step between `on_train_batch_begin` and "
            "`on_train_batch_end` of the PruningCallback, for criterion 'rigl'",
            step=step,
        )
    new = []
    for index, (kernel, mask) in enumerate(zip(model._kernels, masks, strict=True)):
        if state.gradients:
            growth = np.abs(ops.convert_to_numpy(state.gradients[index]))
        else:
            growth = np.random.default_rng([model.seed, index, step]).random(mask.shape)
        new.append(moved_mask(mask, ops.convert_to_numpy(kernel.variable), growth, share))
        optimizer = getattr(model, "optimizer", None)
        reset_slots(optimizer, kernel.variable, new[-1] & ~mask)
    state.moved.assign(step)
    if state.gradients:
        state.seen.assign(False)
    return new
