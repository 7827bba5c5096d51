"""Every layer learns with its defaults: the table that says so, and some of its rows again."""

import re
from pathlib import Path

import pytest
from harness.layer_cases import PUBLIC

from benchmarks.train_defaults.frames import FRAME_OF, FRAMES
from benchmarks.train_defaults.training import trained
from keras_hadamard import layers

ROOT = Path(__file__).parents[2]

TABLE = (ROOT / "benchmarks" / "train_defaults.md").read_text(encoding="utf-8")


def test_every_layer_stands_in_the_table_and_none_misses_its_bound():
    rows = re.findall(r"^\| `(\w+)` \| ([\w ]+) \| \**([\d.]+)\** \|", TABLE, re.MULTILINE)
    assert [name for name, _, _ in rows] == list(FRAME_OF)
    assert set(FRAME_OF) == set(PUBLIC)
    for name, frame, right in rows:
        assert FRAME_OF[name] == frame
        assert float(right) >= 100 * FRAMES[frame].least, name


@pytest.mark.slow
def test_layers_that_once_did_not_train():
    names = ["HyenaOperator", "MonarchMixer", "PolynomialResidualBlock2D"]
    for name, (right, _) in trained(names, seeds=(0,)).items():
        assert right >= FRAMES[FRAME_OF[name]].least, name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["FourierFilter", "GaborFilter"])
def test_filters_of_scattered_points_want_a_small_scale(name):
    kind = getattr(layers, name)
    found = trained([name], seeds=(0,), make=lambda: kind(32, input_scale=3.0))
    assert found[name][0] > 0.5
