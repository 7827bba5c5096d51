"""Axes of an ONNX file have names that a reader understands, the same in each export."""

import keras
import pytest

from keras_hadamard import serving

onnx = pytest.importorskip("onnx")
pytest.importorskip("tf2onnx")


def axes(values):
    return {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in values
    }


def test_open_axes(tmp_path):
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    image = keras.Input((None, None, 3), name="image")
    rows = keras.layers.Embedding(7, 4)(tokens)
    seen = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3, padding="same")(image))
    outputs = {
        "score": keras.layers.Add()([keras.layers.GlobalMaxPooling1D()(rows), seen]),
        "steps": keras.layers.Dense(2)(rows),
    }
    path = tmp_path / "m.onnx"
    assert serving.export_onnx(keras.Model([tokens, image], outputs), path).ok
    graph = onnx.load(str(path)).graph
    assert axes(graph.input) == {
        "image": ["batch", "image_1", "image_2", 3],
        "tokens": ["batch", "tokens_1"],
    }
    found = axes(graph.output)
    assert found["score"] == ["batch", 4]
    assert found["steps"] in (["batch", "tokens_1", 2], ["batch", "steps_1", 2])
    named = {**found, **axes(graph.input), **axes(graph.value_info)}
    assert not [name for places in named.values() for name in places if "unk__" in str(name)]
