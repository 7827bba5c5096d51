"""An export without FFT leaves what is traced before and after it as it was."""

import keras
import numpy as np

from keras_hadamard import layers, serving
from keras_hadamard.serving._saved_model import read


def operations(path):
    return {n.op for f in read(path).graph_def.library.function for n in f.node_def}


def test_an_edge_export_among_calls_and_other_exports(tmp_path):
    inputs = keras.Input((8, 4), name="x")
    model = keras.Model(inputs, layers.HyenaOperator(8)(inputs))
    x = np.random.default_rng(0).normal(size=(2, 8, 4)).astype("float32")
    before = np.asarray(model(x))
    first = operations(serving.export(model, tmp_path / "served"))
    assert any("FFT" in name for name in first)
    # Only builtin operations, or the conversion fails.
    assert serving.export_litert(model, tmp_path / "m.tflite").ok
    np.testing.assert_array_equal(model(x), before)
    assert operations(serving.export(model, tmp_path / "served")) == first
    assert serving.export_litert(model, tmp_path / "again.tflite").ok
