"""The model made of all encoders, and its application to raw rows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_hadamard.datasets._encoders import Encoder, Raw

_NUMBERS_AT_ONCE = 4_000_000


def model_of(encoders: Sequence[Encoder]) -> keras.Model:
    """From a dict of raw inputs to a dict of the arrays that a network takes."""
    inputs: dict[str, keras.KerasTensor] = {}
    outputs: dict[str, keras.KerasTensor] = {}
    for encoder in encoders:
        tensors = encoder.tensors()
        inputs |= tensors
        outputs[encoder.name] = encoder.encode(tensors)
    return keras.Model(inputs, outputs, name="preprocessing")


def apply(model: keras.Model, splits: Mapping[str, Raw]) -> dict[str, Raw]:
    """Applies the model in batches that fit the memory, on a CPU, which strings need."""
    specs = {
        name: tf.TensorSpec(tensor.shape, tensor.dtype, name)
        for name, tensor in model.input.items()
    }

    def call(rows: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return model(rows, training=False)

    with tf.device("/CPU:0"):
        traced = tf.function(call, autograph=False).get_concrete_function(specs)
        return {split: _in_batches(traced, specs, raw) for split, raw in splits.items()}


def _in_batches(
    call: Callable[..., Any], specs: Mapping[str, tf.TensorSpec], raw: Mapping[str, np.ndarray]
) -> Raw:
    length = len(next(iter(raw.values())))
    width = sum(int(np.prod(spec.shape[1:])) for spec in specs.values())
    step = max(1, min(8_192, _NUMBERS_AT_ONCE // width))
    made: Raw = {}
    for start in range(0, length, step):
        rows = {
            name: tf.constant(raw[name][start : start + step], spec.dtype)
            for name, spec in specs.items()
        }
        for name, value in call(rows).items():
            part = value.numpy()
            if name not in made:
                made[name] = np.empty((length, *part.shape[1:]), part.dtype)
            made[name][start : start + len(part)] = part
    return made
