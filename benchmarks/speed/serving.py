"""Rows of an exported model against Keras's two ways of calling it."""

import contextlib
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.speed.measure import compare
from benchmarks.speed.rows import Result, row
from keras_hadamard import layers, models, serving

BATCHES = (1, 8, 32)


def _image_classifier() -> keras.Model:
    return models.StarNet("s050", input_shape=(64, 64, 3), classes=10)


def _question_answering() -> keras.Model:
    seen = keras.Input((256,), name="image")
    question = keras.Input((20,), dtype="int32", name="question")
    read = layers.MinGRU(128)(keras.layers.Embedding(1000, 64)(question))
    fused = layers.MUTAN(256, rank=5)([seen, read])
    return keras.Model([seen, question], keras.layers.Dense(100, name="answer")(fused))


MODELS = {"StarNet S050": _image_classifier, "MinGRU and MUTAN": _question_answering}


@row
def exported_model(repeats: int, quick: bool) -> Iterator[Result]:
    """Latency and throughput in a session, as the server runs it, for each batch size."""
    for name, make in MODELS.items():
        model = make()
        with tempfile.TemporaryDirectory() as folder:
            path = serving.export(model, Path(folder, "model"))
            with contextlib.closing(tf.compat.v1.Session(graph=tf.Graph())) as session:
                run = _served(session, path)
                for batch in BATCHES[:1] if quick else BATCHES:
                    inputs = _inputs(model, batch)
                    yield from _rows(f"{name}, batch {batch}", model, run, inputs, repeats)


@row
def edge_formats(repeats: int, quick: bool) -> Iterator[Result]:
    """Each format's difference from Keras, over its tolerance, and the time of one example."""
    del repeats
    for name, make in list(MODELS.items())[1:] if quick else MODELS.items():
        model = make()
        examples = _inputs(model, 64)
        with tempfile.TemporaryDirectory() as folder:
            for made in _artifacts(model, Path(folder), examples):
                ours, theirs = (
                    f"{ms:.3f} ms" for ms in (made.milliseconds, made.keras_milliseconds)
                )
                what = (
                    f"{name} as {made.format}, {made.size / 2**20:.2f} MiB: off by "
                    f"{made.difference:.1e} of the output's scale, over the allowed "
                    f"{made.tolerance:g}"
                )
                figure = made.difference / made.tolerance
                yield Result("edge formats", what, ours, theirs, figure, "<= 1")


def _artifacts(
    model: keras.Model, folder: Path, examples: dict[str, np.ndarray]
) -> Iterator[serving.Artifact]:
    for precision in ("float32", "float16", "dynamic", "int8"):
        yield serving.export_litert(model, folder / "m.tflite", precision, examples=examples)
    # ImportError if the extra is not there, and the row ends.
    with contextlib.suppress(ImportError):
        yield serving.export_onnx(model, folder / "m.onnx", examples=examples)


def _served(session: Any, path: Path) -> Any:
    with session.graph.as_default():
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(path))
    signature = loaded.signature_def["serving_default"]
    fetches = [info.name for info in signature.outputs.values()]
    feeds = {name: info.name for name, info in signature.inputs.items()}
    call = session.make_callable(fetches, list(feeds.values()))
    return lambda inputs: call(*(inputs[name] for name in feeds))


def _inputs(model: keras.Model, batch: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        tensor.name: rng.integers(0, 1000, (batch, *tensor.shape[1:]), "int32")
        if tensor.dtype == "int32"
        else rng.standard_normal((batch, *tensor.shape[1:]), "float32")
        for tensor in model.inputs
    }


def _rows(
    name: str, model: keras.Model, run: Any, inputs: dict[str, np.ndarray], repeats: int
) -> Iterator[Result]:
    values = list(inputs.values()) if len(inputs) > 1 else next(iter(inputs.values()))
    batch = len(next(iter(inputs.values())))
    others = {
        "model.predict": partial(model.predict, values, batch_size=batch, verbose=0),
        "model(x)": partial(model, values, training=False),
    }
    for told, other in others.items():
        timing = compare(partial(run, inputs), other, 3 * repeats)
        ours, theirs = (
            f"{ms:.2f} ms, {1e3 * batch / ms:,.0f}/s" for ms in (timing.ours, timing.reference)
        )
        what = f"{name}: exported, times faster than {told}"
        yield Result("exported model", what, ours, theirs, timing.ratio, ">= 1")
