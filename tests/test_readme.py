"""The README's code runs as it stands, in the order it stands in."""

import re
from pathlib import Path

from keras_hadamard import layers, models, ops
from keras_hadamard.cli.catalogue import table

README = Path(__file__).parents[1] / "README.md"


def test_python_blocks_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(blocks) == 10
    names = {}
    # The served model is that of the first block.
    for block in [*blocks[:3], blocks[9], *blocks[3:9]]:
        exec(compile(block, str(README), "exec"), names)
    assert names["tuner"].oracle.get_space().get("fusion") == "concat"


def test_own_build_takes_about_ten_lines():
    (block,) = re.findall(
        r"```python\n(import keras\nimport keras_tuner.*?)```", README.read_text(), re.DOTALL
    )
    body = block.partition("def build")[2].partition("\ntuner")[0]
    assert len(body.strip().splitlines()) <= 10


def test_the_table_of_layers_is_that_of_the_command():
    """Written by `keras-hadamard layers --markdown`."""
    assert table(layers.catalogue()) in README.read_text()
    root = README.parent
    assert all((root / row.file).is_file() for row in layers.catalogue())


def test_every_model_and_op_is_named():
    text = README.read_text()
    for module in (models, ops):
        for name in dir(module):
            if callable(getattr(module, name)) and not name.startswith("_"):
                assert f"`{name}`" in text, name
