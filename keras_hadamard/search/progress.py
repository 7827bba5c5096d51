"""What a search shows while it runs: one live line on a terminal, plain lines elsewhere."""

import shutil
import sys
from typing import TextIO

from keras_hadamard.search.budget import Budget
from keras_hadamard.search.records import Records
from keras_hadamard.search.run import DatasetInfo
from keras_hadamard.search.trainings import Configuration, Training


class Progress:
    """Trial, best so far, elapsed and remaining."""

    def __init__(self, records: Records, budget: Budget, stream: TextIO | None = None) -> None:
        self.records = records
        self.budget = budget
        self.stream = sys.stdout if stream is None else stream
        self.live = self.stream.isatty()
        self._title = ""
        self._left = 0

    def say(self, line: str = "") -> None:
        self._clear()
        self.stream.write(line + "\n")
        self.stream.flush()

    def describe(self, facts: DatasetInfo) -> None:
        """Says what was found out about the data."""
        for column in facts.columns:
            self.say("  ".join(str(value) for value in column.values()))
        for warning in facts.warnings:
            self.say(f"Look at this: {warning}")

    def begin(self, title: str, configuration: Configuration, left: int) -> None:
        """A training begins; `left` counts it and those after it."""
        self._title, self._left = f"{title}  {kinds(configuration)}", left
        self.epoch(0, 0.0)

    def epoch(self, epoch: int, best: float) -> None:
        if not self.live:
            return
        now = f"  epoch {epoch}, {best:.4f}" if epoch else ""
        line = f"{self._title}{now} | {self._status(self._left)}"
        width = shutil.get_terminal_size().columns - 1
        self.stream.write(f"\r\x1b[K{line[:width]}")
        self.stream.flush()

    def end(self, training: Training) -> None:
        outcome = (
            f"score {training.score:.4f}" if training.score is not None else training.reason or ""
        )
        verdict = outcome if training.completed else f"{training.status}: {outcome}"
        self.say(
            f"{self._title}  {verdict}  {training.seconds:.1f} s | {self._status(self._left - 1)}"
        )

    def _status(self, left: int) -> str:
        done = self.records.completed
        best = f"best {done[0].score:.4f} (trial {done[0].number})" if done else "best -"
        remaining = self.budget.remaining(left)
        rest = "" if remaining is None else f", about {clock(remaining)} left"
        return f"{best} | {clock(self.budget.elapsed)} elapsed{rest}"

    def _clear(self) -> None:
        if self.live:
            self.stream.write("\r\x1b[K")


def clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def kinds(configuration: Configuration) -> str:
    return " ".join(
        f"{name}={configuration[name]}" for name in ("fusion", "gating") if name in configuration
    )
