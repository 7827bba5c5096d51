"""What becomes of trials whose workers or whose chief are lost, by the oracle alone."""

import dataclasses
import json
import math

import pytest
from keras_tuner.engine.base_tuner import BaseTuner

from keras_hadamard import tuning
from keras_hadamard.tuning import dispatch, settings
from keras_hadamard.tuning.dispatch import OVER, TASK, answer
from keras_hadamard.tuning.oracles import derive, make_oracle
from keras_hadamard.tuning.records import Records, Trial

SPEC = {"kind": "vector", "shape": (4,)}


class Clock:
    now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(dispatch, "time", clock)
    return clock


@pytest.fixture
def chief(tmp_path, clock):
    """Starts a chief with the records of the folder, as after a kill."""
    hypermodel = tuning.HyperFusionClassifier({"a": SPEC, "b": SPEC}, 2, units=8)

    def start(allows=lambda: True, **given):
        asked = settings.SearchSettings("tiny", **{"max_trials": 4, "epochs": 9, **given})
        records = Records.load(tmp_path)
        known = {t.number: t.configuration for t in records.trials}
        oracle = make_oracle(asked, derive(asked), hypermodel, known)
        from keras_hadamard.tuning.tuner import active

        def task(number, hp):
            epochs = int(hp.values.get("tuner/epochs", 9))
            return {
                "number": number,
                "configuration": active(hypermodel, hp),
                "seed": number,
                "epochs": epochs,
            }

        oracle.begun, oracle.ended = [], []
        oracle.attach(records, task, allows, oracle.begun.append, oracle.ended.append, asked.lease)
        BaseTuner(oracle, directory=str(tmp_path), project_name="tuner", overwrite=True)
        return oracle

    return start


def task(message):
    return json.loads(message.hyperparameters.values[TASK])


def record(message, score=0.5):
    given = task(message)
    return Trial(status="completed", score=score, parameters=9, seconds=1.0, curve=[score], **given)


def end(oracle, message, score=0.5):
    oracle.end_trial(answer(record(message, score), message))


def numbers(oracle):
    return [t.number for t in oracle.records.trials]


def test_a_silent_worker_gives_its_trial_back(chief, clock):
    oracle = chief(lease=60.0)
    first, second = oracle.create_trial("a"), oracle.create_trial("b")
    for now in (30.0, 60.0, 90.0):
        clock.now = now
        oracle.get_trial(first.trial_id)  # the other is not heard of any more
    clock.now = 100.0
    again = oracle.create_trial("c")
    assert task(again) == task(second) and task(again)["number"] == 2
    end(oracle, again, 0.7)
    end(oracle, second, 0.1)  # it was slow, not dead
    assert [t.score for t in oracle.records.trials] == [0.7]
    end(oracle, first)
    assert numbers(oracle) == [1, 2] and len(oracle.ended) == 2


def test_a_worker_that_was_slow_may_come_back(chief, clock):
    oracle = chief(lease=60.0)
    first, second = oracle.create_trial("a"), oracle.create_trial("b")
    clock.now = 100.0
    oracle.get_trial(first.trial_id)
    third = oracle.create_trial("c")
    assert task(third)["number"] == 2
    end(oracle, second)
    end(oracle, third)
    assert numbers(oracle) == [2]


def test_a_trial_that_kills_its_workers_fails(chief, clock):
    oracle = chief()
    for worker in "abc":
        assert task(oracle.create_trial(worker))["number"] == 1
        oracle.forget(worker)
    assert task(oracle.create_trial("d"))["number"] == 2
    (lost,) = oracle.records.trials
    assert lost.status == "failed" and "lost 3 times" in lost.reason
    assert lost.configuration["fusion"] == "concat"


