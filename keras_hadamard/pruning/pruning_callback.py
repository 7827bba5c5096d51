"""The callback that updates the masks."""

from typing import Any

import keras

from keras_hadamard._core.checks import received
from keras_hadamard.pruning._masks import Masks


class PruningCallback(keras.callbacks.Callback):
    """Counts the steps of a `PrunedModel` and computes its masks when the schedule is due.

    `PrunedModel.fit` adds one automatically. A custom training loop calls its methods as `fit`
    does: a step for each `on_train_batch_end`, and with `steps_per_execution` above 1 as many as
    the optimizer took, with masks that change between executions. With the criterion `"rigl"`
    `on_train_batch_begin` requests the gradient of the step. The count is kept in the model, so
    that a resumed training continues the schedule, however it is restored.

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
        self._before: int | None = None

    def set_model(self, model: keras.Model) -> None:
        if not isinstance(getattr(model, "masks", None), Masks):
            raise received("a model that `prune` returned", model=model)
        super().set_model(model)

    def on_train_begin(self, logs: Any = None) -> None:
        step = self.model.step
        if self.model.schedule.due(step - 1, step):
            self.model.update_masks(step)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        # An execution of several steps may have fewer at the end of data of unknown size.
        several = getattr(self.model, "steps_per_execution", 1)
        self._before = self._iterations() if several > 1 else None
        step = self.model.step
        self.model._criterion.watch(self.model.schedule.due(step, step + several))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        # The model's own count, which another callback may have restored from a file.
        previous = self.model.step
        steps = 1 if self._before is None else self._iterations() - self._before
        step = previous + steps
        self.model.masks.count = step
        if self.model.schedule.due(previous, step):
            self.model.update_masks(step)

    def _iterations(self) -> int:
        return int(self.model.optimizer.iterations)

    def on_train_end(self, logs: Any = None) -> None:
        # An optimizer that averages weights assigns the averages only now.
        self.model.apply_masks()


def with_pruning(callbacks: Any) -> Any:
    """The callbacks with a `PruningCallback` first, as others save or measure its result."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        if not any(isinstance(c, PruningCallback) for c in callbacks.callbacks):
            raise received("a PruningCallback in the CallbackList", callbacks=callbacks.callbacks)
        return callbacks
    given = [] if callbacks is None else list(keras.tree.flatten(callbacks))
    mine = [c for c in given if isinstance(c, PruningCallback)] or [PruningCallback()]
    return [*mine, *(c for c in given if c not in mine)]
