"""The layers and models on the numbers of the original authors' code."""

import numpy as np
import pytest
from harness.golden import FOLDER, all_ports, check_golden

PORTS = all_ports()
# The gradient of a block or a network of more parameters than this takes XLA seconds, so it is
# compiled once, in float32: the ops that it is made of have tests of their own in both types.
LARGE = 8


def modes(name):
    count = sum(key.startswith("param::") for key in np.load(FOLDER / f"{name}.npz").files)
    both = [("float64", False), ("float32", True)]
    return both if count > LARGE else [*both, ("float64", True)]


def test_every_golden_file_has_a_port():
    assert {p.stem for p in FOLDER.glob("*.npz")} == set(PORTS)


@pytest.mark.parametrize(
    ("name", "dtype", "jit"), [(name, *mode) for name in sorted(PORTS) for mode in modes(name)]
)
def test_golden(name, dtype, jit):
    function, how = PORTS[name]
    check_golden(name, function, dtype, jit, **how)
