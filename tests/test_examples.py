"""Every example runs, in its quick form, and leaves its table and its picture."""

import csv
import functools
import os
import runpy
import sys
from pathlib import Path

# One example measures memory, which TensorFlow then counts; it reads this when it starts.
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "1")

import keras
import pytest

FOLDER = Path(__file__).parents[1] / "examples"
EXAMPLES = sorted(path.stem for path in FOLDER.glob("*.py"))


@pytest.fixture
def _nothing_compiled(monkeypatch):
    """Compiling takes most of a quick form's time, and is what other tests are for."""
    compiled = keras.Model.compile

    @functools.wraps(compiled)
    def plain(model, *args, **kwargs):
        compiled(model, *args, **{"jit_compile": False, **kwargs})

    monkeypatch.setattr(keras.Model, "compile", plain)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("example", EXAMPLES)
def test_example(example, tmp_path, monkeypatch, capsys, _nothing_compiled):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [f"{example}.py", "--quick", "--out", str(tmp_path)])
    runpy.run_path(str(FOLDER / f"{example}.py"), run_name="__main__")
    assert len(capsys.readouterr().out.splitlines()) >= 4
    with open(tmp_path / f"{example}.csv", newline="") as file:
        header, *rows = csv.reader(file)
    assert rows and all(len(row) == len(header) for row in rows)
    assert (tmp_path / f"{example}.png").read_bytes().startswith(b"\x89PNG")


def test_the_readme_of_the_examples_names_them_all():
    text = (FOLDER / "README.md").read_text()
    assert all(f"{example}.py" in text for example in EXAMPLES)
