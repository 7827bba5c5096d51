"""The preprocessing of a data set, as a model for requests."""

from typing import TYPE_CHECKING

import keras
import numpy as np

from keras_hadamard._core.typing import Tensor
from keras_hadamard.datasets._text_encoder import tokens_of_text

if TYPE_CHECKING:
    from keras_hadamard.datasets.arrays import ArrayDataset


def preprocessing_of(data: "ArrayDataset") -> keras.Model | None:
    """Returns the preprocessing that made a data set's examples arrays, as a Keras model.

    That is `data.preprocessing`, by which `load_arrays` made the arrays. Of a data set made by hand
    it is what its `inputs` say: images that were scaled take pixels as unsigned integers, tokens
    that were made of a text take the text. `ExportOptions(preprocessing=...)` puts the model into
    the exported graph.

    Args:
        data: `keras_hadamard.datasets.ArrayDataset`.

    Returns:
        A `keras.Model` from a dict of inputs to a dict of inputs, or None if nothing was done.

    Example:

    >>> import keras_hadamard, numpy as np
    >>> datasets = keras_hadamard.datasets
    >>> split = datasets.Split({"x": np.zeros((4, 2, 2, 1), "float32")}, np.arange(4) % 2)
    >>> spec = datasets.InputSpec("image", (2, 2, 1), pixels="uint8")
    >>> data = datasets.ArrayDataset("mine", {"x": spec}, split, split, split, ("no", "yes"))
    >>> before = keras_hadamard.serving.preprocessing_of(data)
    >>> before.input["x"].dtype, before({"x": np.full((1, 2, 2, 1), 255, "uint8")})["x"].dtype
    ('uint8', tf.float32)
    """
    if data.preprocessing is not None:
        return data.preprocessing
    inputs: dict[str, Tensor] = {}
    outputs: dict[str, Tensor] = {}
    for name, spec in data.inputs.items():
        if spec.pixels is not None:
            inputs[name] = keras.Input(spec.shape, dtype=spec.pixels, name=name)
            scale = 1 / np.iinfo(spec.pixels).max
            outputs[name] = keras.layers.Rescaling(scale)(inputs[name])
        elif spec.words is not None:
            inputs[name] = keras.Input((), dtype="string", name=name)
            outputs[name] = tokens_of_text(inputs[name], spec)
    return keras.Model(inputs, outputs) if inputs else None
