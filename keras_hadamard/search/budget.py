"""The wall time a search may take."""

import time

from keras_hadamard.search.records import Records


class Budget:
    """Tells whether there is time for another training, and estimates what is left.

    Time of earlier starts of the same run counts: what is limited is the search, not the process.
    """

    def __init__(self, seconds: float | None, records: Records) -> None:
        self.seconds = seconds
        self.records = records
        self.begin()

    def begin(self) -> None:
        """Starts the clock, with the time of what the records have."""
        self.before = self.records.wall_seconds
        self.start = time.monotonic()

    @property
    def elapsed(self) -> float:
        return self.before + time.monotonic() - self.start

    @property
    def per_training(self) -> float:
        """The mean of a training so far; 0 while there is none."""
        done = [*self.records.trials, *self.records.finals]
        return sum(t.seconds for t in done) / len(done) if done else 0.0

    def allows(self, trainings: int = 1, reserve: int = 0) -> bool:
        """Whether trainings are expected to end in time, with a reserve kept for later ones.

        The reserve is at most half of the budget, or a short one would be all reserve.
        """
        if self.seconds is None:
            return True
        kept = min(reserve * self.per_training, self.seconds / 2)
        return self.elapsed + trainings * self.per_training + kept < self.seconds

    def remaining(self, trainings: int) -> float | None:
        """The time that this number of further trainings will take; None if it is not known yet."""
        return trainings * self.per_training if self.per_training else None
