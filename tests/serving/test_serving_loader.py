import ctypes
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_hadamard import serving
from keras_hadamard.serving import _loader


def test_tensorflow_still_has_the_private_switch():
    """When this fails, TensorFlow has moved what `disable_xla` needs: see tests/serving/*.cc."""
    library = ctypes.CDLL(str(Path(tf.sysconfig.get_lib(), "libtensorflow_cc.so.2")))
    assert hasattr(library, _loader._DISABLE_XLA)


def test_a_missing_switch_is_said(monkeypatch):
    monkeypatch.setattr(_loader, "_DISABLE_XLA", "_ZN10tensorflow7MissingEv")
    with pytest.raises(RuntimeError, match="has no DisableXlaCompilation where it is looked for"):
        _loader.disable_xla()


def test_a_switch_that_does_not_switch_is_said(monkeypatch):
    monkeypatch.setattr(_loader, "_DISABLE_XLA", "TF_Version")
    with pytest.raises(RuntimeError, match="XLA still compiles"):
        _loader.disable_xla()


def test_a_loader_that_dies(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    run = _loader.run(tmp_path, {"serving_default": {1: {"x": np.ones(1)}}})
    assert run.error == "the loader ended with 1: no message"


@pytest.mark.slow
def test_the_program_does_not_need_this_package():
    program = (
        "import runpy, sys; sys.argv = ['loader', '/missing', '/missing', '/missing'];"
        f"runpy.run_path({_loader.__file__!r}, run_name='__main__');"
        "print('keras_hadamard' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    said = done.stdout.splitlines()
    assert "does not load: " in said[0] and said[1] == "False", done.stderr


def test_calls_survive_the_file(tmp_path):
    batches = {
        1: {"file": np.ones((1, 2), "float16"), "a/b": np.array([b"x", b"long"], object)},
        3: {"half": tf.ones(3, tf.bfloat16).numpy(), "i": np.arange(3)},
    }
    _loader.save_calls(tmp_path / "b.npz", {"embed@warm-up": batches})
    back = _loader.load_calls(tmp_path / "b.npz")["embed@warm-up"]
    assert back[1]["file"].dtype == np.float16 and back[1]["a/b"].tolist() == [b"x", b"long"]
    assert back[3]["half"].dtype == np.float32 and back[3]["i"].tolist() == [0, 1, 2]


def test_without_the_switch_all_the_rest_is_checked(monkeypatch, tmp_path):
    """As on macOS and Windows, where there is no such library."""
    hidden = Path(_loader.__file__).read_text("utf-8").replace("libtensorflow_cc.so.2", "none.so")
    program = tmp_path / "loader.py"
    program.write_text(hidden, "utf-8")
    monkeypatch.setattr(_loader, "__file__", str(program))
    inputs = keras.Input((4,), name="x")
    model = keras.Model(inputs, keras.layers.Dense(2, name="y")(inputs))
    report = serving.check(serving.export(model, tmp_path / "m"))
    items = {item.name: item for item in report.items}
    assert str(items["XLA"]) == "skip  XLA            not switched off here: not checked"
    assert report.ok and items["XLA"].passed is None
    assert items["batch 8"].passed and items["batch 8"].detail == "runs"
    assert items["warm-up"].passed and items["outputs"].passed
