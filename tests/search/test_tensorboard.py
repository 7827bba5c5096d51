"""What TensorBoard reads of a search."""

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

from keras_hadamard import tuning


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


def test_every_trial_has_its_parameters_its_curve_and_its_end(go, formula, tmp_path):
    formula.fail = lambda c: "ValueError: no" if c["fusion"] == "mfb" else None
    run, _ = go(max_trials=12, tensorboard=True)
    folder = tmp_path / "run" / "tensorboard"
    assert {p.name for p in folder.iterdir()} == {f"trial-{n}" for n in range(1, 13)}
    for trial in run.records.trials:
        scalars, values, status = read(folder / f"trial-{trial.number}")
        assert set(values) == set(trial.configuration)
        assert values["gating"].string_value == trial.configuration["gating"]
        rate = trial.configuration["learning_rate"]
        assert np.isclose(values["learning_rate"].number_value, rate)
        assert status == (1 if trial.completed else 2)
        if trial.completed:
            curve = [value for _, value in scalars["val_accuracy_by_epoch"]]
            np.testing.assert_allclose(curve, trial.curve, rtol=1e-6)
            assert scalars["parameters"] == [(2, 1000.0)]
    assert len({t.completed for t in run.records.trials}) == 2


def test_a_report_writes_the_logs_again(go, formula, tmp_path):
    go(max_trials=3, tensorboard=True)
    folder = tmp_path / "run" / "tensorboard"
    next((folder / "trial-2").iterdir()).unlink()
    (folder / "trial-9").mkdir()
    tuning.redraw(tmp_path / "run")
    assert {p.name for p in folder.iterdir()} == {"trial-1", "trial-2", "trial-3"}
    assert read(folder / "trial-2")[0]["val_accuracy"]


def test_no_logs_unless_asked_for(go, formula, tmp_path):
    go(max_trials=1)
    assert not (tmp_path / "run" / "tensorboard").exists()
