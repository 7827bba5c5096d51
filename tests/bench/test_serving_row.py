"""The row of the exported model: what it times gives the model's numbers."""

import contextlib

import numpy as np
import tensorflow as tf

from benchmarks.speed import serving as serving_rows
from keras_hadamard import serving


def test_what_is_timed_is_the_model(tmp_path):
    model = serving_rows._question_answering()
    path = serving.export(model, tmp_path)
    inputs = serving_rows._inputs(model, 3)
    with contextlib.closing(tf.compat.v1.Session(graph=tf.Graph())) as session:
        (found,) = serving_rows._served(session, path)(inputs)
    np.testing.assert_allclose(found, model(list(inputs.values())), rtol=1e-4, atol=1e-5)


def test_a_row_for_each_way_of_calling(monkeypatch):
    monkeypatch.setattr(serving_rows, "MODELS", {"small": serving_rows._question_answering})
    results = list(serving_rows.exported_model(1, True))
    assert [r.what.rpartition(" ")[2] for r in results] == ["model.predict", "model(x)"]
    assert all(r.figure > 0 and "/s" in r.ours and "/s" in r.reference for r in results)


def test_a_row_for_each_format():
    results = list(serving_rows.edge_formats(1, True))
    kinds = [r.what.partition(" as ")[2].partition(",")[0] for r in results]
    assert kinds[:4] == [f"LiteRT {p}" for p in ("float32", "float16", "dynamic", "int8")]
    assert all(r.passed for r in results if "int8" not in r.what), results
