import io

from keras_hadamard.search.budget import Budget
from keras_hadamard.search.progress import Progress, clock
from keras_hadamard.search.records import Records, Trial


class Terminal(io.StringIO):
    def isatty(self):
        return True


def trial(number, score=0.75):
    return Trial(
        "completed", {"fusion": "mlb"}, 0, score, 10, 20.0, 5, [score], None, number=number
    )


def shown(stream, tmp_path):
    records = Records(tmp_path)
    progress = Progress(records, Budget(None, records), stream)
    progress.begin("trial 1/3", {"fusion": "mlb", "gating": "glu", "learning_rate": 0.1}, 3)
    progress.epoch(2, 0.5)
    records.trials.append(trial(1))
    progress.end(records.trials[0])
    return stream.getvalue()


def test_a_terminal_has_one_live_line(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    text = shown(Terminal(), tmp_path)
    assert text.count("\n") == 1
    live = text.split("\r\x1b[K")
    assert "best -" in live[1] and "epoch 2, 0.5000" in live[2]
    assert live[-1].startswith("trial 1/3  fusion=mlb gating=glu  score 0.7500  20.0 s")


def test_the_live_line_never_wraps(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    live = shown(Terminal(), tmp_path).split("\r\x1b[K")
    assert all(len(part) < 40 for part in live[1:3])


def test_elsewhere_there_are_plain_lines_alone(tmp_path):
    text = shown(io.StringIO(), tmp_path)
    assert "\r" not in text and "\x1b" not in text
    assert text.count("\n") == 1
    assert "best 0.7500 (trial 1)" in text and "about 0:40 left" in text


def test_clock():
    assert [clock(s) for s in (0, 59.6, 600, 3725)] == ["0:00", "1:00", "10:00", "1:02:05"]


def test_time_of_an_earlier_start_counts_against_the_budget(tmp_path):
    records = Records(tmp_path, [trial(1), trial(2)])
    assert Budget(100, records).allows(2)
    assert not Budget(100, records).allows(3)
    assert not Budget(60, records).allows(1, reserve=9)
    assert Budget(None, records).allows(10**6)
