"""The preprocessing of a data set is part of the exported graph."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_hadamard import datasets, layers, serving
from keras_hadamard.datasets import _digit_questions


def made(**columns):
    """Eight rows, the same in each split."""
    rows = {key: value for key, (value, _) in columns.items()} | {"target": np.arange(8) % 2}
    splits = ("train", "validation", "test")
    return datasets.load_arrays(
        {f"{split}_{key}": value for split in splits for key, value in rows.items()},
        kinds={key: kind for key, (_, kind) in columns.items()},
    )


def test_pixels_and_text_become_what_was_trained_on():
    rng = np.random.default_rng(0)
    texts = ["A dog, a CAT!", "l'été à 20 °C", "snake_case", "", "x-y (z)", "Ünïcode²", "a", "b a"]
    raw = {
        "small": rng.integers(0, 256, (8, 2, 3, 1), "uint8"),
        "fine": rng.integers(0, 2**16, (8, 2, 2), "uint16"),
        "text": np.array(texts, object),
    }
    kinds = {"small": "image", "fine": "image", "text": "text"}
    data = made(**{key: (value, kinds[key]) for key, value in raw.items()})
    before = serving.preprocessing_of(data)
    assert before is data.preprocessing and sorted(before.input) == ["fine", "small", "text"]
    outputs = before({key: tf.constant(value) for key, value in raw.items()})
    for key, value in outputs.items():
        expected = data.train.inputs[key]
        assert value.dtype.name == expected.dtype.name and value.shape == expected.shape
        np.testing.assert_allclose(value, expected, rtol=1e-6, err_msg=key)


def test_nothing_was_done():
    rng = np.random.default_rng(0)
    data = made(ids=(rng.integers(0, 5, (8, 3)), "tokens"))
    assert data.preprocessing is data.raw is None
    assert serving.preprocessing_of(data) is None


def test_a_data_set_by_hand_says_by_its_specs():
    pixels = np.random.default_rng(0).integers(0, 256, (4, 2, 2, 1), "uint8")
    texts, ids = ["b a", "c", "", "A!"], np.array([[3, 2], [1, 0], [0, 0], [2, 0]], "int32")
    arrays = {"image": pixels / np.float32(255), "text": ids}
    split = datasets.Split(arrays, np.arange(4) % 2)
    specs = {
        "image": datasets.InputSpec("image", (2, 2, 1), pixels="uint8"),
        "text": datasets.InputSpec("tokens", (2,), 4, words=("", "[unknown]", "a", "b")),
    }
    data = datasets.ArrayDataset("mine", specs, split, split, split, ("no", "yes"))
    outputs = serving.preprocessing_of(data)(
        {"image": tf.constant(pixels), "text": tf.constant(texts)}
    )
    np.testing.assert_allclose(outputs["image"], arrays["image"], rtol=1e-6)
    np.testing.assert_array_equal(outputs["text"], ids)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "vector", "shape": (3,), "pixels": "uint8"}, "no `pixels` for `vector`"),
        (
            {"kind": "tokens", "shape": (3,), "vocabulary_size": 3, "words": ("", "a")},
            "as many `words`",
        ),
    ],
)
def test_declarations_that_cannot_be(arguments, message):
    with pytest.raises(ValueError, match=message):
        datasets.InputSpec(**arguments)


@pytest.mark.slow
def test_questions_in_words_are_served(one_loader, tmp_path):
    """The digits of `digits_vqa`, as a client has them: pixels, and a question in words."""
    pytest.importorskip("tensorflow_datasets")
    data = datasets.load_arrays("digits_vqa/tiny", data_dir=tmp_path / "data")
    before = serving.preprocessing_of(data)
    wordings = [text for _, _, three in _digit_questions._templates() for text in three]
    ids = before(
        {
            "image": tf.zeros((len(wordings), 12, 32, 1), "uint8"),
            "question": tf.constant(wordings),
        }
    )["question"]
    expected = np.stack([datasets.encode_question(text) for text in wordings])
    np.testing.assert_array_equal(ids, expected)

    image, question = keras.Input((12, 32, 1), name="image"), keras.Input((11,), name="question")
    question = keras.Input((11,), dtype="int32", name="question")
    read = layers.MinGRU(8)(keras.layers.Embedding(len(datasets.VOCABULARY), 4)(question))
    fused = layers.MLB(8, rank=8)([keras.layers.Flatten()(image), read])
    answer = keras.layers.Dense(len(data.classes), "softmax", name="answer")(fused)
    options = serving.ExportOptions(preprocessing=before, labels=data.classes)
    examples = {
        "image": np.round(data.test.inputs["image"][:8] * 255).astype("uint8"),
        "question": np.array(wordings[:8], object),
    }
    model = keras.Model([image, question], answer)
    path = serving.export(model, tmp_path / "answers", examples=examples, options=options)
    report = serving.check(path)
    assert report.ok, str(report)
    loaded = tf.saved_model.load(str(path)).signatures["classify"]
    got = loaded(**{key: tf.constant(value) for key, value in examples.items()})
    scores = np.asarray(model([data.test.inputs["image"][:8], expected[:8]]))
    np.testing.assert_allclose(got["scores"][:, 0], scores.max(1), rtol=1e-5)
    best = [data.classes[i].encode() for i in scores.argmax(1)]
    assert got["labels"][:, 0].numpy().tolist() == best


@pytest.mark.parametrize(
    "text", ["Größe, naïve", "東京は晴れ", "مرحبا بالعالم", "Привет, мир", "नमस्ते दुनिया", "🙂 emoji"]
)
def test_texts_of_any_script_are_exported_and_checked(tmp_path, text):
    inputs = keras.Input((), dtype="string", name="text")
    model = keras.Model(inputs, keras.layers.Lambda(lambda x: x, name="echo")(inputs))
    data = {"text": np.array([text, "plain"], object)}
    serving.export(model, tmp_path, version=1, examples=data)
    assert serving.check(tmp_path).ok
