"""The end of a trial that is worse than most others were at the same epoch."""

import statistics
from collections.abc import Callable, Sequence

import keras

from keras_hadamard.search.trainings import Trial

# A trial is compared with no fewer others, and not before it has had some epochs.
LEAST_TRIALS, LEAST_EPOCHS = 4, 3


def medians(
    trials: Sequence[Trial], epochs: int, better: Callable[[float], float]
) -> list[float] | None:
    """For each epoch the median of the best scores until then, more of which is better.

    None where too few trials have ended. A trial that was stopped counts with what it had.
    """
    curves = [[better(score) for score in t.curve] for t in trials if t.completed and t.curve]
    if len(curves) < LEAST_TRIALS:
        return None
    return [statistics.median(max(curve[: i + 1]) for curve in curves) for i in range(epochs)]


class MedianStopping(keras.callbacks.Callback):
    """Stops a training whose best score is below the median of others at the same epoch.

    This is the median stopping rule of Google Vizier (Golovin et al., 2017), with best scores in
    place of running averages.
    """

    def __init__(self, medians: Sequence[float] | None, best: Callable[[], float]) -> None:
        super().__init__()
        self.medians, self.best = medians, best
        self.stopped: int | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if self.medians is None or not LEAST_EPOCHS <= epoch + 1 < len(self.medians):
            return
        if self.best() < self.medians[epoch]:
            self.stopped = epoch + 1
            self.model.stop_training = True
