"""The README and the pages that tools write: their code runs, their links lead somewhere."""

import re
from pathlib import Path

import keras
import pytest

from keras_hadamard import layers, models
from keras_hadamard.cli.catalogue import table
from keras_hadamard.layers.registry.fusions import FUSIONS

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("place", range(len(BLOCKS)))
def test_each_python_block_runs_by_itself(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(BLOCKS[place], f"block {place}", "exec"), {})


def test_own_build_takes_about_ten_lines():
    (block,) = (block for block in BLOCKS if "import keras_tuner" in block)
    body = block.partition("def build")[2].partition("\ntuner")[0]
    assert len(body.strip().splitlines()) <= 10


def test_the_readme_is_short():
    assert len(README.read_text("utf-8").splitlines()) <= 150


def test_links_lead_to_files():
    found = re.findall(r"\]\((?!https?:)([^)#]+)", README.read_text("utf-8"))
    assert len(found) > 10
    assert [link for link in found if not (ROOT / link).is_file()] == []


def test_the_table_of_layers_is_that_of_the_command():
    """Written by `keras-hadamard layers --markdown`."""
    assert table(layers.catalogue()) in (ROOT / "docs" / "catalogue.md").read_text("utf-8")
    assert all((ROOT / row.file).is_file() for row in layers.catalogue())


def test_every_model_and_fusion_is_named():
    networks = (ROOT / "docs" / "networks.md").read_text("utf-8")
    fusions = (ROOT / "docs" / "guides" / "fusions.md").read_text("utf-8")
    for name in dir(models):
        public = getattr(models, name)
        if isinstance(public, type) and issubclass(public, keras.Model):
            assert f"`{name}`" in networks, name
    for name in FUSIONS.names:
        assert f"`{name}`" in fusions, name
