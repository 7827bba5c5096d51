"""Reports from a folder alone, runs side by side, and folders with something broken in them."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from harness.search_runs import (
    CLASSES,
    facts,
    failed_and_refused,
    finish,
    made,
    one_trial,
    regression,
    trial,
)

from keras_hadamard import search
from keras_hadamard.cli import main
from keras_hadamard.search.export import write_best
from keras_hadamard.search.rebuild import about, side_by_side, write_reports
from keras_hadamard.search.records import Records
from keras_hadamard.search.run_folder import prepare
from keras_hadamard.search.summary import summary
from keras_hadamard.search.verdict import state

KNOWN = facts("multiclass", CLASSES, "accuracy")


def finished(folder, seed=0, **settings):
    """A run that has ended: two trials and their finals."""
    trials = [trial(1, score=0.6), trial(2, score=0.7)]
    return finish(made(folder, trials, KNOWN, seed=seed, **settings), tests=(0.8, 0.6))


def test_reports_are_written_again_as_they_were(tmp_path, capsys):
    run = finished(tmp_path / "run", latency_weight=0.01, kinds={"age": "number"})
    write_reports(run)
    names = ("report.html", "summary.txt", "trials.csv", "trials.json")
    before = {name: (run.folder / name).read_bytes() for name in names}
    for name in names[:3]:
        (run.folder / name).unlink()
    assert main(["report", str(run.folder)]) == 0
    assert capsys.readouterr().out == f"{run.folder}/report.html\n"
    assert {name: (run.folder / name).read_bytes() for name in names} == before
    again = search.load_run(run.folder)
    assert again.facts == run.facts and again.settings == run.settings
    assert summary(again) == summary(run)


@pytest.mark.parametrize("kind", [one_trial, failed_and_refused, regression])
def test_runs_of_all_states_are_read_back(tmp_path, kind):
    run = kind(tmp_path)
    again = search.rebuild_report(tmp_path)
    assert (again.best is None) == (run.best is None) and state(again) == state(run)
    assert summary(again) == (tmp_path / "summary.txt").read_text("utf-8") == summary(run)
    assert (tmp_path / "report.html").exists()


def test_finals_in_work_are_reported(tmp_path):
    run = finished(tmp_path)
    run.records.finals = run.records.finals[:1]
    run.records.best = None
    run.records.save()
    again = search.rebuild_report(tmp_path)
    assert "1 of 6 trainings of finalists" in state(again)
    assert again.comparison() is None


def test_data_in_memory_is_told_by_its_type(tmp_path):
    frame = pd.DataFrame({"a": [1], "target": [0]})
    settings = search.SearchSettings(
        frame, test=frame, out=tmp_path, target="target", mlflow="http://me:secret@host"
    )
    known = json.loads(json.dumps(about(settings, KNOWN, ("one",))))
    assert known["settings"]["dataset"] == known["settings"]["test"] == "DataFrame"
    assert known["notes"] == ["one"] and "secret" not in str(known)
    records = Records(tmp_path, [trial(1)], about=known)
    records.save()
    again = search.load_run(tmp_path)
    assert again.settings.source == "DataFrame" and again.settings.target == ("target",)
    assert again.notes == ("one",)


def test_runs_side_by_side(tmp_path, capsys):
    first = finished(tmp_path / "a")
    second = finished(tmp_path / "b", seed=5)
    none = failed_and_refused(tmp_path / "c")
    runs = [search.load_run(run.folder) for run in (first, second, none)]
    head, *rows = side_by_side(runs)
    assert [row[0] for row in rows] == [str(tmp_path / name) for name in "abc"]
    assert f"{np.mean(second.best.tests):.4f}" in rows[1][head.index("test")]
    assert "points better (standard deviation" in rows[0][head.index("against its baseline")]
    assert rows[0][-1] == "-" and "95 % interval" in rows[1][-1]
    assert rows[2][head.index("best")] == "none within the limits (at most 1,000 parameters)"
    assert rows[2][-1] == rows[2][head.index("test")] == "-"
    assert main(["report", "--compare", *(str(tmp_path / name) for name in "abc")]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == len(head)
    assert all(line.startswith(title) for line, title in zip(printed, head, strict=True))


def test_runs_of_other_data_are_not_compared(tmp_path):
    first, second = finished(tmp_path / "a"), finished(tmp_path / "b")
    other = dataclasses.replace(second.facts, sizes={**second.facts.sizes, "test": 7})
    second = dataclasses.replace(second, facts=other)
    assert [row[-1] for row in side_by_side([first, second])[1:]] == ["-", "-"]


def test_p_and_the_interval_say_the_same(tmp_path):
    run = finished(tmp_path)
    comparison = run.comparison()
    assert 0 < comparison.p < 1
    assert comparison.certain == (comparison.p < 0.05)


BROKEN = {
    "half": lambda text: text[: len(text) // 2],
    "no score": lambda text: text.replace('"score": 0.', '"score": "0.', 1).replace(",", '",', 1),
    "a trial twice": lambda text: text.replace('"number": 2', '"number": 1'),
    "another status": lambda text: text.replace('"completed"', '"compleded"', 1),
    "another objective": lambda text: text.replace('"objective": "acc', '"objective": "inacc', 1),
    "a curve of words": lambda text: text.replace('"curve": [', '"curve": ["a", ', 1),
    "no multiplications": lambda text: text.replace('"macs": null', '"macs": "many"', 1),
    "weights of words": lambda text: text.replace('"weights": null', '"weights": {"macs": "a"}', 1),
    "folds of words": lambda text: text.replace('"folds": null', '"folds": ["a"]', 1),
    "a best that is none": lambda text: text.replace('"best": {', '"best": [], "other": {', 1),
    "an older format": lambda text: text.replace('"format": 2', '"format": 1', 1),
    "bytes": lambda text: text.replace("{", "\udcff", 1),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_record_is_named_and_nothing_is_overwritten(tmp_path, kind, capsys):
    finished(tmp_path)
    text = (tmp_path / "trials.json").read_text()
    broken = BROKEN[kind](text)
    assert broken != text
    (tmp_path / "trials.json").write_bytes(broken.encode(errors="surrogateescape"))
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises(search.SearchError, match=r"trials\.json is not a record"):
        search.load_run(tmp_path)
    assert main(["report", str(tmp_path)]) == 2
    assert "trials.json is not a record" in capsys.readouterr().err
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_folders_without_anything_to_report(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 2
    assert "holds no trials" in capsys.readouterr().err
    finished(tmp_path)
    path = tmp_path / "trials.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "trials": content["trials"][1:]}))
    with pytest.raises(search.SearchError, match="no baseline yet"):
        search.load_run(tmp_path)
    for known in (None, {}, {**content["about"], "facts": {}}):
        path.write_text(json.dumps({**content, "about": known}))
        with pytest.raises(search.SearchError, match="does not say what was searched"):
            search.load_run(tmp_path)


def test_a_broken_manifest_is_named_and_kept(tmp_path):
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(search.SearchError, match=r"run\.json cannot be read"):
        prepare(tmp_path, {}, {})
    assert (tmp_path / "run.json").read_text() == "{"


def test_a_broken_checkpoint_is_named_and_nothing_is_overwritten(tmp_path):
    path, served = tmp_path / "trial-1-seed-0.keras", tmp_path / "serving"
    path.write_bytes(b"PK no model")
    (served / "1").mkdir(parents=True)
    (served / "1" / "saved_model.pb").write_text("mine")
    with pytest.raises(search.SearchError, match=r"trial-1-seed-0\.keras cannot be read"):
        write_best(None, path, tmp_path)
    assert path.read_bytes() == b"PK no model"
    assert (served / "1" / "saved_model.pb").read_text() == "mine"
