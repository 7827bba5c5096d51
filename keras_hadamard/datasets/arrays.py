"""A data set as named arrays, ready for `Model.fit`."""

from dataclasses import dataclass

import keras
import numpy as np

from keras_hadamard._core.checks import one_of, received
from keras_hadamard.datasets import _array_checks as checks
from keras_hadamard.datasets.column import Column
from keras_hadamard.datasets.input_spec import KINDS, InputSpec
from keras_hadamard.datasets.split import SPLITS, Split

__all__ = ["KINDS", "SPLITS", "TASKS", "ArrayDataset", "Column", "InputSpec", "Split"]

TASKS = ("binary", "multiclass", "multilabel", "regression")


@dataclass(frozen=True, eq=False)
class ArrayDataset:
    """A data set in memory: named inputs, targets, three splits.

    Made by `keras_hadamard.datasets.load_arrays`, or by hand: its arguments are checked.

    Args:
        name: String.
        inputs: Dictionary from input name to `InputSpec`.
        train: `Split` to fit.
        validation: `Split` to choose by.
        test: `Split` to report on.
        classes: Tuple of names: of the classes, if a target is an index; of the labels, if a target
            is a row of 0 and 1; of the numbers to predict for regression.
        task: String: `"binary"`, `"multiclass"`, `"multilabel"` or `"regression"`. Defaults to
            `None`, one of the first two by the number of classes.
        columns: Tuple of `Column`, the inferences of a loader. Defaults to `()`.
        warnings: Tuple of strings of one line, suspicious properties. Defaults to `()`.
        preprocessing: `keras.Model` from a dict of raw inputs, as in requests, to a dict of the
            arrays in `inputs`: it made the arrays. A saved one loads if `keras_hadamard.datasets`
            is imported. Defaults to `None`, nothing was done.
        raw: Dictionary of a few rows of test, as inputs of `preprocessing`. Defaults to `None`.

    Raises:
        ValueError: If a split is empty, its arrays differ in length or from their `InputSpec`,
            a number is not finite, a token or a target is out of range, names of classes are
            repeated, or all targets of training are the same.

    Example:

    >>> import keras_hadamard, numpy as np
    >>> datasets = keras_hadamard.datasets
    >>> split = datasets.Split({"x": np.zeros((4, 3), "float32")}, np.array([0, 1, 0, 1], "int32"))
    >>> data = datasets.ArrayDataset(
    ...     "mine", {"x": datasets.InputSpec("vector", (3,))}, split, split, split, ("no", "yes")
    ... )
    >>> len(data.train), data.task, data.classes
    (4, 'binary', ('no', 'yes'))
    """

    name: str
    inputs: dict[str, InputSpec]
    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]
    # Always a string after `__post_init__`.
    task: str = None  # type: ignore[assignment]
    columns: tuple[Column, ...] = ()
    warnings: tuple[str, ...] = ()
    preprocessing: keras.Model | None = None
    raw: dict[str, np.ndarray] | None = None

    def __post_init__(self) -> None:
        if not self.inputs:
            raise received("at least one input", inputs=self.inputs)
        if self.task is None:
            task = "binary" if len(self.classes) == 2 else "multiclass"
            object.__setattr__(self, "task", task)
        one_of("task", self.task, TASKS)
        checks.check_classes(self.classes, self.task)
        for name in SPLITS:
            checks.check_split(name, getattr(self, name), self.inputs, self.classes, self.task)
        checks.check_variety(self.train.targets, self.task)
        if (self.preprocessing is None) != (self.raw is None):
            raise received(
                "`raw` rows with `preprocessing`, and only then",
                preprocessing=self.preprocessing,
                raw=self.raw,
            )
