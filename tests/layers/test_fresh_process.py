"""Every public layer in a `.keras` file, loaded by a process that has only imported the package."""

import subprocess
import sys

import numpy as np
import pytest
from harness.joined import inputs_of, joined, parts_of
from harness.sample import cases_of_this_run

CASES = cases_of_this_run()
# A file has a cost of its own, and so has a large model.
PARTS = parts_of(CASES, 42)
LOAD = """
import sys
import keras, keras_hadamard
keras_hadamard.config.set_eager_compile(False)  # as in the process that saved
import numpy as np

for part in sys.argv[1:]:
    model = keras.models.load_model(f"{part}.keras", safe_mode=True)  # no custom_objects
    arrays = dict(np.load(f"{part}.npz"))
    outputs = model([arrays[f"input_{i}"] for i in range(len(model.inputs))])
    for name, y in outputs.items():
        np.testing.assert_array_equal(y, arrays[f"output_{name}"], err_msg=name)
print("equal")
"""


@pytest.mark.slow
def test_files_load_in_a_fresh_process(tmp_path):
    files = [str(tmp_path / f"part_{n}") for n in range(len(PARTS))]
    for file, cases in zip(files, PARTS, strict=True):
        model, arrays = joined(cases), inputs_of(cases)
        model.save(f"{file}.keras")
        np.savez(
            f"{file}.npz",
            **{f"input_{i}": x for i, x in enumerate(arrays)},
            **{f"output_{name}": np.asarray(y) for name, y in model(arrays).items()},
        )
    result = subprocess.run([sys.executable, "-c", LOAD, *files], capture_output=True, text=True)
    assert result.stdout.split() == ["equal"], result.stderr
