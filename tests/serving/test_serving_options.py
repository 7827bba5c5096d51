"""Several signatures, preprocessing, labels, warm-up, batching and XLA in one export."""

import json
import threading
import time

import keras
import numpy as np
import pytest
import serving.serving_models as models
import tensorflow as tf

from keras_hadamard import layers, serving
from keras_hadamard.serving import _configs, _saved_model, _warmup

WORDS = ["what", "is", "the", "left", "digit"]


def classifier(classes=3):
    """Pixels and tokens in, probabilities out; also the embedder that it is built on."""
    image = keras.Input((4, 4, 1), name="image")
    tokens = keras.Input((5,), dtype="int32", name="tokens")
    seen = keras.layers.Dense(6)(keras.layers.Flatten()(image))
    read = layers.MinGRU(6)(keras.layers.Embedding(7, 4)(tokens))
    fused = keras.layers.Multiply(name="fused")([seen, read])
    scores = keras.layers.Dense(classes, "softmax", name="answer")(fused)
    return keras.Model([image, tokens], scores), keras.Model([image, tokens], fused)


def preprocessing():
    pixels = keras.Input((4, 4, 1), dtype="uint8", name="pixels")
    text = keras.Input((), dtype="string", name="question")
    words = keras.layers.TextVectorization(output_sequence_length=5, vocabulary=WORDS)
    tokens = keras.ops.cast(words(text), "int32")
    return keras.Model(
        {"pixels": pixels, "question": text},
        {"image": keras.layers.Rescaling(1 / 255)(pixels), "tokens": tokens},
    )


def step_of(layer, width):
    """One step of a recurrent layer as a model: what comes and the state in, both out."""

    class Step(keras.layers.Layer):
        def call(self, inputs):
            x, state = inputs
            y, (state,) = layer.step(x, [state])
            return {"y": y, "state_after": state}

    x, state = keras.Input((width,), name="x"), keras.Input((layer.units,), name="state")
    return keras.Model([x, state], Step()([x, state]))


def signatures(path):
    found = _saved_model.signatures(_saved_model.read(path))
    return {
        name: (sorted(signature.inputs), sorted(signature.outputs))
        for name, signature in found.items()
    }


def call(path, name, **inputs):
    loaded = tf.saved_model.load(str(path))
    outputs = loaded.signatures[name](**{k: tf.constant(v) for k, v in inputs.items()})
    return {key: value.numpy() for key, value in outputs.items()}


def failed(report):
    return {item.name: item.detail for item in report.items if item.passed is False}


