"""The layers and models on the numbers of the original authors' code."""

import pytest
from harness.golden import FOLDER, all_references, check_golden

REFERENCES = all_references()


def test_every_golden_file_has_a_port():
    assert {p.stem for p in FOLDER.glob("*.npz")} == set(REFERENCES)


@pytest.mark.whole
@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_in_float64(name):
    function, how = REFERENCES[name]
    check_golden(name, function, "float64", **how)


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_in_float32(name):
    function, how = REFERENCES[name]
    check_golden(name, function, "float32", **how)
