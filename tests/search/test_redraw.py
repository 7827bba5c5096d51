"""Reports from a folder alone, runs side by side, and folders with something broken in them."""

import json

import numpy as np
import pytest

from keras_hadamard import tuning
from keras_hadamard.cli import main
from keras_hadamard.search.redraw import load_run, side_by_side
from keras_hadamard.search.summary import summary, verdict

REPORTS = ("report.html", "summary.txt", "trials.csv")


def test_reports_are_drawn_again_as_they_were(go, formula, tmp_path, capsys):
    run, _ = go(max_trials=12, latency_weight=0.01)
    folder = tmp_path / "run"
    before = {name: (folder / name).read_bytes() for name in (*REPORTS, "trials.json")}
    for name in REPORTS:
        (folder / name).unlink()
    formula.ran = []
    assert main(["report", str(folder)]) == 0
    assert capsys.readouterr().out == f"{folder}/report.html\n"
    assert {name: (folder / name).read_bytes() for name in before} == before
    assert formula.ran == []
    assert summary(load_run(folder)) == summary(run)


def test_a_search_that_was_interrupted_has_a_report(go, formula, tmp_path):
    formula.stop_at = 4
    with pytest.raises(KeyboardInterrupt):
        go()
    again = tuning.redraw(tmp_path / "run")
    assert len(again.records.trials) == 4
    assert verdict(again) == "No finalist could be trained, so there is no result."
    text = (tmp_path / "run" / "summary.txt").read_text()
    assert "The search has not ended: 4 of 6 trials." in text


def test_runs_side_by_side(go, formula, tmp_path, capsys):
    go(max_trials=12, out=tmp_path / "a")
    second, _ = go(max_trials=12, seed=5, out=tmp_path / "b")
    head, *rows = side_by_side([load_run(tmp_path / "a"), load_run(tmp_path / "b")])
    assert [row[0] for row in rows] == [str(tmp_path / "a"), str(tmp_path / "b")]
    assert f"{np.mean(second.best.tests):.4f}" in rows[1][head.index("test")]
    assert "p = " in rows[0][head.index("against its baseline")]
    assert rows[0][-1] == "-" and "95 % interval" in rows[1][-1]
    assert main(["report", "--compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == len(head)
    assert all(line.startswith(title) for line, title in zip(printed, head, strict=True))


def test_p_and_the_interval_say_the_same(go, formula):
    rng = np.random.default_rng(0)
    noise = {}
    formula.test = lambda c, seed: noise.setdefault((c["fusion"], seed), 0.6 + rng.normal() / 50)
    run, _ = go(max_trials=12)
    comparison = run.comparison()
    assert 0 < comparison.p < 1
    assert comparison.certain == (comparison.p < 0.05)


BROKEN = {
    "half": lambda text: text[: len(text) // 2],
    "no score": lambda text: text.replace('"score": 0.', '"score": "0.', 1).replace(",", '",', 1),
    "a trial twice": lambda text: text.replace('"number": 2', '"number": 1'),
    "another status": lambda text: text.replace('"completed"', '"compleded"', 1),
    "a curve of words": lambda text: text.replace('"curve": [', '"curve": ["a", ', 1),
    "no number": lambda text: text.replace('"parameters": 1000', '"parameters": "many"', 1),
    "no multiplications": lambda text: text.replace('"macs": null', '"macs": "many"', 1),
    "weights of words": lambda text: text.replace('"weights": null', '"weights": {"macs": "a"}', 1),
    "folds of words": lambda text: text.replace('"folds": null', '"folds": ["a"]', 1),
    "a best that is none": lambda text: text.replace('"best": {', '"best": [], "other": {', 1),
    "bytes": lambda text: text.replace("{", "\udcff", 1),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_record_is_named_and_nothing_is_overwritten(go, formula, tmp_path, kind, capsys):
    go(max_trials=2)
    folder = tmp_path / "run"
    text = (folder / "trials.json").read_text()
    broken = BROKEN[kind](text)
    assert broken != text
    (folder / "trials.json").write_bytes(broken.encode(errors="surrogateescape"))
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    with pytest.raises(tuning.SearchError, match=r"trials\.json is not a record"):
        go(max_trials=2)
    assert main(["report", str(folder)]) == 2
    assert "trials.json is not a record" in capsys.readouterr().err
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before


def test_a_broken_manifest_is_named_and_kept(go, formula, tmp_path):
    go(max_trials=2)
    (tmp_path / "run" / "run.json").write_text("{")
    with pytest.raises(tuning.SearchError, match=r"run\.json cannot be read"):
        go(max_trials=2)
    assert (tmp_path / "run" / "run.json").read_text() == "{"


def test_a_broken_checkpoint_is_named_and_nothing_is_overwritten(npz, tmp_path):
    from keras_hadamard.search.search import _export

    path, served = tmp_path / "trial-1-seed-0.keras", tmp_path / "serving"
    path.write_bytes(b"PK no model")
    (served / "1").mkdir(parents=True)
    (served / "1" / "saved_model.pb").write_text("mine")
    with pytest.raises(tuning.SearchError, match=r"trial-1-seed-0\.keras cannot be read"):
        _export(path, served, None)
    assert path.read_bytes() == b"PK no model"
    assert (served / "1" / "saved_model.pb").read_text() == "mine"


def test_folders_without_anything_to_report(go, formula, tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 2
    assert "holds no trials" in capsys.readouterr().err
    formula.fail = lambda c: "ValueError: no good"
    with pytest.raises(tuning.SearchFailed):
        go(max_trials=2)
    assert main(["report", str(tmp_path / "run")]) == 2
    assert "no trial that succeeded" in capsys.readouterr().err
    path = tmp_path / "run" / "trials.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "about": None}))
    assert main(["report", str(tmp_path / "run")]) == 2
    assert "does not say what was searched" in capsys.readouterr().err
