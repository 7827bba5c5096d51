"""A search without a data set: a small hypermodel, and a formula in place of training."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np

from harness.quick_trials import FUSIONS, GATES, formula
from keras_hadamard.layers.registry.fusions import FUSIONS as FUSION_LAYERS
from keras_hadamard.search.budget import Budget
from keras_hadamard.search.oracles import derive
from keras_hadamard.search.problem import Problem
from keras_hadamard.search.records import Records
from keras_hadamard.search.runners import Runner
from keras_hadamard.search.settings import SearchSettings
from keras_hadamard.search.trainings import FAILED, Trial
from keras_hadamard.search.trials import Trials


class SmallModels:
    """A dense network, of which a fusion and a gate are names and no more."""

    spaces = ("fusion", "gating")

    def declare_hyperparameters(self, hp: Any) -> None:
        hp.Choice("fusion", FUSIONS)
        hp.Choice("gating", GATES)
        with hp.conditional_scope("fusion", ["mlb", "mfb"]):
            hp.Int("fusion_rank", 1, 8)
        hp.Float("learning_rate", 1e-3, 1e-1, sampling="log", default=1e-2)

    def build(self, hp: Any) -> keras.Model:
        self.declare_hyperparameters(hp)
        x = keras.Input((4,), name="x")
        hidden = keras.layers.Dense(8, activation="gelu")(x)
        model = keras.Model({"x": x}, keras.layers.Dense(2, activation="softmax")(hidden))
        optimizer = keras.optimizers.Adam(hp.get("learning_rate"))
        model.compile(optimizer, "sparse_categorical_crossentropy")
        return model


@dataclass(frozen=True)
class Split:
    inputs: dict[str, np.ndarray]
    targets: np.ndarray
    groups: np.ndarray | None = None


@dataclass(frozen=True)
class Data:
    train: Split
    validation: Split
    test: Split
    task: str = "binary"
    classes: tuple[str, ...] = ("no", "yes")
    name: str = "small"


def _split(rows: int, seed: int) -> Split:
    x = np.random.default_rng(seed).normal(size=(rows, 4)).astype("float32")
    return Split({"x": x}, (x[:, 0] * x[:, 1] > 0).astype("int32"))


@dataclass(frozen=True)
class SmallProblem(Problem):
    data: Data = field(default_factory=lambda: Data(_split(60, 0), _split(40, 1), _split(40, 2)))

    @cached_property
    def hypermodel(self) -> Any:
        return SmallModels()


class EndsIfKnown(keras.callbacks.Callback):
    """Ends a training after two epochs where a user's fusion is known."""

    def __init__(self, fusion: str) -> None:
        super().__init__()
        self.fusion = fusion

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.model.stop_training = epoch == 1 and self.fusion in FUSION_LAYERS.names


class Silence:
    """In place of what a search shows: the lines that it says."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, line: str = "") -> None:
        self.said.append(line)

    def begin(self, title: str, configuration: Mapping[str, Any], left: int) -> None:
        pass

    def epoch(self, epoch: int, best: float) -> None:
        pass


def small_search(folder: Any, *, callbacks: Any = (), **settings: Any) -> SimpleNamespace:
    """What `Trials` and the runners know of a search; it resumes where the folder's ended."""
    settings = {"max_trials": 8, "epochs": 4, "out": folder, **settings}
    problem = SmallProblem(SearchSettings("small.npz", **settings))
    folder.mkdir(exist_ok=True)
    records = Records(folder).read()
    return SimpleNamespace(
        settings=problem.settings,
        problem=problem,
        records=records,
        folder=folder,
        budget=Budget(problem.settings.budget, records),
        progress=Silence(),
        callbacks=callbacks,
        end_trial=lambda trial: None,
    )


def run_trials(search: SimpleNamespace, first: int | None = None) -> list[Trial]:
    """Runs what is missing. `first` is how many trials the search began with, if it was others."""
    began = SearchSettings("small.npz", **{**_own(search), "max_trials": first}) if first else None
    derived = derive(SmallProblem(began) if began else search.problem)
    Trials(search, derived, reserve=0).run()
    return search.records.trials


def _own(search: SimpleNamespace) -> dict[str, Any]:
    return {n: getattr(search.settings, n) for n in ("algorithm", "epochs", "seed")}


class FormulaRunner(Runner):
    """Runs several trials at a time, which end in an order that is drawn."""

    def __init__(self, workers: int = 1, seed: int = 0, stop: int | None = None) -> None:
        self.workers, self.stop = workers, stop
        self.random = random.Random(seed)
        self.running: list[Any] = []
        self.ran: list[int] = []
        self.most = 0
        self.fails = lambda task: False

    @property
    def capacity(self) -> int:
        return self.workers

    def start(self, task: Any) -> None:
        self.running.append(task)
        self.most = max(self.most, len(self.running))

    def wait(self) -> Trial:
        if self.stop is not None and len(self.ran) >= self.stop:
            raise KeyboardInterrupt
        task = self.running.pop(self.random.randrange(len(self.running)))
        self.ran.append(task["number"])
        fields = formula(task)
        if self.fails(task):
            fields |= {"status": FAILED, "score": None, "reason": "it was to fail"}
        return Trial(**fields)
