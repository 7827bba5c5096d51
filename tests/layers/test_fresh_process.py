"""Every public layer in a `.keras` file, loaded by a process that has only imported the package."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from harness.layer_cases import all_cases

CASES = all_cases()
# A file has a cost of its own, and so has a large model.
PARTS = 8
LOAD = """
import sys
import keras, keras_hadamard
import numpy as np

for part in sys.argv[1:]:
    model = keras.models.load_model(f"{part}.keras")  # safe_mode, and no custom_objects
    arrays = dict(np.load(f"{part}.npz"))
    outputs = model([arrays[f"input_{i}"] for i in range(len(model.inputs))])
    outputs = [np.asarray(y) for y in keras.tree.flatten(outputs)]
    for i, (name, y) in enumerate(zip(model.output_names, outputs, strict=True)):
        np.testing.assert_array_equal(y, arrays[f"output_{i}"], err_msg=name)
print("equal")
"""


@pytest.mark.slow
def test_files_load_in_a_fresh_process(tmp_path):
    parts = [str(tmp_path / f"part_{n}") for n in range(PARTS)]
    for n, part in enumerate(parts):
        inputs, outputs, arrays = [], [], []
        for name in list(CASES)[n::PARTS]:
            case = CASES[name]
            given, values = case.symbolic(), case.inputs()
            outputs.append(case.build(name=name.replace("-", "_"))(given))
            inputs += given if case.many else [given]
            arrays += values if case.many else [values]
        model = keras.Model(inputs, outputs)
        made = keras.tree.flatten(model(arrays))
        model.save(f"{part}.keras")
        np.savez(
            f"{part}.npz",
            **{f"input_{i}": x for i, x in enumerate(arrays)},
            **{f"output_{i}": np.asarray(y) for i, y in enumerate(made)},
        )
    result = subprocess.run([sys.executable, "-c", LOAD, *parts], capture_output=True, text=True)
    assert result.stdout.split() == ["equal"], result.stderr
