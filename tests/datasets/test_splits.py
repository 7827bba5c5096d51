"""The assignment of rows to training, validation and test."""

import numpy as np
import pandas as pd
import pytest

from keras_hadamard.datasets import load_arrays

SPLITS = ("train", "validation", "test")


def frame_of(count, **columns):
    """Rows that are told apart by `x`, which is not standardised for it is a category."""
    return pd.DataFrame({"x": np.random.default_rng(0).normal(size=count), **columns})


def splits_of(data):
    return [getattr(data, name) for name in SPLITS]


def test_two_percent_of_positives():
    data = load_arrays(frame_of(1_000, y=np.arange(1_000) < 20))
    assert [int(s.targets.sum()) for s in splits_of(data)] == [14, 3, 3]


def test_every_class_is_in_training():
    labels = ["a"] * 30 + ["b"] * 8 + [f"rare{i}" for i in range(6) for _ in range(2)]
    for seed in range(8):
        data = load_arrays(frame_of(50, y=labels), seed=seed)
        assert set(data.train.targets) == set(range(8))
        assert [len(s) for s in splits_of(data)] == [34, 8, 8]


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_groups_stay_together(task):
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 40, 400)
    target = rng.random(400) < 0.3 if task == "binary" else rng.normal(size=400)
    data = load_arrays(frame_of(400, patient=groups, y=target), group="patient")
    found = [set(split.groups) for split in splits_of(data)]
    assert sum(map(len, found)) == len(set.union(*found)) == len(set(groups))
    assert all(s.groups.shape == (len(s),) and s.groups.dtype.kind == "i" for s in splits_of(data))
    assert all(35 < len(split) < 90 for split in splits_of(data)[1:])
    roles = {c.name: c.role for c in data.columns}
    assert roles == {"x": "input", "patient": "group", "y": "target"}
    if task == "binary":
        shares = [split.targets.mean() for split in splits_of(data)]
        assert np.ptp(shares) < 0.15


def test_too_few_groups():
    with pytest.raises(ValueError, match=r"three groups.*groups=1"):
        load_arrays(frame_of(60, g=["a", "b"] * 30, y=[0, 1, 1] * 20), group="g")


@pytest.mark.parametrize("kind", ["number", "string", "date", "repeated"])
def test_training_is_the_past(kind):
    rng = np.random.default_rng(0)
    order = rng.permutation(200)
    times = {
        "number": order,
        "string": pd.Timestamp("2020") + pd.to_timedelta(order, "D"),
        "date": pd.Timestamp("2020") + pd.to_timedelta(order, "h"),
        "repeated": order // 25,
    }[kind]
    times = times.astype(str) if kind == "string" else times
    # The target is the time itself.
    data = load_arrays(frame_of(200, when=times, y=order + 0.5), time="when")
    train, validation, test = (split.targets for split in splits_of(data))
    assert train.max() < validation.min() and validation.max() < test.min()
    assert (np.diff(train) > 0).all() or kind == "repeated"
    if kind == "repeated":
        days = [set(np.floor(t / 25)) for t in (train, validation, test)]
        assert sum(map(len, days)) == 8
    else:
        assert [len(train), len(validation), len(test)] == [140, 30, 30]
    assert {c.name: c.role for c in data.columns}["when"] == "time"


def test_a_limit_keeps_the_shares_and_the_order():
    data = load_arrays(frame_of(1_000, y=np.arange(1_000) < 100), limit=50)
    assert [(len(s), int(s.targets.sum())) for s in splits_of(data)] == [(50, 5)] * 3
    data = load_arrays(frame_of(300, t=np.arange(300), y=np.arange(300) / 7), time="t", limit=20)
    assert all((np.diff(split.targets) > 0).all() for split in splits_of(data))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"group": "g", "time": "t"}, "`group` or `time`, not both"),
        ({"group": "gg"}, r"`group` to name a column \(did you mean 'g'\?\)"),
        ({"group": "y"}, "`group` not to name a target"),
        ({"time": "bad"}, r"`time` to be numbers or dates.*value='nan', column='bad', row=2"),
        ({"shares": (0.5, 0.5)}, "`shares`"),
        ({"shares": (0.1,)}, "`shares`"),
        ({"shares": (0.001, 0.001)}, "enough examples to hold out"),
        ({"kinds": {"z": "number"}}, "`kinds` to name a column"),
        ({"kinds": {"x": "numbers"}}, r"kind of 'x'.*did you mean 'number'"),
        ({"kinds": ["x"]}, "`kinds` to be a dictionary"),
        ({"target": 3}, "`target` to be a name"),
        ({"target": ["y", "y"]}, "different columns"),
    ],
)
def test_options_that_cannot_be(options, message):
    frame = frame_of(60, g=np.arange(60) // 3, t=np.arange(60.0), y=[0, 1] * 30)
    frame["bad"] = [1.0, np.nan] * 30
    with pytest.raises(ValueError, match=message) as caught:
        load_arrays(frame, **options)
    assert "Received:" in str(caught.value) and "\n" not in str(caught.value)
