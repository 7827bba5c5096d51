"""The criteria that look at data: what `PrunedModel.calibrate` does."""

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from keras_hadamard._checks import non_negative, positive_int, received
from keras_hadamard.pruning._calibration import Passes
from keras_hadamard.pruning._readings import Reading
from keras_hadamard.pruning._sparsegpt import chooser, columns_of, sparsegpt
from keras_hadamard.pruning._structures import Structure
from keras_hadamard.pruning._wanda import input_norms

if TYPE_CHECKING:
    from keras_hadamard.pruning.pruned_model import PrunedModel

CALIBRATED = ("wanda", "sparsegpt")


def check_calibrated(criterion: str, structure: Structure, scope: str, schedule: Any) -> None:
    """Refuses what goes with no choice that is made output by output."""
    if criterion not in CALIBRATED:
        return
    if structure.kind not in ("weight", "n:m"):
        raise received(
            f"`structure` None or 'N:M' with criterion {criterion!r}", structure=structure.kind
        )
    if scope != "layer":
        raise received(f"scope 'layer' with criterion {criterion!r}", scope=scope)
    if criterion == "sparsegpt" and schedule.sparsity(0) != schedule.final_sparsity:
        raise received(
            "one sparsity from step 0 on with criterion 'sparsegpt', which prunes once and changes "
            "the weights that stay",
            schedule=schedule.get_config(),
        )


def check_options(criterion: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options of a calibration that are given, if they belong to the criterion."""
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        owners = ("sparsegpt",) if name in ("block_size", "damping") else CALIBRATED
        if criterion not in owners:
            raise received(
                f"`{name}` only with criterion {' or '.join(map(repr, owners))}",
                criterion=criterion,
            )
    return given


def calibrate(
    model: "PrunedModel", data: Any, batch_size: Any, block_size: Any, damping: Any, verbose: Any
) -> None:
    """Norms of inputs for `wanda`; new weights and masks for `sparsegpt`."""
    if model.criterion not in CALIBRATED:
        raise received(
            f"a model pruned by criterion {' or '.join(map(repr, CALIBRATED))}",
            criterion=model.criterion,
        )
    batch_size = 32 if batch_size is None else positive_int("batch_size", batch_size)
    block_size = 128 if block_size is None else positive_int("block_size", block_size)
    damping = 0.01 if damping is None else non_negative("damping", damping)
    several = model.criterion == "sparsegpt"
    passes = Passes(data, batch_size, several, 1 if verbose is None else verbose)
    norms, order = input_norms(model.model, model._readings, passes)
    paths = [kernel.path for kernel in model._kernels]
    silent = [path for place, path in enumerate(paths) if place not in order]
    if silent:
        raise received(
            "kernels whose layers are called: other layers read these, so that their inputs are "
            "not seen. Leave them out by `exclude`",
            kernels=silent,
        )
    broken = [path for path, n in zip(paths, norms, strict=True) if not np.isfinite(n).all()]
    if broken:
        raise received(
            "`calibration` of which all layers get finite inputs", kernels_with_others=broken
        )
    if several:
        _prune_in_order(model, passes, order, block_size, damping)
    else:
        for variable, norm in zip(model.masks.norms, norms, strict=True):
            variable.assign(norm)
    model.masks.calibrated.assign(True)


def _prune_in_order(
    model: "PrunedModel", passes: Passes, order: list[int], block_size: int, damping: float
) -> None:
    """Each kernel for inputs that the pruned ones before it make, with one Hessian at a time."""
    sparsity = model.schedule.final_sparsity
    structure = model._structure
    masks = model.get_masks()
    for place in order:
        kernel, reading = model._kernels[place], model._readings[place]
        hessian = _hessian(model.model, reading, passes)
        groups, inputs, _ = reading.sizes
        old = reading.to_groups(masks[kernel.path])
        weights = reading.to_groups(ops.convert_to_numpy(kernel.variable).astype("float64"))
        columns = columns_of(inputs, kernel.view[1] if groups == 1 else inputs, structure)
        new_weights, new_mask = weights.copy(), old.copy()
        for group in range(groups):
            try:
                found, mask = sparsegpt(
                    weights[group].T, hessian[group], old[group].T, columns,
                    chooser(structure, sparsity), block_size, damping,
                )  # fmt: skip
            except np.linalg.LinAlgError as error:
                raise received(
                    f"more `damping`, or more examples than the inputs of {kernel.path!r}",
                    damping=damping,
                ) from error
            new_weights[group], new_mask[group] = found.T, mask.T
        shape = kernel.variable.shape
        kernel.variable.assign(reading.from_groups(new_weights, shape))
        model.set_masks({kernel.path: reading.from_groups(new_mask, shape)})


def _hessian(model: keras.Model, reading: Reading, passes: Passes) -> np.ndarray:
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
