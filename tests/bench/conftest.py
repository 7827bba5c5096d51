"""The benchmarks stand beside the package, behind what is installed, which is what is tested."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
