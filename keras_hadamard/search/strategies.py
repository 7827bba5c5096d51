"""One training on several devices, by `tf.distribute`."""

import functools
from collections.abc import Callable
from typing import Any

import keras


@functools.cache
def strategy(name: str) -> Any:
    """The strategy of that name over all accelerators, or over all logical CPUs without any."""
    import tensorflow as tf

    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return {"mirrored": tf.distribute.MirroredStrategy}[name]([d.name for d in devices])


def replicated(
    model: keras.Model, build: Callable[[], keras.Model], name: str | None
) -> keras.Model:
    """A model of the same weights that trains on all devices, or the model itself without a name.

    What is measured, saved and served is the plain model.
    """
    if name is None:
        return model
    with strategy(name).scope():
        copy = build()
    copy.set_weights(model.get_weights())
    return copy


def divisible_batch_size(examples: int, batch: int, name: str | None) -> int:
    """The largest batch up to one of which no device gets nothing, the last of an epoch included.

    Keras builds a model by the sum of what the devices get, so the first batch has to be even; and
    the mean of nothing is no number.
    """
    if name is None:
        return batch
    devices = strategy(name).num_replicas_in_sync
    batch = max(devices, min(batch, examples) // devices * devices)
    while 0 < examples % batch < devices and batch > devices:
        batch -= devices
    return batch
