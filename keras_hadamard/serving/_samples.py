"""Inputs to try a model on, and Keras's outputs for them, kept beside the SavedModel."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_hadamard import config
from keras_hadamard._core.checks import received
from keras_hadamard._core.introspection.private import all_layers
from keras_hadamard.serving._endpoint import Endpoint
from keras_hadamard.serving._loader import Batches, Calls, load_calls, save_calls
from keras_hadamard.serving._lookups import lookups_of

BATCH_SIZES = (1, 3, 8)
# For dimensions that a model leaves open. Some strided convolutions deep, it is still not empty.
_OPEN_SIZE = 16
# The server reads one file of this folder, `tf_serving_warmup_requests`, and ignores all others.
_INPUTS = Path("assets.extra", "check_inputs.npz")
_OUTPUTS = Path("assets.extra", "check_outputs.npz")


def random_inputs(
    specs: Mapping[str, tf.TensorSpec],
    vocabulary: int = 2,
    sizes: Iterable[int] = BATCH_SIZES,
) -> Batches:
    """The same random inputs at each call: normal floats, integers below `vocabulary`."""
    generator = np.random.default_rng(0)

    def values(spec: tf.TensorSpec, batch: int) -> np.ndarray:
        shape = (batch, *(size or _OPEN_SIZE for size in spec.shape.as_list()[1:]))
        if spec.dtype == tf.string:
            return np.full(shape, b"a")
        if spec.dtype.is_bool:
            return generator.integers(0, 2, shape).astype(bool)
        if spec.dtype.is_integer:
            return generator.integers(0, vocabulary, shape).astype(spec.dtype.as_numpy_dtype)
        return generator.standard_normal(shape).astype(spec.dtype.as_numpy_dtype)

    return {batch: {name: values(spec, batch) for name, spec in specs.items()} for batch in sizes}


def example_inputs(
    specs: Mapping[str, tf.TensorSpec],
    examples: Mapping[str, np.ndarray],
    sizes: Iterable[int] = BATCH_SIZES,
) -> Batches:
    """Batches made of the rows of `examples`, over and over where they are too few."""
    for name, spec in specs.items():
        shape = examples[name].shape
        if not shape or not shape[0] or not spec.shape.is_compatible_with(shape):
            raise received(f"`examples[{name!r}]` of shape {spec.shape}", shape=shape)
    return {
        batch: {
            name: np.take(examples[name], np.arange(batch) % len(examples[name]), axis=0).astype(
                spec.dtype.as_numpy_dtype
            )
            for name, spec in specs.items()
        }
        for batch in sizes
    }


def as_arrays(examples: Mapping[str, Any] | None) -> dict[str, np.ndarray] | None:
    """The examples as arrays, from any form they are given in."""
    if examples is None:
        return None
    if not isinstance(examples, Mapping):
        raise received("`examples` to be a dict of arrays", examples=examples)
    return {name: np.asarray(value) for name, value in examples.items()}


def inputs_for(
    model: keras.Model,
    endpoint: Endpoint,
    examples: Mapping[str, np.ndarray] | None,
    sizes: Iterable[int] = BATCH_SIZES,
) -> Batches:
    """Batches to try an endpoint of a model on: of examples if there are some of all its inputs."""
    if examples is None or not set(endpoint.specs) <= set(examples):
        return random_inputs(endpoint.specs, vocabulary_of(model), sizes)
    return example_inputs(endpoint.specs, examples, sizes)


def vocabulary_of(model: keras.Model) -> int:
    """An upper end for integer inputs that is inside every vocabulary of the model."""
    sizes = [
        layer.input_dim for layer in all_layers(model) if isinstance(layer, keras.layers.Embedding)
    ]
    # Columns that share a table have fewer ids than it has rows.
    sizes += [int(np.min(lookup.high)) for lookup in lookups_of(model)]
    return max(min(sizes, default=2), 1)


def keras_outputs(endpoint: Endpoint, inputs: Batches) -> Batches:
    """The Keras model's outputs, computed as the checks' loader does: on a CPU, without XLA."""

    def answer(values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        tensors = {
            name: tf.convert_to_tensor(values[name])
            if spec.dtype == tf.string
            else tf.cast(values[name], spec.dtype)
            for name, spec in endpoint.specs.items()
        }
        outputs = endpoint.call(tensors)
        # TensorFlow's numpy(), because Keras's conversion of bfloat16 warns.
        return {name: tf.convert_to_tensor(value).numpy() for name, value in outputs.items()}

    # A GPU may round float32 products to TF32, which is not what a server on a CPU does.
    with tf.device("/CPU:0"), config.eager_compile_scope(False):
        return {batch: answer(values) for batch, values in inputs.items()}


def write_record(path: Path, inputs: Calls, outputs: Calls) -> None:
    (path / _INPUTS).parent.mkdir(exist_ok=True)
    save_calls(path / _INPUTS, inputs)
    save_calls(path / _OUTPUTS, outputs)


def read_record(path: Path) -> tuple[Calls, Calls] | None:
    """Inputs and outputs that `export` recorded, or None in a SavedModel of other origin."""
    if not (path / _INPUTS).is_file() or not (path / _OUTPUTS).is_file():
        return None
    return load_calls(path / _INPUTS), load_calls(path / _OUTPUTS)
