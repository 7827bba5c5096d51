"""What TensorBoard reads of a search."""

import numpy as np
import pytest
from harness.search_runs import facts, made, trial
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

from keras_hadamard import search
from keras_hadamard.search.rebuild import write_reports


def read(folder):
    log = EventAccumulator(str(folder))
    log.Reload()
    scalars = {tag: [(e.step, e.value) for e in log.Scalars(tag)] for tag in log.Tags()["scalars"]}
    given = log.summary_metadata[metadata.SESSION_START_INFO_TAG].plugin_data.content
    started = metadata.parse_session_start_info_plugin_data(given)
    ended = metadata.parse_session_end_info_plugin_data(
        log.summary_metadata[metadata.SESSION_END_INFO_TAG].plugin_data.content
    )
    return scalars, started.hparams, ended.status


@pytest.fixture
def run(tmp_path):
    """Four trials judged by an error, of which one failed."""
    trials = [trial(n, "rmse", latency=2.0, latency_weight=0.5) for n in (1, 2, 3)]
    trials.append(trial(4, "rmse", status="failed", reason="ValueError: no"))
    known = facts("regression", ("price",), "rmse")
    return made(tmp_path / "run", trials, known, tensorboard=True)


def test_every_trial_has_its_parameters_its_curves_and_its_end(run):
    write_reports(run)
    folder = run.folder / "tensorboard"
    assert {p.name for p in folder.iterdir()} == {f"trial-{n}" for n in range(1, 5)}
    for one in run.records.trials:
        scalars, values, status = read(folder / f"trial-{one.number}")
        assert set(values) == set(one.configuration)
        assert values["gating"].string_value == one.configuration["gating"]
        rate = one.configuration["learning_rate"]
        assert np.isclose(values["learning_rate"].number_value, rate)
        assert status == (1 if one.completed else 2)
        if not one.completed:
            assert not scalars
            continue
        for tag, curve in (
            ("rmse_by_epoch", one.curve),
            ("loss_by_epoch", one.losses),
            ("validation_loss_by_epoch", one.validation_losses),
        ):
            np.testing.assert_allclose([v for _, v in scalars[tag]], curve, rtol=1e-6)
        # An error is ranked by its opposite, less what its costs cost.
        assert np.isclose(scalars["score"][0][1], one.score)
        assert np.isclose(scalars["value"][0][1], -one.score - 0.5)
        assert scalars["parameters"] == [(8, float(one.parameters))]


def test_a_report_writes_the_logs_again(run):
    write_reports(run)
    folder = run.folder / "tensorboard"
    next((folder / "trial-2").iterdir()).unlink()
    (folder / "trial-9").mkdir()
    search.rebuild_report(run.folder)
    assert {p.name for p in folder.iterdir()} == {f"trial-{n}" for n in range(1, 5)}
    assert read(folder / "trial-2")[0]["score"]


def test_no_logs_unless_asked_for(tmp_path):
    write_reports(made(tmp_path, [trial(1, "rmse")], facts("regression", ("price",), "rmse")))
    assert not (tmp_path / "tensorboard").exists()
