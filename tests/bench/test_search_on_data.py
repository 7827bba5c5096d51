"""The table of searches on six data sets: complete, and what it says of us holds in it."""

import re

from benchmarks.search_on_data import COLUMNS, DATA, FILE

HEAD, _, *ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in FILE.read_text(encoding="utf-8").splitlines()
    if line.startswith("|")
]


def _mean(cell):
    return float(re.match(r"[\d.]+", cell).group())


def test_each_data_set_has_its_row():
    assert ["data", "score", *COLUMNS] == HEAD
    assert [row[0] for row in ROWS] == list(DATA)
    assert all(len(row) == len(HEAD) for row in ROWS)
    # Only autokeras may be missing, where it cannot take the data.
    assert {name for row in ROWS for name, cell in zip(HEAD, row, strict=True) if cell == "-"} <= {
        "autokeras",
        "autokeras, s",
    }


def test_a_search_learns_something_everywhere():
    for row in ROWS:
        cells = dict(zip(HEAD, row, strict=True))
        sign = -1 if cells["score"] == "RMSE" else 1
        ours, guess = (sign * _mean(cells[name]) for name in ("ours", "majority or mean"))
        assert ours > guess, row
