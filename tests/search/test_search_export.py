"""What a search serves takes requests as they come, and answers with names of classes."""

import keras
import numpy as np
import tensorflow as tf

from keras_hadamard.datasets._raw import assemble
from keras_hadamard.search.raw_examples import raw_examples
from keras_hadamard.search.search import _export


def test_pixels_and_text_go_in_and_labels_come_out(tmp_path):
    rng = np.random.default_rng(0)
    texts = np.array(["a dog", "the unknown cat", "a cat", "dog dog the"] * 2, object)
    rows = {
        "image": rng.integers(0, 256, (8, 4, 3, 1), "uint8"),
        "text": texts,
        "extra": rng.normal(size=(8, 3)).astype("float32"),
        "target": np.arange(8) % 2,
    }
    test = {**rows, "text": np.array(["a zebra", *texts[1:]], object)}
    data = assemble(
        "mine",
        {"train": rows, "validation": rows, "test": test},
        target="target",
        kinds={"image": "image", "text": "text", "extra": "vector"},
        vocabulary_sizes={},
        classes=("no", "yes"),
        seed=0,
        limit=None,
    )
    raw = raw_examples(data, 8)
    np.testing.assert_array_equal(raw["image"], rows["image"])
    assert raw["text"][1:].tolist() == texts[1:].tolist() and raw["text"][0] != "a zebra"

    inputs = {
        "image": keras.Input((4, 3, 1), name="image"),
        "text": keras.Input(data.inputs["text"].shape, dtype="int32", name="text"),
        "extra": keras.Input((3,), name="extra"),
    }
    words = keras.layers.Embedding(data.inputs["text"].vocabulary_size, 4)(inputs["text"])
    parts = [keras.layers.Flatten()(x) for x in (inputs["image"], words)]
    joined = keras.layers.Concatenate()([*parts, inputs["extra"]])
    model = keras.Model(inputs, keras.layers.Dense(2, "softmax", name="label")(joined))
    model.save(tmp_path / "best.keras")
    check, ok = _export(tmp_path / "best.keras", tmp_path / "serving", data)
    assert ok, check
    loaded = tf.saved_model.load(tmp_path / "serving" / "1")
    assert {"serving_default", "classify"} <= set(loaded.signatures)
    expected = np.asarray(model(data.test.inputs))
    sent = {name: tf.constant(value) for name, value in raw.items()}
    scores = loaded.signatures["serving_default"](**sent)["label"]
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6)
    best = loaded.signatures["classify"](**sent)["labels"][:, 0]
    assert [b.decode() for b in best.numpy()] == [data.classes[i] for i in expected.argmax(-1)]
