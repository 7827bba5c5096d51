"""The layers and models on the numbers of the original authors' code."""

import pytest
from harness.golden import FOLDER, all_ports, check_golden

PORTS = all_ports()


def test_every_golden_file_has_a_port():
    assert {p.stem for p in FOLDER.glob("*.npz")} == set(PORTS)


@pytest.mark.parametrize(
    ("dtype", "jit"), [("float64", False), ("float64", True), ("float32", True)]
)
@pytest.mark.parametrize("name", sorted(PORTS))
def test_golden(name, dtype, jit):
    function, how = PORTS[name]
    check_golden(name, function, dtype, jit, **how)
