"""Schedules against their formulas, and when they are due."""

import keras
import numpy as np
import pytest

from keras_hadamard.pruning import ConstantSparsity, PolynomialDecay


def test_polynomial_decay_is_its_formula():
    schedule = PolynomialDecay(0.9, end_step=110, begin_step=10, initial_sparsity=0.2, power=3)
    for step in (10, 11, 37, 80, 110):
        expected = 0.9 + (0.2 - 0.9) * (1 - (step - 10) / 100) ** 3
        np.testing.assert_allclose(schedule.sparsity(step), expected, rtol=1e-12)
    assert schedule.sparsity(9) == 0.0
    assert schedule.sparsity(10**6) == 0.9


def test_power_one_is_a_line_and_sparsity_never_falls():
    line = PolynomialDecay(0.5, end_step=10, power=1)
    assert [line.sparsity(s) for s in (0, 5, 10)] == pytest.approx([0, 0.25, 0.5])
    values = [PolynomialDecay(0.7, end_step=50).sparsity(s) for s in range(60)]
    assert values == sorted(values)


@pytest.mark.parametrize("stride", [1, 3, 7])
def test_due_at_every_period_and_at_the_end(stride):
    schedule = PolynomialDecay(0.5, end_step=25, begin_step=5, frequency=10)
    previous, due = -1, []
    for step in range(0, 60, stride):
        if schedule.due(previous, step):
            due.append(step)
        previous = step
    # The first step at or after 5, 15 and 25.
    assert due == [stride * -(-s // stride) for s in (5, 15, 25)]


def test_constant_sparsity_begins_at_its_step():
    schedule = ConstantSparsity(0.5, begin_step=3, end_step=9, frequency=4)
    assert [schedule.sparsity(s) for s in (0, 2, 3, 100)] == [0, 0, 0.5, 0.5]
    assert [s for s in range(20) if schedule.due(s - 1, s)] == [3, 7, 9]
    assert not schedule.finished(8) and schedule.finished(9)
    assert not ConstantSparsity(0.5).finished(10**9)


@pytest.mark.parametrize(
    "schedule",
    [
        ConstantSparsity(0.5, begin_step=3, end_step=9, frequency=4),
        PolynomialDecay(0.9, 20, begin_step=2, initial_sparsity=0.1, power=2, frequency=5),
    ],
    ids=lambda schedule: type(schedule).__name__,
)
def test_configuration_round_trip(schedule):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert type(again) is type(schedule) and again.get_config() == schedule.get_config()


@pytest.mark.parametrize("bad", [-0.1, 1.0, 1.5, float("nan"), "half", None, True])
def test_sparsity_outside_its_range(bad):
    with pytest.raises(ValueError, match=r"in \[0, 1\)\. Received: sparsity="):
        ConstantSparsity(bad)
    with pytest.raises(ValueError, match=r"in \[0, 1\)\. Received: final_sparsity="):
        PolynomialDecay(bad, end_step=5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PolynomialDecay(0.5, end_step=3, begin_step=4), "not end before it starts"),
        (lambda: PolynomialDecay(0.5, end_step=4, begin_step=4), "ends after it starts"),
        (lambda: ConstantSparsity(0.5, begin_step=4, end_step=3), "not end before it starts"),
        (lambda: PolynomialDecay(0.5, end_step=3, initial_sparsity=0.6), "not above"),
        (lambda: ConstantSparsity(0.5, begin_step=-1), "begin_step"),
        (lambda: ConstantSparsity(0.5, frequency=0), "frequency"),
        (lambda: PolynomialDecay(0.5, end_step=2.5), "end_step"),
        (lambda: PolynomialDecay(0.5, end_step=None), "ends after it starts"),
    ],
)
def test_schedules_that_cannot_be(make, message):
    with pytest.raises(ValueError, match=f"{message}.*Received: "):
        make()
