"""What a search prints, on a terminal and elsewhere."""

import io
import re

import pytest
from harness.search_runs import CLASSES, facts, trial

from keras_hadamard.search.budget import Budget
from keras_hadamard.search.objectives import OBJECTIVES
from keras_hadamard.search.progress import Progress, clock
from keras_hadamard.search.records import Records

# What moves the cursor, and what makes bold.
ESCAPES = re.compile(r"\x1b\[[?\d;]*[A-Za-z]")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def one(number, score=0.75, **fields):
    return trial(number, score=score, seconds=20.0, **fields)


@pytest.fixture
def progress(tmp_path, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")

    def made(stream, width=200, objective="accuracy"):
        monkeypatch.setenv("COLUMNS", str(width))
        records = Records(tmp_path)
        return Progress(records, Budget(None, records), OBJECTIVES[objective], stream)

    return made


def shown(progress):
    with progress:
        given = {"fusion": "mlb", "gating": "glu", "learning_rate": 0.1}
        progress.begin("trial 1/3", given, 3)
        progress.epoch(2, 0.5)
        progress.records.trials.append(one(1))
        progress.end(progress.records.trials[0])
        progress.begin("trial 2/3", given, 2)
    return progress.stream.getvalue()


def test_a_terminal_has_one_live_line(progress):
    text = shown(progress(Terminal()))
    assert "epoch 2, accuracy 0.5000 | best -" in text
    # Each state takes the place of the one before.
    assert text.count("\x1b[2K") >= 3
    assert "trial 1/3  fusion=mlb gating=glu  accuracy 0.7500  20.0 s" in text
    # Whatever ends it, the cursor is there again.
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_an_error_leaves_the_terminal_as_it_was(progress):
    stream = Terminal()
    with pytest.raises(KeyboardInterrupt), progress(stream) as running:
        running.begin("trial 1/3", {}, 3)
        raise KeyboardInterrupt
    assert stream.getvalue().rindex("\x1b[?25h") > stream.getvalue().rindex("\x1b[?25l")


def test_the_live_line_never_wraps(progress):
    stream = Terminal()
    with progress(stream, width=40) as running:
        running.begin("trial 1/3", {"fusion": "a" * 50, "gating": "glu"}, 3)
    lines = re.split(r"[\r\n]", ESCAPES.sub("", stream.getvalue()))
    assert "gating" not in stream.getvalue()
    assert max(map(len, lines)) == 40 and max(lines, key=len).endswith("…")


def test_elsewhere_there_are_plain_lines_alone(progress, monkeypatch):
    # Some systems set it for all programs.
    monkeypatch.setenv("FORCE_COLOR", "1")
    text = shown(progress(io.StringIO(), width=30))
    assert "\r" not in text and "\x1b" not in text
    assert text.count("\n") == 1
    assert "best 0.7500 (trial 1)" in text and "about 0:40 left" in text


def test_scores_are_in_the_objectives_units(progress):
    running = progress(io.StringIO(), objective="rmse")
    running.begin("trial 1/3", {}, 3)
    running.end(one(1, 1234.5, objective="rmse"))
    assert "RMSE 1234  20.0 s" in running.stream.getvalue().replace("1235", "1234")


def test_a_failure_says_why(progress):
    running = progress(io.StringIO())
    running.begin("trial 1/3", {}, 3)
    running.end(one(1, status="failed", reason="ValueError: [bold]no"))
    assert "failed: ValueError: [bold]no  20.0 s" in running.stream.getvalue()


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()], ids=["pipe", "terminal"])
def test_the_data_is_described(progress, stream):
    running = progress(stream)
    running.describe(facts("multiclass", CLASSES, "accuracy"))
    head, columns, age, city, warning = ESCAPES.sub("", stream.getvalue()).splitlines()
    assert head == "Predicting by accuracy (multiclass), 700 train, 150 validation, 120 test"
    assert columns.split() == ["column", "kind", "role", "distinct", "missing", "encoding"]
    assert age.split()[:5] == ["age", "number", "input", "52", "3"]
    assert city.rstrip().endswith("47 values as ids, unseen is one of them")
    assert warning == "Look at this: Column 'age' has 3 missing values in train and none in test."


def test_a_stream_that_cannot_write_a_letter_gets_another(progress):
    raw = io.BytesIO()
    running = progress(io.TextIOWrapper(raw, "ascii"))
    running.say("Größe ± 1")
    running.stream.flush()
    assert raw.getvalue() == b"Gr??e ? 1\n"


def test_clock():
    assert [clock(s) for s in (0, 59.6, 600, 3725)] == ["0:00", "1:00", "10:00", "1:02:05"]


def test_time_of_an_earlier_start_counts_against_the_budget(tmp_path):
    records = Records(tmp_path, [one(1), one(2)])
    assert Budget(100, records).allows(2)
    assert not Budget(100, records).allows(3)
    assert not Budget(60, records).allows(1, reserve=9)
    assert Budget(None, records).allows(10**6)
