"""An option stands in one place: checks, command line, identity and docstring read its field."""

from dataclasses import fields

import numpy as np
import pytest

from keras_hadamard.cli import main
from keras_hadamard.search import SearchError, SearchSettings
from keras_hadamard.search.problem import Problem
from keras_hadamard.search.run_folder import identity
from keras_hadamard_cli.main import parser
from keras_hadamard_cli.search import given

OPTIONS = [f for f in fields(SearchSettings) if "kind" in f.metadata]


def typed(line):
    return given(parser().parse_args(["search", "data.csv", *line.split()]))


def test_every_option_is_in_help_and_docstring(capsys):
    assert main(["search", "--help"]) == 0
    text = capsys.readouterr().out
    for option in OPTIONS[1:]:
        flag = option.metadata.get("flag", option.name).replace("_", "-")
        assert f"--{flag}" in text, option.name
        assert f"        {option.name}: " in SearchSettings.__doc__


def test_what_is_not_typed_is_left_to_the_settings():
    assert typed("") == {"dataset": "data.csv"}


def test_what_is_typed_arrives():
    line = (
        "--target price,rent --kind zip=category --kind note=text --space gating,fusion "
        "--max-trials 3 --budget 1.5h --weight macs=0.1 --shares 0.2,0.1 --calibrate "
        "--trial-resources cpu=2 --objective mae --max-latency-ms 0.5 --seed 0"
    )
    assert typed(line) == {
        "dataset": "data.csv",
        "target": ("price", "rent"),
        "kinds": {"zip": "category", "note": "text"},
        "spaces": ("gating", "fusion"),
        "max_trials": 3,
        "budget": 5400.0,
        "weights": {"macs": 0.1},
        "shares": (0.2, 0.1),
        "calibrate": True,
        "trial_resources": {"cpu": 2.0},
        "objective": "mae",
        "max_latency_ms": 0.5,
        "seed": 0,
    }
    settings = SearchSettings(**typed(line))
    assert settings.spaces == ("fusion", "gating") and settings.folder.name == "data"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--max-trials 0", "a positive integer"),
        ("--max-trials many", "a positive integer"),
        ("--seeds 2", "an integer of at least 3"),
        ("--space pooling", "some of fusion"),
        ("--space ,", "some of fusion"),
        ("--budget soon", "a positive time"),
        ("--budget 0", "a positive time"),
        ("--latency-weight -0.1", "a number that is not negative"),
        ("--weight latency=1", "weights of parameters, macs, exported"),
        ("--weight macs", "weights of"),
        ("--kind age=integer", "columns and kinds"),
        ("--shares 0.5", "the shares of validation and test"),
        ("--shares 0.9,0.2", "the shares of validation and test"),
        ("--objective speed", "invalid choice"),
        ("--task guess", "invalid choice"),
        ("--max-latency-ms 0", "a positive number"),
        ("--trial-resources tpu=1", "amounts of cpu"),
    ],
)
def test_a_wrong_value_is_one_line_with_what_was_expected(line, expected, capsys):
    assert main(["search", "data.csv", *line.split()]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and expected in error and line.split()[0] in error


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_trials": True},
        {"shares": (0.5,)},
        {"shares": 0.5},
        {"target": ()},
        {"target": ("",)},
        {"kinds": {"a": "integer"}},
        {"kinds": "a"},
        {"class_weight": "heavy"},
        {"calibrate": 1},
        {"folds": 1},
        {"strategy": "mirrored", "workers": 2},
        {"group": "a", "time": "b"},
        {"folds": 3, "time": "b"},
        {"dataset": None},
    ],
)
def test_python_is_told_the_same(wrong):
    name = next(iter(wrong))
    with pytest.raises(SearchError, match=rf"^Expected {name} to be .* Received: {name}="):
        SearchSettings(**{"dataset": "data.csv", **wrong})


@pytest.mark.parametrize(
    ("dataset", "folder"),
    [
        ("a/b/prices.csv.gz", "runs/prices"),
        ("ds:1.0/x y.csv", "runs/x_y"),
        ("données.csv", "runs/données"),
        ({"x": 1}, "runs/search"),
    ],
)
def test_the_folder_has_the_name_of_the_data(dataset, folder):
    assert str(SearchSettings(dataset).folder) == folder


def test_the_identity_is_of_what_is_searched_and_not_of_where(problem):
    same = [problem(), problem(max_trials=99), problem(workers=2, out="elsewhere", budget=5.0)]
    assert len({str(identity(p)) for p in same}) == 1
    changes = [{"seed": 1}, {"objective": "auc"}, {"weights": {"macs": 0.1}}, {"folds": 3}]
    changes += [{"spaces": ("gating",)}, {"max_parameters": 5}, {"class_weight": "balanced"}]
    assert (
        len({str(identity(problem(**change))) for change in changes} | {str(identity(same[0]))})
        == 8
    )


def test_batches_and_epochs_follow_the_number_of_rows(problem):
    class Of:
        def __init__(self, rows):
            self.train = type("Split", (), {"targets": np.zeros(rows)})

    def chosen(rows, **settings):
        p = Problem(SearchSettings("data.csv", **settings), Of(rows))
        return p.batch_size, p.epochs

    assert chosen(20) == (16, 60)
    assert chosen(124) == (16, 50)
    assert chosen(1_000) == (64, 25)
    assert chosen(100_000) == (128, 8)
    assert chosen(20, batch_size=4, epochs=2) == (4, 2)


def test_an_objective_of_another_task_is_refused(problem):
    with pytest.raises(SearchError, match=r"one of accuracy, .* for binary.*objective='rmse'"):
        problem(objective="rmse").check()


def test_time_of_trials_at_the_same_time_counts_once(tmp_path):
    from keras_hadamard.search.records import Records
    from keras_hadamard.search.trainings import Trial

    def trial(number, started, seconds):
        return Trial(
            status="failed",
            configuration={"gating": "dense"},
            seed=0,
            objective="auc",
            score=None,
            parameters=None,
            seconds=seconds,
            epochs=1,
            curve=[],
            started=started,
            number=number,
        )

    spans = [(100.0, 10.0), (105.0, 10.0), (106.0, 2.0), (200.0, 5.0)]
    trials = [trial(n, *span) for n, span in enumerate(spans, 1)]
    records = Records(tmp_path, trials)
    assert (records.wall_seconds, records.seconds) == (20.0, 27.0)


def test_balanced_weights(problem):
    made = problem(class_weight="balanced")
    counts = np.bincount(made.data.train.targets)
    weighted = counts * [made.class_weight[c] for c in range(2)]
    np.testing.assert_allclose(weighted, counts.sum() / 2)
