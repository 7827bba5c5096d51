"""What a data set did to its examples, as a model for requests."""

from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from keras_hadamard._core.typing import Tensor

if TYPE_CHECKING:
    from keras_hadamard.datasets.arrays import ArrayDataset, InputSpec


def preprocessing_of(data: "ArrayDataset") -> keras.Model | None:
    """What was done to a data set's examples before they were arrays, as a Keras model.

    Images that were scaled take pixels as unsigned integers, tokens that were made of a text take
    the text: `ExportOptions(preprocessing=...)` puts that into the exported graph, under the same
    names of inputs.

    Args:
        data: `keras_hadamard.datasets.ArrayDataset`, whose `inputs` say what was done.

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
    inputs: dict[str, Tensor] = {}
    outputs: dict[str, Tensor] = {}
    for name, spec in data.inputs.items():
        if spec.pixels is not None:
            inputs[name] = keras.Input(spec.shape, dtype=spec.pixels, name=name)
            scale = 1 / np.iinfo(spec.pixels).max
            outputs[name] = keras.layers.Rescaling(scale)(inputs[name])
        elif spec.words is not None:
            inputs[name] = keras.Input((), dtype="string", name=name)
            outputs[name] = _tokens(inputs[name], spec)
    return keras.Model(inputs, outputs) if inputs else None


def _tokens(text: Tensor, spec: "InputSpec") -> Tensor:
    layer = keras.layers.TextVectorization(
        standardize=_words_alone,
        split="whitespace",
        output_sequence_length=spec.shape[0],
        vocabulary=list((spec.words or ())[2:]),
    )
    return keras.ops.cast(layer(text), "int32")


def _words_alone(text: Tensor) -> Tensor:
    """Lower case, with a space for all that is no letter, digit or underscore."""
    return tf.strings.regex_replace(tf.strings.lower(text, "utf-8"), r"[^\pL\pN_]+", " ")