@pytest.mark.slow
def test_all_of_it_in_one_export(one_loader, tmp_path):
    model, embedder = classifier()
    recurrent = layers.MinGRU(6)
    step = step_of(recurrent, 4)
    options = serving.ExportOptions(
        signatures={"embed": embedder, "step": step},
        preprocessing=preprocessing(),
        labels=["no", "yes", "left one"],
        batch_sizes=(1, 2, 4),
    )
    rng = np.random.default_rng(0)
    examples = {
        "pixels": rng.integers(0, 256, (4, 4, 4, 1), "uint8"),
        "question": np.array(["What is", "the left digit?", "", "IS is unknown"], object),
    }
    path = serving.export(model, tmp_path / "answers", examples=examples, options=options)
    raw = ["pixels", "question"]
    assert signatures(path) == {
        "serving_default": (raw, ["answer"]),
        "classify": (raw, ["labels", "scores"]),
        "embed": (raw, ["fused"]),
        "step": (["state", "x"], ["state_after", "y"]),
    }
    # The same by hand: pixels by 255, words by their places in the vocabulary, best classes first.
    tokens = np.array([[2, 3, 0, 0, 0], [4, 5, 6, 0, 0], [0] * 5, [3, 3, 1, 0, 0]], "int32")
    image = examples["pixels"].astype("float32") / np.float32(255)
    scores = np.asarray(model([image, tokens]))
    np.testing.assert_allclose(
        call(path, "serving_default", **examples)["answer"], scores, rtol=1e-5
    )
    np.testing.assert_allclose(
        call(path, "embed", **examples)["fused"], embedder([image, tokens]), rtol=1e-4, atol=1e-6
    )
    best = call(path, "classify", **examples)
    order = np.argsort(-scores)
    np.testing.assert_array_equal(best["labels"], np.array([b"no", b"yes", b"left one"])[order])
    np.testing.assert_allclose(best["scores"], np.take_along_axis(scores, order, 1), rtol=1e-5)

    # Step after step is the whole sequence.
    sequence, state = rng.normal(size=(2, 5, 4)).astype("float32"), np.zeros((2, 6), "float32")
    for x in np.moveaxis(sequence, 1, 0):
        outputs = call(path, "step", x=x, state=state)
        state = outputs["state_after"]
    np.testing.assert_allclose(outputs["y"], recurrent(sequence), rtol=1e-5, atol=1e-6)

    assert (path / "assets" / "labels.txt").read_text() == "no\nyes\nleft one\n"
    report = serving.check(tmp_path / "answers")
    assert report.ok, str(report)
    said = {item.name: item.detail for item in report.items}
    assert said["labels"] == "3 in assets/labels.txt"
    assert said["batching"] == (
        "batches of 1, 2, 4; largest request 1024 rows (split), more are refused"
    )
    assert said["warm-up"] == "12 requests run"
    assert said["models.config"] == "serves answers"
    # What is compared of a version with preprocessing is its record.
    assert serving.check(path, model).ok


@pytest.mark.slow
def test_labels_that_get_lost_are_found(one_loader, tmp_path):
    model, _ = classifier()
    options = serving.ExportOptions(labels=["a", "b", "c"], batch_sizes=())
    path = serving.export(model, tmp_path, options=options)
    assert not (path / _warmup.FILE).exists() and not (path / _configs.BATCHING).exists()
    report = serving.check(path)
    assert report.ok and "warm-up" not in {item.name for item in report.items}
    (path / "assets" / "labels.txt").write_text("a\nc\nb\n")
    # Scores stay, names change: the record tells.
    assert "different strings" in failed(serving.check(path))["outputs"]
    (path / "assets" / "labels.txt").unlink()
    found = failed(serving.check(path))
    assert "assets/labels.txt is not" in found["labels"] and "batch 1" in found


def test_a_server_that_polls_never_sees_half_a_version(tmp_path):
    """Whoever looks for numbers in the folder, as often as he can, finds only whole versions."""
    model, _ = classifier()
    options = serving.ExportOptions(labels=["a", "b", "c"])
    whole = ("saved_model.pb", "variables/variables.index", "assets/labels.txt")
    whole += (_configs.BATCHING, str(_warmup.FILE), "assets.extra/keras_hadamard.json")
    done, seen, broken = threading.Event(), set(), []

    def poll():
        while not done.is_set():
            for version, path in _saved_model.versions(tmp_path).items():
                seen.add(version)
                broken.extend(f"{version}/{name}" for name in whole if not (path / name).exists())

    watcher = threading.Thread(target=poll)
    watcher.start()
    try:
        for _ in range(3):
            serving.export(model, tmp_path, options=options)
    finally:
        time.sleep(0.05)
        done.set()
        watcher.join()
    assert seen == {1, 2, 3} and broken == []


def test_at_most_five_labels(tmp_path):
    model, _ = classifier(classes=9)
    options = serving.ExportOptions(labels=[f"class {i}" for i in range(9)], batch_sizes=())
    path = serving.export(model, tmp_path, options=options)
    inputs = {"image": np.zeros((2, 4, 4, 1), "f"), "tokens": np.ones((2, 5), "int32")}
    assert call(path, "classify", **inputs)["labels"].shape == (2, 5)


