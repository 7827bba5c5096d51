"""Every lesson runs, in its quick form, and leaves its table and its picture."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "examples"
LESSONS = sorted(path.stem for path in FOLDER.glob("*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("lesson", LESSONS)
def test_lesson(lesson, tmp_path):
    # One thread each: the tests run in two processes.
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "TF_NUM_INTRAOP_THREADS": "1"}
    result = subprocess.run(
        [sys.executable, FOLDER / f"{lesson}.py", "--quick", "--out", tmp_path],
        capture_output=True,
        text=True,
        env=env,
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.splitlines()) >= 4, result.stdout
    with open(tmp_path / f"{lesson}.csv", newline="") as file:
        header, *rows = csv.reader(file)
    assert rows and all(len(row) == len(header) for row in rows)
    assert (tmp_path / f"{lesson}.png").read_bytes().startswith(b"\x89PNG")


def test_the_readme_of_the_lessons_names_them_all():
    text = (FOLDER / "README.md").read_text()
    assert all(f"{lesson}.py" in text for lesson in LESSONS)
