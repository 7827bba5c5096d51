"""The report, as it is written and as a browser shows it."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from harness import browser
from harness.search_runs import CLASSES, FOREIGN, RUNS, configuration, facts, made, trial

from keras_hadamard.search.rebuild import write_reports
from keras_hadamard.search.reports.calibration import expected_calibration_error, sureness
from keras_hadamard.search.reports.data_figures import timeline
from keras_hadamard.search.reports.drawing import Look, padded
from keras_hadamard.search.reports.importance import importance
from keras_hadamard.search.reports.page import page
from keras_hadamard.search.reports.tables import trials_table
from keras_hadamard.search.verdict import verdict

KNOWN = facts("multiclass", CLASSES, "accuracy")
# The narrowest that counts, and a usual screen.
WIDTHS = (400, 1280)


class Page(HTMLParser):
    """The text and figures of a page, without its scripts."""

    def __init__(self, text):
        super().__init__()
        self.sources, self.tags, self.text, self.figures = [], [], [], {}
        self._inside = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        self.sources += [attributes[n] for n in ("src", "href") if n in attributes]
        if tag in ("script", "style"):
            self._inside = attributes.get("data-for", tag)

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self._inside = None

    def handle_data(self, data):
        if self._inside is None:
            self.text.append(data)
        elif self._inside.startswith("plot"):
            self.figures[self._inside] = json.loads(data)

    @property
    def said(self):
        return " ".join(" ".join(self.text).split())


def written(run):
    return Page(page(run, verdict(run)))


@pytest.mark.parametrize("name", RUNS)
def test_it_is_one_file_in_plain_utf8(tmp_path, name):
    run = RUNS[name](tmp_path)
    write_reports(run)
    text = (tmp_path / "report.html").read_bytes().decode("utf-8")
    found = Page(text)
    # Plotly once, the page's own script, and one for each figure.
    assert found.tags.count("script") == 2 + len(found.figures)
    assert not found.sources and not re.search(r"<(link|img|iframe|object)\b", text)
    assert all(sentence in found.said for sentence in verdict(run))
    assert all(part["data"] for part in found.figures.values())


def test_names_of_any_script_stand_as_they_are(tmp_path):
    found = written(RUNS["foreign"](tmp_path))
    said = " ".join(found.text)
    assert all(name in said for name in FOREIGN)
    assert "b" not in found.tags
    # In figures names are no markup of Plotly's.
    texts = json.dumps(found.figures, ensure_ascii=False)
    assert "&lt;b&gt;" in texts and "<b>" not in texts


def test_all_parts_are_there(tmp_path):
    found = written(RUNS["sixty"](tmp_path))
    for part in (
        "Score by fusion",
        "Importance of each choice",
        "All trials by their choices",
        "Score against number of parameters",
        "Score against milliseconds of one example",
        "Score against multiplications of one example",
        "Score against megabytes as it is served",
        "Learning curves: loss",
        "Learning curves: accuracy",
        "Timeline",
        "Confusion of the best on test",
        "Calibration of the best on test",
        "Finalists and other models on test",
        "Classes by split",
        "gradient boosting (no score: ValueError: too few rows)",
    ):
        assert part in found.said, part
    assert found.tags.count("tr") == 1 + 60 + 1 + 3 + 1 + 3 + 1 + 2 + 1 + 6


def test_numbers_have_residuals_in_place_of_a_confusion(tmp_path):
    found = written(RUNS["regression"](tmp_path))
    assert "Predicted against true price" in found.said and "Residuals of price" in found.said
    assert "Confusion" not in found.said and "Calibration" not in found.said
    assert "Classes by split" not in found.said


def test_a_search_that_runs_says_so_on_top(tmp_path):
    said = written(RUNS["one_trial"](tmp_path)).said
    assert said.index("The search has not ended: 1 of 6 trials") < said.index("nothing was tested")
    assert "There are too few trials to tell: it takes 20" in said


def test_the_table_of_trials(tmp_path):
    run = RUNS["failed_and_refused"](tmp_path)
    table = trials_table(run)
    assert table.head[:4] == ["rank", "trial", "score (accuracy)", "reason"]
    assert [row.cells[1].text for row in table.rows] == ["1 (baseline)", "2", "3", "4"]
    assert [row.kind for row in table.rows] == ["baseline", "failed", "failed", "failed"]
    failed = table.rows[1].cells
    assert failed[2].text == "failed" and failed[3].clipped and len(failed[3].text) > 60
    assert f'title="{failed[3].text}"'.replace("<b>", "&lt;b&gt;").replace(
        "</b>", "&lt;/b&gt;"
    ) in (page(run, verdict(run)))


def test_the_best_of_errors_is_the_smallest(tmp_path):
    run = made(tmp_path, [trial(n, "rmse") for n in range(1, 9)], facts("regression", "y", "rmse"))
    scores = [row.cells[2].order for row in trials_table(run).rows]
    assert scores == sorted(scores)


def test_importance_finds_what_matters():
    rng = np.random.default_rng(0)
    trials = []
    for n in range(1, 41):
        values = {"learning_rate": float(10 ** rng.uniform(-4, -2)), "gating": "ab"[n % 2]}
        score = 0.5 + 0.3 * (n % 2) + 0.001 * rng.normal()
        trials.append(trial(n, score=score, configuration=values))
    first, second = importance(trials)
    assert first.name == "gating" and first.low > 0.5
    assert second.name == "learning_rate" and second.low < 0.05 > second.middle
    assert importance(trials[:19]) is None
    assert importance([trial(n, score=0.5) for n in range(1, 41)]) is None


def test_the_calibration_error():
    # Said 0.9 and right every second time; said 0.2 and right every fifth.
    sure = np.array([0.9] * 10 + [0.2] * 10)
    right = np.array([True, False] * 5 + [True] * 2 + [False] * 8)
    assert np.isclose(expected_calibration_error(sure, right), 0.5 * 0.4)
    probabilities = np.array([[0.7, 0.3], [0.4, 0.6]])
    targets = np.array([0, 0])
    assert [list(x) for x in sureness("binary", targets, probabilities)] == [[0.3, 0.6], [0, 0]]
    assert [list(x) for x in sureness("multiclass", targets, probabilities)] == [[0.7, 0.6], [1, 0]]


def test_pauses_between_starts_are_left_out(tmp_path):
    times = {1: 0.0, 2: 10.0, 3: 86_400.0}
    trials = [trial(n, seconds=10.0, started=1e9 + t, worker="") for n, t in times.items()]
    run = made(tmp_path, trials, KNOWN)
    drawn = timeline(run, Look(run))
    (bars,) = drawn.figure.data
    assert list(bars.base) == [0, 10, 20] and list(bars.x) == [10, 10, 10]
    assert "Pauses" in drawn.caption
    run = made(tmp_path, trials[:2], KNOWN)
    assert "Pauses" not in timeline(run, Look(run)).caption


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.5], [0.0], [-3.0, None], [1e9, 1e9]])
def test_ranges_have_room_for_few_points(values):
    low, high = padded(values)
    assert all(low < v < high for v in values if v is not None)


def test_equal_kinds_share_no_look(tmp_path):
    trials = [
        trial(n, score=0.5, configuration={**configuration(1), "fusion": f"kind {n}"})
        for n in range(1, 25)
    ]
    look = Look(made(tmp_path, trials, KNOWN))
    looks = {(look.colour(k), look.symbol(k)) for k in map(look.kind, trials)}
    assert len(looks) == len(trials)


needs_chromium = pytest.mark.skipif(browser.CHROMIUM is None, reason="there is no Chromium")


@needs_chromium
@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in RUNS if name != "labels"])
def test_a_browser_shows_it_without_a_complaint(tmp_path, name):
    run = RUNS[name](tmp_path / name)
    write_reports(run)
    dark = name in ("classification", "one_trial", "foreign")
    for shown in browser.opened(run.folder / "report.html", tmp_path, WIDTHS, dark=dark):
        assert shown["errors"] == [] and shown["resources"] == []
        assert shown["drawn"] == shown["plots"] > 0
        # No part of the page is wider than the page, nor cut off by it.
        assert shown["scrollWidth"] <= shown["width"] and shown["widest"] <= shown["width"]
        assert shown["ink"] == ("rgb(230, 232, 235)" if dark else "rgb(29, 33, 38)")


SORT_AND_FILTER = """
  const table = [...document.querySelectorAll("table")].at(-1);
  const column = (i) => [...table.tBodies[0].rows].map((row) => row.cells[i].textContent);
  const press = (i) => table.tHead.rows[0].cells[i].firstElementChild.click();
  window.found = {};
  press(1); found.up = column(1);
  press(1); found.down = column(1);
  press(2); found.scores = column(2);
  const field = table.closest("section").querySelector("input");
  field.value = "FAILED"; field.dispatchEvent(new Event("input"));
  found.left = [...table.tBodies[0].rows].filter((row) => !row.hidden).length;
  found.said = table.closest("section").querySelector(".shown").textContent;
  const plot = document.querySelector(".plot");
  found.ink = plot._fullLayout.font.color;
  document.documentElement.style.setProperty("--ink", "#123456");
  for (const told of changed) told();
  found.changed = plot._fullLayout.font.color;
"""


@needs_chromium
@pytest.mark.slow
def test_headers_sort_and_a_field_filters(tmp_path):
    run = RUNS["sixty"](tmp_path / "run")
    write_reports(run)
    path = run.folder / "report.html"
    (shown,) = browser.opened(path, tmp_path, [1280], dark=True, script=SORT_AND_FILTER)
    assert shown["errors"] == []
    found = shown["found"]
    numbers = ["1 (baseline)", *(str(n) for n in range(2, 61))]
    assert found["up"] == numbers and found["down"] == numbers[::-1]
    scores = [float(s) for s in found["scores"] if s != "failed"]
    # Words stay behind numbers.
    assert scores == sorted(scores) and found["scores"][-3:] == ["failed"] * 3
    assert found["left"] == 3 and found["said"] == "3 of 60 rows"
    # Figures follow the page's colours, and again when the system turns light or dark.
    assert found["ink"] == "#e6e8eb" and found["changed"] == "#123456"
