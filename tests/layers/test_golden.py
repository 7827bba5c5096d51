"""The layers and models on the numbers of the original authors' code."""

import pytest
from harness.golden import FOLDER, all_ports, check_golden

PORTS = all_ports()


def test_every_golden_file_has_a_port():
    assert {p.stem for p in FOLDER.glob("*.npz")} == set(PORTS)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", sorted(PORTS))
def test_golden(name, dtype):
    function, how = PORTS[name]
    check_golden(name, function, dtype, **how)
