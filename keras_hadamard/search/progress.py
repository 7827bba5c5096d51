"""What a search shows while it runs: one live line on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Sequence
from typing import Any, TextIO

from keras_hadamard._core.extras import require
from keras_hadamard.search.budget import Budget
from keras_hadamard.search.objectives import Objective
from keras_hadamard.search.records import Records
from keras_hadamard.search.run import DatasetInfo
from keras_hadamard.search.table import aligned, column_rows, rich_table
from keras_hadamard.search.trainings import Configuration, Training


class Progress:
    """Trial, best so far, elapsed and remaining. As a context it leaves the terminal as it was."""

    def __init__(
        self,
        records: Records,
        budget: Budget,
        objective: Objective,
        stream: TextIO | None = None,
    ) -> None:
        self.records, self.budget, self.objective = records, budget, objective
        self.stream = sys.stdout if stream is None else stream
        # Said rather than found out: variables such as FORCE_COLOR would colour a pipe as well.
        self.console = require("rich.console", "rich", "keras_hadamard.search").Console(
            file=self.stream,
            force_terminal=self.stream.isatty(),
            force_jupyter=False,
            highlight=False,
            markup=False,
            emoji=False,
        )
        self._live: Any = None
        self._title = ""
        self._left = 0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *error: object) -> None:
        self._stop()

    def say(self, text: str = "") -> None:
        self._stop()
        # A stream that cannot write a letter gets a question mark, and the search continues.
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        self.console.print(text.encode(encoding, "replace").decode(encoding), soft_wrap=True)

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Shows rows below a header; on a terminal cells wrap rather than lines."""
        if self.console.is_terminal:
            self._stop()
            self.console.print(rich_table(rows))
        else:
            self.say(aligned(rows))

    def describe(self, facts: DatasetInfo) -> None:
        """Says what was found out about the data."""
        sizes = ", ".join(f"{count:,} {split}" for split, count in facts.sizes.items())
        self.say(f"Predicting by {self.objective.title} ({facts.task}), {sizes}")
        if facts.columns:
            self.table(column_rows(facts.columns))
        for warning in facts.warnings:
            self.say(f"Look at this: {warning}")

    def begin(self, title: str, configuration: Configuration, left: int) -> None:
        """A training begins; `left` counts it and those after it."""
        self._title, self._left = f"{title}  {kinds(configuration)}", left
        self._show("")

    def epoch(self, epoch: int, best: float) -> None:
        """An epoch has ended; `best` is the best score so far of this training."""
        self._show(f"  epoch {epoch}, {self.objective.title} {self.objective.format(best)}")

    def end(self, training: Training) -> None:
        """The training has ended."""
        outcome = training.reason or ""
        if training.score is not None:
            score = f"{self.objective.title} {self.objective.format(training.score)}"
            outcome = f"{score} ({outcome})" if outcome else score
        verdict = outcome if training.completed else f"{training.status}: {outcome}"
        self.say(
            f"{self._title}  {verdict}  {training.seconds:.1f} s | {self._status(self._left - 1)}"
        )

    def _status(self, left: int) -> str:
        done = self.records.completed
        best = "best -"
        if done and done[0].score is not None:
            best = f"best {self.objective.format(done[0].score)} (trial {done[0].number})"
        remaining = self.budget.remaining(left)
        rest = "" if remaining is None else f", about {clock(remaining)} left"
        return f"{best} | {clock(self.budget.elapsed)} elapsed{rest}"

    def _show(self, now: str) -> None:
        """Replaces the live line, where there is one."""
        if not self.console.is_terminal:
            return
        from rich.live import Live
        from rich.text import Text

        line = f"{self._title}{now} | {self._status(self._left)}"
        if self._live is None:
            # Without a thread: a line changes when something has happened.
            self._live = Live(console=self.console, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(Text(line, no_wrap=True, overflow="ellipsis"), refresh=True)

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def kinds(configuration: Configuration) -> str:
    return " ".join(
        f"{name}={configuration[name]}" for name in ("fusion", "gating") if name in configuration
    )
