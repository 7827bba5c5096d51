"""One training in several processes: each fits its share of every batch.

Keras's `fit` does not run under TensorFlow's strategy for several processes. So each fits a plain
model, on one device, and what crosses is the mean of the gradients in every step, and after every
epoch whether the chief goes on, who alone validates. What is not trained, such as moving means, is
each process's own; the chief's is kept.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import keras
import keras_tuner
import numpy as np

from keras_hadamard.tuning.cluster import Cluster, cluster
from keras_hadamard.tuning.records import Configuration
from keras_hadamard.tuning.settings import SearchError


class Shares(keras.utils.PyDataset):
    """The rows of one process of every batch, shuffled anew in each epoch, in all alike.

    Rows at the end of an epoch that do not fill all processes wait for another order.
    """

    def __init__(self, split: Any, batch_size: int, seed: int, index: int, size: int) -> None:
        super().__init__()
        self.split, self.batch_size, self.seed = split, batch_size, seed
        self.index, self.size = index, size
        self.count = len(split.targets) // size * size
        self.epoch = 0
        self._shuffle()

    def _shuffle(self) -> None:
        self.order = np.random.default_rng((self.seed, self.epoch)).permutation(
            len(self.split.targets)
        )[: self.count]

    def __len__(self) -> int:
        return -(-self.count // self.batch_size)

    def __getitem__(self, step: int) -> tuple[dict[str, Any], Any]:
        rows = self.order[step * self.batch_size : (step + 1) * self.batch_size]
        rows = rows[self.index :: self.size]
        return {n: x[rows] for n, x in self.split.inputs.items()}, self.split.targets[rows]

    def on_epoch_end(self) -> None:
        self.epoch += 1
        self._shuffle()


class Agreed(keras.callbacks.Callback):
    """Ends a training in all processes after the epoch in which the chief's has to end."""

    def __init__(self, among: Cluster) -> None:
        super().__init__()
        self.among = among

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        stop = self.model.stop_training or not np.isfinite((logs or {}).get("loss", 0.0))
        self.model.stop_training = bool(self.among.of_chief(np.int32(stop)))


def fit_in_step(
    model: keras.Model,
    split: Any,
    *,
    seed: int,
    epochs: int,
    batch_size: int,
    callbacks: Iterable[Any],
    among: Cluster,
    **more: Any,
) -> Any:
    """Fits a model in all processes, each of which calls this."""
    among.share_weights(model)
    among.mean_gradients(model.optimizer)
    model.jit_compile = False  # What crosses is not for XLA.
    with among.needed():
        return model.fit(
            Shares(split, batch_size, seed, among.index, among.size),
            epochs=epochs,
            shuffle=False,
            verbose=0,
            callbacks=[*callbacks, Agreed(among)],
            **more,
        )


@contextmanager
def leading(among: Cluster, wanted: dict[str, Any]) -> Iterator[None]:
    """The chief's search: says to the others what it is, and at the end that it is over."""
    among.message({"identity": wanted})
    try:
        yield
    finally:
        if not among.broken:
            # Or they would wait for ever; one that is gone now is not missed.
            with suppress(SearchError):
                among.message({"over": True})


def lead(
    model: keras.Model, configuration: Configuration, split: Any, *, epochs: int, **how: Any
) -> Any:
    """The chief's fit: tells the others what to train, and trains it with them."""
    among = cluster()
    task = {n: how[n] for n in ("seed", "batch_size")}
    among.message({"configuration": configuration, "epochs": epochs, **task})
    return fit_in_step(model, split, epochs=epochs, among=among, **how)


def take_part(among: Cluster, hypermodel: Any, data: Any, task: dict[str, Any], rates: Any) -> None:
    """The fit of another process than the chief."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(task["seed"])
    hp = keras_tuner.HyperParameters()
    hp.values = dict(task["configuration"])
    fit_in_step(
        hypermodel.build(hp),
        data.train,
        seed=task["seed"],
        epochs=task["epochs"],
        batch_size=task["batch_size"],
        callbacks=[rates],
        among=among,
    )
