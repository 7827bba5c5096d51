"""Trials handed out and taken back by number, to one process or to many.

KerasTuner's service keeps a trial with the worker it went to, whatever becomes of that worker, and
knows nothing of trials that were handed out before its chief was started again. Here a trial whose
worker falls silent is given to another one, and a result is taken in once, whoever brings it.
"""

import json
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import keras_tuner

from keras_hadamard.tuning.records import FAILED, Records, Trial

# Names of values under which a task and its record travel: numbers of KerasTuner's own messages
# arrive with the digits of 32 bits.
TASK, RECORD, OVER = "tuner/task", "tuner/record", "tuner/over"
# How often a trial may lose its worker before it counts as failed.
ATTEMPTS = 3
# Seconds after which a worker that has nothing to do, and so asks all the time, is gone.
GONE = 3.0
Task = dict[str, Any]


class Dispatching:
    """Mixin of an oracle, which leaves it the choice of values and nothing else."""

    def attach(
        self: Any,
        records: Records,
        make_task: Callable[[int, Any], Task],
        allows: Callable[[], bool],
        on_begin: Callable[[Task], None],
        on_end: Callable[[Trial], None],
        lease: float = math.inf,
    ) -> None:
        """Says what is known already, and what is to be done with what comes in."""
        self.records = records
        self.make_task, self.allows = make_task, allows
        self.on_begin, self.on_end = on_begin, on_end
        self.lease = lease
        # Why no trial is begun any more.
        self.over: str | None = None
        self.failure: OSError | None = None
        self.given_back: list[Any] = []
        # By number: when somebody was last heard to work on it, and how often nobody was.
        self.heard: dict[int, float] = {}
        self.losses: Counter[int] = Counter()
        # By worker: when it last asked for something to do.
        self.asked: dict[str, float] = {}

    @keras_tuner.synchronized
    def create_trial(self: Any, tuner_id: str) -> Any:
        self.asked[tuner_id] = time.monotonic()
        self._give_back()
        trial = self._next(tuner_id)
        if trial is None:
            return self._nothing(tuner_id)
        number = number_of(trial)
        self.heard[number] = time.monotonic()
        task = self.make_task(number, trial.hyperparameters)
        self.on_begin(task)
        return _message({TASK: json.dumps(task)}, trial.trial_id)

    @keras_tuner.synchronized
    def get_trial(self: Any, trial_id: str) -> Any:
        """The trial; that it is asked for says that somebody works on it."""
        number = int(trial_id) + 1
        self.heard[number] = time.monotonic()
        trial = self._trial(number)
        if trial in self.given_back:
            self.given_back.remove(trial)
            self.ongoing_trials[f"trial {number}"] = trial
        return trial or _message({}, trial_id)

    @keras_tuner.synchronized
    def end_trial(self: Any, trial: Any) -> None:
        self._take(Trial(**json.loads(trial.hyperparameters.values[RECORD])))

    @keras_tuner.synchronized
    def forget(self: Any, tuner_id: str) -> None:
        """Gives the trial of a worker that is known to be dead to the next one."""
        if tuner_id in self.ongoing_trials:
            self.heard[number_of(self.ongoing_trials[tuner_id])] = -math.inf
        self.asked.pop(tuner_id, None)

    def _next(self: Any, tuner_id: str) -> Any:
        """A trial to work on, or None; what the records have is told to the algorithm on the way.

        So a search that goes on comes to where it was by asking for the same trials again.
        """
        if self.failure is None and tuner_id in self.ongoing_trials:
            return self.ongoing_trials[tuner_id]
        if self.failure is None and self.given_back:
            self.ongoing_trials[tuner_id] = self.given_back.pop(0)
            return self.ongoing_trials[tuner_id]
        while self.over is None:
            new = len(self.trials) >= self.records.last
            # The first trial runs in any case: without the baseline there is nothing to report.
            if new and 0 < len(self.trials) < self.max_trials and not self.allows():
                self.over = "the time budget was used up"
                break
            trial = super().create_trial(tuner_id)  # type: ignore[misc]
            if trial.status != "RUNNING":
                if trial.status == "STOPPED" and not self.ongoing_trials:
                    self.over = "the space has no further configurations"
                break
            number = number_of(trial)
            record = self.records.trial(number)
            if record is not None:
                self._finish(trial, record)
            elif time.monotonic() - self.heard.get(number, -math.inf) < self.lease:
                # Of a worker that a former chief gave it to.
                self.ongoing_trials[f"trial {number}"] = self.ongoing_trials.pop(tuner_id)
            else:
                return trial
        return None

    def _nothing(self: Any, tuner_id: str) -> Any:
        """Word that there is nothing to do at the moment, or no more."""
        if self.failure is not None:
            self.ongoing_trials.clear()
        elif self.ongoing_trials or self.over is None:
            return _message({}, status="IDLE")
        del self.asked[tuner_id]
        now = time.monotonic()
        if self.failure is None and any(now - asked < GONE for asked in self.asked.values()):
            # The service ends with the first worker that is told to stop, so this is for the last.
            return _message({OVER: True}, status="IDLE")
        self.tuner_ids.clear()
        return _message({}, status="STOPPED")

    def _give_back(self: Any) -> None:
        """Takes trials away from workers that were not heard of for too long."""
        now = time.monotonic()
        for tuner_id, trial in list(self.ongoing_trials.items()):
            number = number_of(trial)
            silent = now - self.heard.get(number, now)
            if silent <= self.lease and silent < math.inf:
                continue
            del self.ongoing_trials[tuner_id]
            self.losses[number] += 1
            if self.losses[number] < ATTEMPTS:
                self.given_back.append(trial)
                continue
            # It may be the trial that kills them, by the memory that it takes.
            task = self.make_task(number, trial.hyperparameters)
            self._take(
                Trial(
                    status=FAILED,
                    score=None,
                    parameters=None,
                    seconds=0.0,
                    curve=[],
                    reason=f"its worker was lost {ATTEMPTS} times, perhaps out of memory",
                    **task,
                )
            )

    def _take(self: Any, record: Trial) -> None:
        if self.records.trial(record.number) is not None:
            return  # the message came twice, or another worker was quicker
        try:
            # Ours first: it must not depend on whether KerasTuner can write its files.
            self.records.add_trial(record)
        except OSError as error:
            # KerasTuner's lock does not survive an exception, so it is raised when all has ended.
            self.failure, self.over = error, "the records could not be written"
            return
        self.on_end(record)
        trial = self._trial(record.number)
        if trial is not None:
            self.given_back = [t for t in self.given_back if t is not trial]
            self._finish(trial, record)

    def _finish(self: Any, trial: Any, record: Trial) -> None:
        """Tells the algorithm what became of a trial."""
        own = {n: v for n, v in trial.hyperparameters.values.items() if n.startswith("tuner/")}
        trial.hyperparameters.values = {**own, **record.configuration}
        if record.completed:
            self.update_trial(trial.trial_id, {self.objective.name: record.value})
        trial.status = "COMPLETED" if record.completed else "FAILED"
        trial.message = record.reason
        super().end_trial(trial)  # type: ignore[misc]

    def _trial(self: Any, number: int) -> Any:
        return next((t for t in self.trials.values() if number_of(t) == number), None)


def number_of(trial: Any) -> int:
    """The number of KerasTuner's trial, from one; its name has zeros before it."""
    return int(trial.trial_id) + 1


def answer(record: Trial, trial: Any) -> Any:
    """The message by which a worker ends its trial."""
    return _message({RECORD: json.dumps(asdict(record))}, trial.trial_id)


def _message(values: dict[str, Any], trial_id: str = "", status: str = "RUNNING") -> Any:
    parameters = keras_tuner.HyperParameters()
    parameters.values = values
    return keras_tuner.engine.trial.Trial(parameters, trial_id, status)
