"""The checks that make named arrays a data set."""

from collections.abc import Mapping, Sequence

import numpy as np

from keras_hadamard._core.checks import received
from keras_hadamard.datasets.input_spec import InputSpec
from keras_hadamard.datasets.split import Split


def check_classes(classes: Sequence[str], task: str) -> None:
    least = {"binary": 2, "multiclass": 2}.get(task, 1)
    if len(classes) < least:
        raise received(f"at least {'two classes' if least == 2 else 'one name'}", classes=classes)
    if task == "binary" and len(classes) != 2:
        raise received("two classes for the task 'binary'", classes=classes)
    lines = all(isinstance(name, str) and name.splitlines() == [name] for name in classes)
    if not lines or len(set(classes)) < len(classes):
        raise received("`classes` to be different strings of one line", classes=classes)


def check_split(
    name: str, split: Split, inputs: Mapping[str, InputSpec], classes: Sequence[str], task: str
) -> None:
    if set(split.inputs) != set(inputs):
        raise received(f"{name} to have the inputs {list(inputs)}", got=list(split.inputs))
    _check_targets(f"the target of {name}", split.targets, len(classes), task)
    if not len(split.targets):
        raise received(f"{name} to have examples", examples=0)
    if split.groups is not None and (
        split.groups.shape != (len(split.targets),) or split.groups.dtype.kind not in "iu"
    ):
        raise received(
            f"the groups of {name} to be integers, one for each target",
            dtype=str(split.groups.dtype),
            shape=split.groups.shape,
        )
    for key, spec in inputs.items():
        _check_input(f"`{key}` of {name}", split.inputs[key], spec, len(split.targets))


def check_variety(targets: np.ndarray, task: str) -> None:
    """Raises if all targets are the same, as nothing can be learned from them."""
    if np.ptp(targets) != 0:
        return
    if task == "regression":
        raise received("at least two different targets in train", value=float(targets.ravel()[0]))
    if task != "multilabel":
        raise received("at least two classes in train", class_=int(targets[0]))
    raise received(
        "a label that some rows of train have and others do not", value=int(targets.max())
    )


def _check_targets(name: str, targets: np.ndarray, names: int, task: str) -> None:
    got = {"dtype": str(targets.dtype), "shape": targets.shape}
    if task == "regression":
        shape = targets.shape[1:]
        if targets.dtype.kind != "f" or shape != (() if names == 1 else (names,)):
            raise received(f"{name} to be floats, {names} of each example", **got)
        check_finite(name, targets)
    elif task == "multilabel":
        if targets.dtype.kind not in "iu" or targets.shape[1:] != (names,):
            raise received(f"{name} to be integers, {names} labels of each example", **got)
        if len(targets):
            _check_range(name, targets, 2)
    else:
        if targets.ndim != 1 or targets.dtype.kind not in "iu":
            raise received(f"{name} to be a vector of integers", **got)
        if len(targets):
            _check_range(name, targets, names)


def _check_input(name: str, array: np.ndarray, spec: InputSpec, length: int) -> None:
    if len(array) != length:
        raise received(f"{name} to be as long as its target", length=len(array), target=length)
    if array.shape[1:] != spec.shape:
        raise received(f"{name} to have examples of shape {spec.shape}", shape=array.shape[1:])
    if spec.kind in ("tokens", "fields"):
        if array.dtype.kind not in "iu":
            raise received(f"{name} to be integer ids", dtype=str(array.dtype))
        if spec.vocabulary_size is not None:
            _check_range(name, array, spec.vocabulary_size)
        for column, size in enumerate(spec.vocabulary_sizes or ()):
            _check_range(f"column {column} of {name}", array[:, column], size)
    elif array.dtype.kind != "f":
        raise received(f"{name} to have a float dtype", dtype=str(array.dtype))
    else:
        check_finite(name, array)


def check_finite(name: str, array: np.ndarray) -> None:
    # The sum of finite numbers may overflow, but a sum with others is never finite.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(array.sum(dtype="float64")):
            return
    finite = np.isfinite(array)
    if not finite.all():
        raise received(f"{name} to be finite", nan_or_inf_values=int(finite.size - finite.sum()))


def _check_range(name: str, array: np.ndarray, limit: int) -> None:
    low, high = int(array.min()), int(array.max())
    if low < 0 or high >= limit:
        raise received(f"{name} to lie in [0, {limit})", smallest=low, largest=high)
