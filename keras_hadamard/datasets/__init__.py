"""Data sets that need no network, and loaders that turn any data set into named arrays.

After `import keras_hadamard.datasets`, TFDS knows `digits_vqa` and `sort_of_clevr`:
`tfds.load("digits_vqa")` works. TFDS, scikit-learn, pandas and pyarrow are imported when first
used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from keras_hadamard.datasets._digit_questions import VOCABULARY, encode_question
from keras_hadamard.datasets._registration import register as _register
from keras_hadamard.datasets._tfds import available, builder, load
from keras_hadamard.datasets.arrays import ArrayDataset, Column, InputSpec, Split
from keras_hadamard.datasets.loading import load_arrays

__all__ = [
    "VOCABULARY",
    "ArrayDataset",
    "Column",
    "DigitsVQA",
    "InputSpec",
    "SortOfClevr",
    "Split",
    "available",
    "builder",
    "encode_question",
    "load",
    "load_arrays",
]

_BUILDERS = {"DigitsVQA": "digits_vqa", "SortOfClevr": "sort_of_clevr"}

_register()

if TYPE_CHECKING:
    from keras_hadamard.datasets.digits_vqa import DigitsVQA
    from keras_hadamard.datasets.sort_of_clevr import SortOfClevr
else:

    def __getattr__(name: str) -> Any:
        if name in _BUILDERS:
            return getattr(importlib.import_module(f"{__name__}.{_BUILDERS[name]}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