def test_xla_on_request_is_labelled(tmp_path):
    inputs = keras.Input((4,), name="x")
    model = keras.Model(inputs, layers.GatedDense(3, activation="gelu", name="y")(inputs))
    options = serving.ExportOptions(xla=True)
    path = serving.export(model, tmp_path, options=options)
    label = json.loads((path / "assets.extra" / "keras_hadamard.json").read_text())
    assert label["xla"] is True and "--xla_cpu_compilation_enabled" in label["server"]
    assert _saved_model.xla_marks(_saved_model.read(path))[1]
    report = serving.check(path)
    assert report.ok and report.xla, str(report)
    assert str(report).splitlines()[0] == (
        f"{path} runs on TF Serving started with --xla_cpu_compilation_enabled"
    )
    # Without its label it would be taken for a stock server's, which refuses it.
    (path / "assets.extra" / "keras_hadamard.json").unlink()
    found = failed(serving.check(path))
    assert "batch 1" in found and "no XLA marks" in found


def test_metadata_that_cannot_be_read(tmp_path):
    path = serving.export(models.two_branches(), tmp_path)
    (path / "assets.extra" / "keras_hadamard.json").write_text("{")
    assert "keras_hadamard.json cannot be read" in failed(serving.check(path))["metadata"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"signatures": {"serving_default": None}}, r"names of signatures.*'serving_default'"),
        ({"signatures": {"two words": None}}, r"names of signatures.*'two words'"),
        ({"batch_sizes": (1, 1)}, r"`batch_sizes` to increase.*\(1, 1\)"),
        ({"batch_sizes": (8, 1)}, "`batch_sizes` to increase"),
        ({"batch_sizes": (0,)}, "`batch_sizes` to be a positive integer"),
        ({"max_batch_size": 16}, r"`max_batch_size` to be at least 32.*max_batch_size=16"),
        ({"max_batch_size": 0}, "`max_batch_size` to be a positive integer"),
        ({"name": "two words"}, r"`name` to be of letters.*name='two words'"),
        ({"name": ""}, "`name` to be of letters"),
        ({"name": "a/b"}, "`name` to be of letters"),
        ({"labels": "yes"}, "`labels` to be a sequence of strings"),
        ({"labels": ["a\nb"]}, "strings of one line"),
        ({"labels": ["a", "a"]}, "without repetition"),
    ],
)
def test_options_that_cannot_be(arguments, message):
    with pytest.raises(ValueError, match=message):
        serving.ExportOptions(**arguments)


def test_options_that_do_not_fit_the_model(tmp_path):
    model, _ = classifier()

    def export(**arguments):
        serving.export(model, tmp_path / "m", options=serving.ExportOptions(**arguments))

    with pytest.raises(ValueError, match=r"one output of 2 scores.*\(None, 3\)"):
        export(labels=["no", "yes"])
    with pytest.raises(ValueError, match=r"a keras.Model. Received: model='embedder'"):
        export(signatures={"embed": "embedder"})
    pixels = keras.Input((4, 4, 1), dtype="uint8", name="pixels")
    with pytest.raises(ValueError, match="functional model that returns a dict"):
        export(preprocessing=keras.Model(pixels, keras.layers.Rescaling(1 / 255)(pixels)))
    with pytest.raises(ValueError, match=r"return inputs \['image', 'tokens'\].*\['picture'\]"):
        export(preprocessing=keras.Model(pixels, {"picture": keras.layers.Rescaling(1)(pixels)}))
    with pytest.raises(ValueError, match=r"return 'image' as float32.*dtype='uint8'"):
        export(preprocessing=keras.Model(pixels, {"image": keras.layers.Identity()(pixels)}))
    with pytest.raises(ValueError, match="`options` to be ExportOptions"):
        serving.export(model, tmp_path / "m", options={"xla": True})
    with pytest.raises(ValueError, match=r"`examples` for the inputs \['pixels', 'tokens'\]"):
        scaled = keras.Model(pixels, {"image": keras.layers.Rescaling(1 / 255)(pixels)})
        serving.export(
            model,
            tmp_path / "m",
            examples={"image": np.zeros((1, 4, 4, 1))},
            options=serving.ExportOptions(preprocessing=scaled),
        )
    assert not (tmp_path / "m").exists()
