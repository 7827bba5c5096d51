"""A C++ program on TensorFlow's own loader, as the server is, gets the numbers that Keras gets."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import serving.serving_models as models
import tensorflow as tf

from keras_hadamard import serving

SOURCE = Path(__file__).with_name("load_saved_model.cc")
COMPILER = shutil.which("g++") or shutil.which("clang++")


def feed(inputs):
    lines = []
    for name, value in inputs.items():
        kind = "int" if value.dtype == np.int32 else "float"
        numbers = [value.ndim, *value.shape, *value.ravel().tolist()]
        lines.append(" ".join([name, kind, *map(repr, numbers)]))
    return "\n".join(lines) + "\n"


def outputs(text):
    found = {}
    for line in text.splitlines():
        name, rank, *rest = line.split()
        shape = tuple(map(int, rest[: int(rank)]))
        found[name] = np.array(rest[int(rank) :], "float32").reshape(shape)
    return found


@pytest.mark.slow
@pytest.mark.skipif(COMPILER is None, reason="there is no C++ compiler")
def test_the_same_numbers_in_cpp(tmp_path):
    program = tmp_path / "load_saved_model"
    folder = tf.sysconfig.get_lib()
    libraries = [f"{folder}/libtensorflow_{part}.so.2" for part in ("cc", "framework")]
    flags = ["-w", *tf.sysconfig.get_compile_flags()]
    subprocess.run(
        [COMPILER, *flags, str(SOURCE), "-o", str(program), *libraries, f"-Wl,-rpath,{folder}"],
        check=True,
    )

    def run(path, inputs):
        return subprocess.run(
            [str(program), str(path)], input=feed(inputs), capture_output=True, text=True
        )

    model = models.two_branches()
    path = serving.export(model, tmp_path / "good")
    for batch in (1, 3, 8):
        inputs = models.two_branch_inputs(batch)
        expected = model.predict([inputs["tokens"], inputs["image"]], verbose=0)
        done = run(path, inputs)
        assert done.returncode == 0, done.stderr
        found = outputs(done.stdout)
        assert set(found) == {"score", "fused"}
        for name, value in expected.items():
            scale = np.abs(value).max()
            np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-5 * scale)

    models.jit_inside().export(str(tmp_path / "bad"), verbose=False)
    done = run(tmp_path / "bad", {"x": np.ones((2, 4), "float32")})
    assert done.returncode == 1 and "XLA compilation disabled" in done.stderr
