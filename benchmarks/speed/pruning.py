"""Rows of the extra cost of a training step of a pruned model, mask updates included."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.speed.measure import compare, median_time
from benchmarks.speed.rows import Result, mode, row
from keras_hadamard import pruning


def _conv_net() -> keras.Model:
    layers: list[Any] = [keras.Input((32, 32, 3))]
    for filters in (32, 64, 128):
        layers.append(keras.layers.Conv2D(filters, 3, padding="same", use_bias=False))
        layers += [keras.layers.BatchNormalization(), keras.layers.ReLU()]
        layers.append(keras.layers.MaxPooling2D())
    return keras.Sequential([*layers, keras.layers.Flatten(), keras.layers.Dense(10)])


def _mlp() -> keras.Model:
    hidden = [keras.layers.Dense(512, activation="relu") for _ in range(3)]
    return keras.Sequential([keras.Input((784,)), *hidden, keras.layers.Dense(10)])


NETS = (("conv net", _conv_net, 32), ("MLP", _mlp, 256), ("MLP", _mlp, 128))


def _step(model: keras.Model, x: Any, y: Any, callback: Any) -> Callable[[], None]:
    def run() -> None:
        if callback is not None:
            callback.on_train_batch_begin(0)
        model.train_on_batch(x, y)
        if callback is not None:
            callback.on_epoch_begin(0)
            callback.on_train_batch_end(0)

    return run


@row
def pruned_training(repeats: int, quick: bool) -> Iterator[Result]:
    rng = np.random.default_rng(0)
    # Masks change between the turns, and their update is timed apart: one of a hundred steps would
    # not be seen in a median.
    schedule = pruning.PolynomialDecay(0.9, end_step=10**6, frequency=10**5)
    every = pruning.PolynomialDecay(0.9, end_step=1).frequency
    for name, make, batch in NETS:
        model = make()
        x = tf.constant(rng.standard_normal((batch, *model.input_shape[1:]), "float32"))
        y = tf.constant(rng.integers(0, 10, batch))
        # A movement's scores are as many weights again to train: that is reported, not bounded.
        for criterion, bound in (("magnitude", "<= 1.10"), ("movement", ">= 0")):
            for jit in (False, True):
                pruned = pruning.prune(model, schedule, criterion=criterion)
                plain = keras.models.clone_model(model)
                for candidate in (pruned, plain):
                    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
                    candidate.compile("adam", loss, jit_compile=jit)
                callback = pruning.PruningCallback()
                callback.set_model(pruned)
                callback.on_train_begin()
                runs = _step(pruned, x, y, callback), _step(plain, x, y, None)
                timing = compare(*runs, repeats if quick else 20 * repeats)
                update = median_time(partial(pruned.update_masks, 10**5), repeats) / every
                what = (
                    f"{name}, batch {batch}, {criterion}, {mode(jit)}, a training "
                    f"step with 1/{every} of an update of the masks, over the unpruned step"
                )
                lines = f"{timing.ours + update:.2f} ms", f"{timing.reference:.2f} ms"
                figure = 1 / timing.ratio + update / timing.reference
                yield Result("pruning", what, *lines, figure, bound)
                keras.utils.clear_session()
