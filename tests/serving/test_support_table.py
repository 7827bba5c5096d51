"""The support table is of the layers that there are, and says what is so."""

import csv
import importlib.util
from pathlib import Path

import pytest
from harness import support
from harness.layer_cases import PUBLIC, all_cases

FOLDER = Path(__file__).parents[2] / "benchmarks"
COMMAND = "run benchmarks/support.py"
with (FOLDER / "support.csv").open(newline="", encoding="utf-8") as file:
    ROWS = {row.pop("layer"): row for row in csv.DictReader(file)}
CASES = support.first_cases(all_cases())
# Some of them, other ones as layers come: all take minutes.
SAMPLE = sorted(set(ROWS) & set(CASES), key=lambda name: name[::-1])[::16]


def test_every_layer_has_a_row():
    assert set(PUBLIC) == set(CASES)
    assert sorted(set(CASES) - set(ROWS)) == [], COMMAND
    assert sorted(set(ROWS) - set(CASES)) == [], COMMAND


def test_every_cell_is_a_tick_or_has_its_reason():
    for name, row in ROWS.items():
        assert tuple(row) == support.COLUMNS
        assert all(cell == support.YES or len(cell) > 10 for cell in row.values()), name


def test_every_layer_is_served_with_and_without_xla():
    for column in ("SavedModel", "without XLA"):
        assert {name: row[column] for name, row in ROWS.items() if row[column] != "yes"} == {}


def test_the_page_is_of_the_table():
    spec = importlib.util.spec_from_file_location("support_script", FOLDER / "support.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert (FOLDER / "support.md").read_text("utf-8") == script.page(script.read()), COMMAND


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLE)
def test_a_sample_of_the_rows_is_made_again(name):
    columns = ["LiteRT", "LiteRT int8"]
    if importlib.util.find_spec("onnxruntime") and importlib.util.find_spec("tf2onnx"):
        columns.append("ONNX")
    made = support.row(CASES[name], tuple(columns))
    # How far off eight bits are differs a little between processors; whether, does not.
    ticks = {column: cell == support.YES for column, cell in made.items()}
    assert ticks == {column: ROWS[name][column] == support.YES for column in columns}, COMMAND
