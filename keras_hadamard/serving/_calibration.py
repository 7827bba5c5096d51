"""Which rows of the examples calibrate eight bits, and which ones they are judged on."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from keras_hadamard._core.checks import received

Arrays = Mapping[str, np.ndarray]
# One row of so many is held out of the calibration, and none where there are fewer.
_SHARE = 5


@dataclass(frozen=True)
class Calibration:
    """The rows to calibrate with, those to compare on, and whether the latter are other ones."""

    rows: dict[str, np.ndarray]
    judged: dict[str, np.ndarray]
    held_out: bool
    # The place of the first row that is compared on.
    start: int


def split(examples: Arrays) -> Calibration:
    """Holds out the last fifth of the rows."""
    count = min(len(array) for array in examples.values())
    start = count - count // _SHARE
    if start == count:
        return Calibration(dict(examples), dict(examples), False, 0)
    return Calibration(
        {name: array[:start] for name, array in examples.items()},
        {name: array[start:count] for name, array in examples.items()},
        True,
        start,
    )


def check_examples(specs: Mapping[str, tf.TensorSpec], examples: Arrays) -> None:
    """Refuses examples that are no rows of the inputs, or that the model was not trained on.

    Pixels are integers without a sign. As floats they are 255 times what most models take, and
    ranges that are measured on them leave such a model a single step of eight bits.
    """
    for name, spec in specs.items():
        array = examples[name]
        if not array.shape or not array.shape[0] or not spec.shape.is_compatible_with(array.shape):
            raise received(f"`examples[{name!r}]` of shape {spec.shape}", shape=array.shape)
        if spec.dtype.is_floating and array.dtype.kind == "u":
            raise received(
                f"`examples[{name!r}]` as the floats that the model was trained on, such as pixels "
                "divided by 255 (or .astype('float32') if it takes the integers' own values)",
                dtype=str(array.dtype),
                largest=array.max().item(),
            )
    counts = {name: len(examples[name]) for name in specs}
    if len(set(counts.values())) > 1:
        raise received("`examples` of one number of rows", rows=counts)


def rows_of(arrays: Arrays) -> list[dict[str, np.ndarray]]:
    """The rows one by one, each a batch of one."""
    count = min(len(array) for array in arrays.values())
    return [{name: array[i : i + 1] for name, array in arrays.items()} for i in range(count)]
