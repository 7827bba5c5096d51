"""The README's code runs as it stands, in the order it stands in."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_python_blocks_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(blocks) == 4
    names = {}
    # The served model is that of the first block.
    for block in [blocks[0], blocks[1], blocks[3], blocks[2]]:
        exec(compile(block, str(README), "exec"), names)
    assert names["tuner"].oracle.get_space().get("fusion") == "concat"


def test_own_build_takes_about_ten_lines():
    (block,) = re.findall(
        r"```python\n(import keras\nimport keras_tuner.*?)```", README.read_text(), re.DOTALL
    )
    body = block.partition("def build")[2].partition("\ntuner")[0]
    assert len(body.strip().splitlines()) <= 10
