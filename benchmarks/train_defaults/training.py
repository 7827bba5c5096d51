"""Trains layers in their frames."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from benchmarks.train_defaults.digits import HELD_OUT, SEEN
from benchmarks.train_defaults.frames import logits
from benchmarks.train_defaults.wirings import Make

EPOCHS, BATCH, RATE, SEEDS = 15, 64, 1e-2, (0, 1)


class Inputs(dict[str, Any]):
    """Symbolic inputs, of those that are asked for."""

    def __missing__(self, key: str) -> Any:
        x = SEEN.inputs[key]
        self[key] = keras.Input(x.shape[1:], name=key, dtype=x.dtype)
        return self[key]


def joined(names: Sequence[str], seed: int, make: Make | None = None) -> keras.Model:
    """A model of (batch, heads, 10), a head for each layer: together they learn what each would.

    The optimiser looks at each weight by itself, and the loss is the sum over the heads.
    """
    inputs, heads = Inputs(), []
    for name in names:
        keras.utils.set_random_seed(seed)
        heads.append(logits(name, inputs, make))
    return keras.Model(dict(inputs), ops.stack(heads, axis=1))


def summed(labels: Any, outputs: Any) -> Any:
    return ops.sum(of_each(labels, outputs), axis=1)


def of_each(labels: Any, outputs: Any) -> Any:
    wanted = ops.one_hot(ops.reshape(labels, (-1, 1)), 10, dtype=outputs.dtype)
    return -ops.sum(wanted * ops.log_softmax(outputs), axis=-1)


class LossOfEach(keras.metrics.Metric):
    """The mean loss of each head."""

    def __init__(self, heads: int) -> None:
        super().__init__(name="each")
        self.total = self.add_variable((heads,), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, labels: Any, outputs: Any, sample_weight: Any = None) -> None:
        losses = of_each(labels, outputs)
        self.total.assign_add(ops.sum(losses, axis=0))
        self.count.assign_add(ops.cast(ops.shape(losses)[0], "float32"))

    def result(self) -> Any:
        return self.total / self.count


def trained(
    names: Sequence[str],
    seeds: Sequence[int] = SEEDS,
    epochs: int = EPOCHS,
    make: Make | None = None,
) -> dict[str, tuple[float, float]]:
    """The share of right answers on what is held out, and the loss in the last epoch."""
    model, results = joined(names, seeds[0], make), []
    steps = epochs * -(-len(SEEN.labels) // BATCH)
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(RATE, steps))
    optimizer.build(model.trainable_variables)
    model.compile(optimizer, summed, metrics=[LossOfEach(len(names))])
    for seed in seeds:
        # Begins again; what is compiled stays, which takes as long as the training.
        model.set_weights(joined(names, seed, make).get_weights())
        for variable in optimizer.variables:
            variable.assign(ops.zeros_like(variable))
        keras.utils.set_random_seed(seed)
        history = model.fit(SEEN.of(model), SEEN.labels, BATCH, epochs, verbose=0)
        outputs = model.predict(HELD_OUT.of(model), len(HELD_OUT.labels), verbose=0)
        right = np.argmax(outputs, axis=-1) == HELD_OUT.labels[:, None]
        results.append((right.mean(0), history.history["each"][-1]))
    means = np.mean(results, axis=0)
    return {name: (float(a), float(b)) for name, a, b in zip(names, *means, strict=True)}
