"""The figures of calibration: passes that are counted, memory that is seen."""

import sys
from pathlib import Path

import numpy as np
import pytest

# Behind what is installed, which is what the tests are of.
sys.path.append(str(Path(__file__).parents[2]))
from benchmarks.calibration import Peak, measured


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_the_peak_is_what_was_held_for_a_moment():
    with Peak() as peak:
        np.ones(2**23)
    assert 60 < peak.mebibytes < 128


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@pytest.mark.parametrize("criterion", ["wanda", "sparsegpt"])
def test_wanda_goes_through_the_data_once(criterion):
    found = measured(criterion, blocks=1, width=16, length=4, batches=2)
    kernels = 6
    assert found["kernels"] == kernels
    # SparseGPT sees the inputs that pruned kernels make, so that each waits for those before.
    assert found["passes"] == (1 if criterion == "wanda" else 1 + kernels)
    assert found["model"] == pytest.approx(4 * found["masks"], rel=0.2)
