"""The table of models of others: what it says is what was done, and nothing that fails is lost."""

import csv
import pickle
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
# Behind what is installed, which is what the tests are of.
sys.path.append(str(ROOT))
from benchmarks.foreign_models import columns, processes, rows, table, work  # noqa: E402
from benchmarks.foreign_models.load import compared  # noqa: E402
from benchmarks.foreign_models.subject import Subject, near  # noqa: E402
from benchmarks.ticks import YES  # noqa: E402

# What a process of rows prints: of the second model it dies, and of the third it finds no end.
WORKER = """
import os, sys, time
for name in sys.argv[1:]:
    print(f"{name}\\ta\\tyes", flush=True)
    if name == "dies":
        os._exit(3)
    time.sleep(99 if name == "hangs" else 0)
    print(f"{name}\\tb\\tno, ever", flush=True)
"""


def test_the_page_shows_the_table_and_every_row_is_whole(tmp_path, monkeypatch):
    found = table.read(list(columns.COLUMNS))
    with table.TABLE.open(newline="", encoding="utf-8") as file:
        assert [row["model"] for row in csv.DictReader(file)] == list(found)
    assert set(found) <= set(rows.ROWS)
    assert all(all(row.values()) for row in found.values())
    written = table.TABLE.read_text("utf-8"), table.PAGE.read_text("utf-8")
    monkeypatch.setattr(table, "TABLE", tmp_path / "t.csv")
    monkeypatch.setattr(table, "PAGE", tmp_path / "t.md")
    table.write(found, list(columns.COLUMNS))
    assert (table.TABLE.read_text("utf-8"), table.PAGE.read_text("utf-8")) == written


def test_rows_of_another_table_are_made_again(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "TABLE", tmp_path / "t.csv")
    assert table.read(["a"]) == {}
    table.TABLE.write_text("model,a,b\nm,yes,no\n", "utf-8")
    assert table.read(["a", "b"]) == {"m": {"a": "yes", "b": "no"}}
    assert table.read(["a", "b", "c"]) == {}


def test_a_process_that_ends_costs_one_row(monkeypatch):
    monkeypatch.setattr(processes, "COMMAND", [sys.executable, "-c", WORKER])
    found = dict(processes.measured(["one", "dies", "hangs", "last"], ["a", "b"], limit=2))
    # What found no end in time has no row: it may have one on a machine that does nothing else.
    assert list(found) == ["one", "dies", "last"]
    assert found["one"] == found["last"] == {"a": "yes", "b": "no, ever"}
    assert found["dies"] == {"a": "yes", "b": "ends the process"}


@pytest.fixture(scope="module")
def subject():
    return Subject(rows.ROWS["Sequential"]())


@pytest.mark.parametrize("column", ["magnitude", "RigL", "SparseGPT", "strip", "VeRA", "merge"])
def test_a_cell(subject, column):
    columns.COLUMNS[column](subject)


def test_a_column_that_fails_says_why_and_the_others_go_on(monkeypatch, capsys):
    def fails(subject):
        raise ValueError("no\nkernels")

    monkeypatch.setattr(columns, "COLUMNS", {"a": fails, "magnitude": columns.COLUMNS["magnitude"]})
    work.row("Sequential")
    assert capsys.readouterr().out.splitlines() == [
        "Sequential\ta\tValueError: no kernels",
        f"Sequential\tmagnitude\t{YES}",
    ]


def test_files_that_give_other_outputs_are_told(subject, tmp_path):
    subject.model.save(tmp_path / "base.keras")
    for shift, wanted in ((0, None), (1, "the base model: AssertionError: off by")):
        outputs = {"base": np.asarray(subject.outputs) + shift}
        (tmp_path / "said.pickle").write_bytes(pickle.dumps((subject.x, outputs)))
        said = compared(tmp_path)
        assert said is None if wanted is None else said.startswith(wanted)


def test_every_output_counts():
    near({"a": [1.0], "b": [2.0]}, {"a": [1.0], "b": [2.0]})
    with pytest.raises(AssertionError, match="off by"):
        near({"a": [1.0], "b": [2.0]}, {"a": [1.0], "b": [2.1]})
    with pytest.raises(AssertionError, match="off by nan"):
        near([np.nan], [1.0])


def test_inputs_are_what_the_model_takes():
    ids = keras.Input((None,), dtype="int32", name="token_ids")
    mask = keras.Input((None,), dtype="int32", name="padding_mask")
    model = keras.Model(
        {"token_ids": ids, "padding_mask": mask}, keras.ops.cast(ids * mask, "float32")
    )
    x = Subject(model).x
    assert x["token_ids"].shape == x["padding_mask"].shape == (4, 6)
    assert x["padding_mask"].min() == 1
    assert 1 < x["token_ids"].max() < 11
