"""Examples of a data set as they were before they became arrays, which is what clients send."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from keras_hadamard.datasets.arrays import ArrayDataset, InputSpec


def raw_examples(data: "ArrayDataset", count: int) -> dict[str, Any]:
    """The first examples of test, as `serving.preprocessing_of(data)` takes them.

    Pixels are integers again and tokens a text of their words; the rest is as it was.
    """
    if data.raw is not None:
        return {name: array[:count] for name, array in data.raw.items()}
    return {
        name: _raw(array[:count], data.inputs[name]) for name, array in data.test.inputs.items()
    }


def _raw(array: Any, spec: "InputSpec") -> Any:
    if spec.pixels is not None:
        return np.rint(array * np.iinfo(spec.pixels).max).astype(spec.pixels)
    if spec.words is None:
        return array
    unknown = "unknown"
    while unknown in spec.words:
        unknown += "x"
    words = np.array(["", unknown, *spec.words[2:]], object)
    return np.array([" ".join(words[ids[ids > 0]]) for ids in array], object)