@pytest.mark.parametrize("algorithm", settings.ALGORITHMS)
def test_a_chief_that_is_started_again_goes_on(chief, clock, algorithm):
    oracle = chief(algorithm=algorithm, max_trials=8)
    end(oracle, oracle.create_trial("a"))
    handed = [oracle.create_trial(worker) for worker in "ab"]
    handed = [m for m in handed if m.status == "RUNNING"]
    end(oracle, handed.pop())
    before = {t.number: t.configuration for t in oracle.records.trials}
    again = chief(algorithm=algorithm, max_trials=8)
    for message in handed:  # which still are trained
        again.get_trial(message.trial_id)
    given = again.create_trial("c")
    assert {t.number: t.configuration for t in again.records.trials} == before
    for message in handed:
        assert given.status == "IDLE" or task(given)["number"] != task(message)["number"]
        end(again, message, 0.9)
        number = task(message)["number"]
        assert again.records.trial(number).score == 0.9
    if given.status == "RUNNING":
        end(again, given)
    while (message := again.create_trial("c")).status == "RUNNING":
        end(again, message)
    assert message.status == "STOPPED"
    assert numbers(again) == list(range(1, 9))


def test_a_result_is_taken_by_a_chief_that_never_gave_the_trial(chief, clock):
    oracle = chief()
    first, second = oracle.create_trial("a"), oracle.create_trial("b")
    again = chief(max_trials=40)  # whose names of trials are longer
    end(again, second, 0.8)
    end(again, second, 0.8)
    assert numbers(again) == [2]
    assert task(again.create_trial("c")) == task(first)
    assert task(again.create_trial("d"))["number"] == 3


def test_a_trial_that_nobody_trains_any_more_is_begun_anew(chief):
    oracle = chief()
    first, second, third = (oracle.create_trial(worker) for worker in "abc")
    end(oracle, first)
    end(oracle, third)
    again = chief()
    assert task(again.create_trial("d")) == task(second)


def test_workers_wait_for_what_may_be_given_back_and_the_last_ends_the_service(chief, clock):
    oracle = chief(max_trials=2, lease=60.0)
    first, second = oracle.create_trial("a"), oracle.create_trial("b")
    end(oracle, first)
    assert oracle.create_trial("a").status == "IDLE"
    clock.now = 61.0
    oracle.get_trial(second.trial_id)
    assert oracle.create_trial("a").status == "IDLE"
    end(oracle, second)
    told = oracle.create_trial("b")
    assert told.status == "IDLE" and OVER in told.hyperparameters.values
    told = oracle.create_trial("a")
    assert told.status == "STOPPED"
    # What KerasTuner's chief waits for.
    assert not oracle.ongoing_trials and not oracle.tuner_ids


def test_without_time_nothing_is_begun_but_the_baseline(chief):
    oracle = chief(allows=lambda: False)
    first = oracle.create_trial("a")
    told = oracle.create_trial("b")
    # It is to wait: the baseline may be given back.
    assert told.status == "IDLE" and OVER not in told.hyperparameters.values
    oracle.forget("a")
    assert task(oracle.create_trial("b")) == task(first)
    end(oracle, first)
    assert oracle.create_trial("b").status == "STOPPED"
    assert "time budget" in oracle.over


def test_a_full_disk_ends_the_service_with_its_error(chief, monkeypatch):
    oracle = chief()
    first = oracle.create_trial("a")
    oracle.create_trial("b")

    def full(trial):
        raise OSError("No space left on device")

    monkeypatch.setattr(oracle.records, "add_trial", full)
    end(oracle, first)
    assert oracle.create_trial("a").status == "STOPPED"
    assert "No space" in str(oracle.failure)


def test_numbers_travel_with_all_their_digits(chief):
    oracle = chief()
    message = oracle.create_trial("a")
    sent = type(message).from_proto(message.to_proto())
    assert task(sent) == task(message) and task(sent)["epochs"] == 9
    assert task(sent)["configuration"]["learning_rate"] == 2e-3
    full = dataclasses.replace(record(sent), score=math.pi / 4)
    reply = answer(full, sent)
    oracle.end_trial(type(reply).from_proto(reply.to_proto()))
    assert oracle.records.trials == [full]
