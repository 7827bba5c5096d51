"""What a summary may claim."""

import dataclasses
import re
from html.parser import HTMLParser

import numpy as np

from keras_hadamard.search.report import report
from keras_hadamard.search.summary import summary, verdict
from keras_hadamard.search.table import trial_rows


def test_a_clear_winner_is_called_one(go, formula):
    run, _ = go(max_trials=12)
    text = verdict(run)
    comparison = run.comparison()
    assert " beats the concat baseline" in text
    best, base = run.best.tests, run.baseline.tests
    assert np.isclose(comparison.difference, np.mean(best) - np.mean(base))
    spread = np.sqrt(np.var(best, ddof=1) + np.var(base, ddof=1))
    assert np.isclose(comparison.spread, spread)
    assert f"{100 * comparison.difference:+.2f} points" in text


def test_noise_is_called_noise(go, formula):
    formula.scores = dict.fromkeys(formula.scores, 0.6)
    formula.score = lambda c, seed: (
        0.6 + 0.03 * np.random.default_rng(seed).normal() + (0.001 if c["fusion"] == "mlb" else 0.0)
    )
    formula.test = lambda c, seed: (
        0.6 + 0.02 * np.random.default_rng(seed + len(c["fusion"])).normal()
    )
    run, printed = go(max_trials=12)
    assert not run.is_baseline(run.best)
    assert "does not beat the concat baseline beyond noise" in printed
    assert " beats the " not in verdict(run)


def test_a_baseline_that_wins_is_said_to(go, formula):
    formula.scores = {**dict.fromkeys(formula.scores, 0.4), "concat": 0.8}
    run, _ = go(max_trials=8, spaces=("fusion",), algorithm="grid")
    assert run.is_baseline(run.best)
    assert verdict(run).startswith("Nothing that was tried beats the concat baseline")


def test_better_on_validation_and_worse_on_test_is_said(go, formula):
    formula.test = lambda c, seed: 1.3 - formula.score(c, seed)
    run, _ = go(max_trials=12)
    assert "is worse than the concat baseline on test" in verdict(run)


def test_the_spread_of_every_finalist_is_shown(go, formula, tmp_path):
    run, _ = go(max_trials=12)
    text = (tmp_path / "run" / "summary.txt").read_text()
    for finalist in run.finalists:
        mean, deviation = np.mean(finalist.tests), np.std(finalist.tests, ddof=1)
        assert f"{mean:.4f} ± {deviation:.4f}" in text
    assert "pick of 12 trials" in text


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.sources, self.tags, self.text = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.sources += [v for n, v in attributes if n in ("src", "href")]

    def handle_data(self, data):
        self.text.append(data)


def test_the_report_is_one_file_with_pictures(go, formula, tmp_path):
    # Baseline and two more come through.
    good = ("concat", "mfb", "mrn")
    formula.fail = lambda c: None if c["fusion"] in good else "ValueError: a < b"
    run, _ = go(max_trials=12)
    html = (tmp_path / "run" / "report.html").read_text()
    page = Page()
    page.feed(html)
    assert len(page.sources) == 3
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert "script" not in page.tags and not re.search(r"https?://", html)
    text = " ".join(page.text)
    for title in ("Score by fusion", "Score against number of parameters", "Learning curves"):
        assert title in text
    assert verdict(run) in text
    assert "ValueError: a < b" in text
    assert page.tags.count("tr") == 1 + 12 + 1 + len(run.finalists)


def test_the_pareto_front():
    from keras_hadamard.search.pareto import pareto
    from keras_hadamard.search.records import Trial

    def trial(number, score, parameters):
        return Trial("completed", {}, 0, score, parameters, 1.0, 1, [score], number=number)

    trials = [trial(1, 0.5, 10), trial(2, 0.4, 20), trial(3, 0.7, 30), trial(4, 0.7, 40)]
    assert [t.number for t in pareto(trials)] == [1, 3]


def test_costs_that_were_measured_are_shown(go, formula):
    run, _ = go(max_trials=6)
    words = "multiplications", "megabytes", "milliseconds"
    assert not any(word in report(run) for word in words)
    trials = [
        dataclasses.replace(t, macs=1000 * t.number, exported=1 / t.number, latency=2.5)
        for t in run.records.trials
    ]
    # Without its cost a trial is not in the picture and not in the front.
    trials[2] = dataclasses.replace(trials[2], macs=None)
    run.records.trials[:] = trials
    page, text = report(run), summary(run)
    for word in words:
        assert f"Score against {word}" in page and f"<th>{word}</th>" in page and word in text
    best = run.best.trial
    assert f"{best.macs:,} multiplications of it, {best.exported:.2f} MB" in text
    assert "3,000" not in page and "4,000" in page
    assert {t.number for t in run.pareto("size", "macs", "exported")} <= {1, 2, 4, 5, 6}
    assert "multiplications" in trial_rows(run.records)[0]
