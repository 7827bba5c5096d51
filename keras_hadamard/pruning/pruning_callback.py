"""What moves the masks on."""

from typing import Any

import keras

from keras_hadamard._checks import received
from keras_hadamard.pruning.pruned_model import PrunedModel


class PruningCallback(keras.callbacks.Callback):
    """Counts the steps of a `PrunedModel` and computes its masks when the schedule says so.

    `PrunedModel.fit` adds one by itself. A training loop of one's own calls its methods as `fit`
    does. With `steps_per_execution` above 1 the masks change between executions. The count is kept
    in the model, so that a training that is resumed goes on with the schedule.

    Raises:
        ValueError: If the model is not a `PrunedModel`.

    Example:

    >>> from keras_hadamard import pruning
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
    >>> pruned = pruning.prune(model, pruning.PolynomialDecay(0.5, end_step=2, frequency=1))
    >>> callback = pruning.PruningCallback()
    >>> callback.set_model(pruned)
    >>> callback.on_train_begin()
    >>> for step in range(2):
    ...     callback.on_train_batch_end(step)
    >>> pruning.sparsity_report(pruned).sparsity
    0.5
    """

    def __init__(self) -> None:
        super().__init__()
        self._step = 0
        self._batch = -1

    def set_model(self, model: keras.Model) -> None:
        if not isinstance(model, PrunedModel):
            raise received("a model that `prune` returned", model=model)
        super().set_model(model)

    def on_train_begin(self, logs: Any = None) -> None:
        self._step = self.model.step
        self._batch = -1
        if self.model.schedule.due(self._step - 1, self._step):
            self.model.update_masks(self._step)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._batch = -1

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        # The last execution of an epoch may have fewer steps than Keras says here.
        steps = (self.params or {}).get("steps")
        batch = batch if steps is None else min(batch, steps - 1)
        previous, self._step = self._step, self._step + batch - self._batch
        self._batch = batch
        self.model.masks.count = self._step
        if self.model.schedule.due(previous, self._step):
            self.model.update_masks(self._step)

    def on_train_end(self, logs: Any = None) -> None:
        # An optimizer that averages weights puts the averages in their place only now.
        self.model.apply_masks()


def with_pruning(callbacks: Any) -> Any:
    """The callbacks with a `PruningCallback`, first: others save or measure what it has done."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        if not any(isinstance(c, PruningCallback) for c in callbacks.callbacks):
            raise received("a PruningCallback in the CallbackList", callbacks=callbacks.callbacks)
        return callbacks
    given = [] if callbacks is None else list(keras.tree.flatten(callbacks))
    if any(isinstance(c, PruningCallback) for c in given):
        return given
    return [PruningCallback(), *given]
