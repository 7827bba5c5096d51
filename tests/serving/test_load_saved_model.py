"""A C++ program on TensorFlow's own loader, as the server is, gets the numbers that Keras gets."""

import shutil
import subprocess
from pathlib import Path

import keras
import numpy as np
import pytest
import serving.serving_models as models

from benchmarks.serving_load.program import built
from keras_hadamard import layers, serving

SOURCE = Path(__file__).with_name("load_saved_model.cc")
COMPILER = shutil.which("g++") or shutil.which("clang++")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(COMPILER is None, reason="there is no C++ compiler"),
]


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """Runs the program on a SavedModel and batches."""
    program = built(tmp_path_factory.mktemp("loader"), SOURCE)

    def run(path, *batches, load=()):
        return subprocess.run(
            [str(program), str(path), *map(str, load)],
            input="\n".join(map(feed, batches)),
            capture_output=True,
            text=True,
        )

    return run


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


def assert_same(text, model, batches):
    parts = text.split("\n\n")
    for part, inputs in zip(parts, batches, strict=False):
        expected = model([inputs["tokens"], inputs["image"]])
        found = outputs(part)
        assert set(found) == set(expected)
        for name, value in expected.items():
            scale = np.abs(value).max()
            np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-5 * scale)
    return parts[len(batches) :]


def test_the_same_numbers_in_cpp(program, tmp_path):
    model = models.two_branches()
    path = serving.export(model, tmp_path / "good")
    batches = [models.two_branch_inputs(batch) for batch in (1, 3, 8)]
    done = program(path, *batches)
    assert done.returncode == 0, done.stderr
    assert assert_same(done.stdout, model, batches) == [""]

    models.jit_inside().export(str(tmp_path / "bad"), verbose=False)
    done = program(tmp_path / "bad", {"x": np.ones((2, 4), "float32")})
    assert done.returncode == 1 and "XLA compilation disabled" in done.stderr


def many_domains():
    """A layer of each domain, over an image and tokens."""
    tokens = keras.Input((5,), dtype="int32", name="tokens")
    image = keras.Input((4, 4, 3), name="image")
    seen = layers.StarBlock2D()(keras.layers.Conv2D(8, 3, padding="same")(image))
    seen = keras.layers.Flatten()(layers.PolyNonLocal()(layers.SqueezeExcite2D()(seen)))
    read = layers.MinGRU(16)(keras.layers.Embedding(10, 8)(tokens))
    fused = layers.MUTAN(16, rank=3)([seen, read])
    return keras.Model(
        [tokens, image], {"score": layers.PolynomialDense(4, degree=2)(fused), "fused": fused}
    )


def test_ten_thousand_requests(program, tmp_path):
    """From four threads, batch sizes mixed: no error, no growth of memory, the same outputs."""
    model = many_domains()
    path = serving.export(model, tmp_path)
    batches = [models.two_branch_inputs(batch) for batch in (1, 8, 3, 32, 1, 5, 2, 16)]
    done = program(path, *batches, load=(10_000, 4))
    assert done.returncode == 0, done.stderr
    (last,) = assert_same(done.stdout, model, batches)
    words = last.split()
    said = dict(zip(words[:6:2], words[1:6:2], strict=True))
    assert said == {"requests": "10000", "errors": "0", "different": "0"}, last
    before, after = map(int, words[7:9])
    assert before > 10_000 and after <= 1.02 * before, last
