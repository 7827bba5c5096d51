"""The tables of results: layers side by side, other rows by themselves, misses in bold."""

import pytest

from benchmarks import speed as bench
from benchmarks.speed.markdown import markdown
from benchmarks.speed.rows import Result


def layer(column, figure, bound="<= 1.05"):
    return Result("MLB", f"(2, 3), {column}", "1 ms", "2 ms", figure, bound, "(2, 3)", column)


def test_layers_stand_side_by_side_and_a_miss_is_bold():
    scan = Result("gated_scan", "forward", "1 ms", "120 ms", 120.4, ">= 10")
    rows = {"MLB": [layer("forward", 0.5), layer("memory", 1.3, "<= 1.2")], "a_scan": [scan]}
    text = markdown(rows, "on two cores.\n", "python -m benchmarks")
    assert "`python -m benchmarks`: on two cores." in text
    assert "3 figures, of which 1 miss" in text
    assert "| layer | shapes | forward | memory |\n| --- | --- | --- | --- |" in text
    assert "| `MLB` | (2, 3) | 0.50 | **1.30** |" in text
    assert "## `a_scan`" in text
    assert "| `gated_scan` | forward | 120 | >= 10 | 1 ms | 120 ms |" in text


def test_a_layer_that_lacks_a_column_has_an_empty_cell():
    rows = {"MLB": [layer("forward", 0.5)], "MFB": [layer("memory", 0.5)]}
    assert "| `MLB` | (2, 3) | 0.50 |  |" in markdown(rows, "", "")


def test_the_command_writes_what_it_has_measured_when_a_later_row_fails(tmp_path, monkeypatch):
    def fails(repeats, quick):
        raise RuntimeError("no machine")

    monkeypatch.setitem(bench.ROWS, "fine", lambda repeats, quick: [layer("forward", 0.5)])
    monkeypatch.setitem(bench.ROWS, "fails", fails)
    path, other = tmp_path / "results.md", tmp_path / "results.json"
    with pytest.raises(RuntimeError, match="no machine"):
        bench.main(["fine", "fails", "--markdown", str(path), "--json", str(other)])
    assert "| `fine` | (2, 3) | 0.50 |" in path.read_text()
    assert '"figure": 0.5' in other.read_text()
