"""Every op by the compiler that users have; other tests ask for less optimisation."""

import os
import subprocess
import sys
from pathlib import Path

from harness.op_cases import CASES


def test_every_op_and_its_gradient():
    plain = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    result = subprocess.run(
        [sys.executable, "-m", "harness.default_compiler"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
        env=plain,
    )
    assert result.stdout.split() == ["equal:", str(len(CASES))], result.stderr
