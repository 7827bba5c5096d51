"""What a data set did before training is done in the exported graph."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_hadamard import datasets, layers, serving
from keras_hadamard.datasets import _digit_questions
from keras_hadamard.datasets._raw import assemble


def made(**columns):
    target = {"target": np.arange(8) % 2}
    rows = {key: value for key, (value, _) in columns.items()} | target
    return assemble(
        "mine",
        dict.fromkeys(("train", "validation", "test"), rows),
        target="target",
        kinds={key: kind for key, (_, kind) in columns.items()},
        vocabulary_sizes={},
        classes=None,
        seed=0,
        limit=None,
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
    data = made(
        floats=(rng.normal(size=(8, 3)).astype("float32"), "vector"),
        **{key: (value, kinds[key]) for key, value in raw.items()},
    )
    before = serving.preprocessing_of(data)
    assert sorted(before.input) == ["fine", "small", "text"]
    requests = {**raw, "fine": raw["fine"][..., None]}
    outputs = before({key: tf.constant(value) for key, value in requests.items()})
    for key, value in outputs.items():
        expected = data.train.inputs[key]
        assert value.dtype.name == expected.dtype.name and value.shape == expected.shape
        np.testing.assert_allclose(value, expected, rtol=1e-6, err_msg=key)


def test_nothing_was_done():
    rng = np.random.default_rng(0)
    data = made(
        x=(rng.normal(size=(8, 3)), "vector"),
        image=(rng.normal(size=(8, 2, 2, 1)), "image"),
        ids=(rng.integers(0, 5, (8, 3)), "tokens"),
    )
    assert serving.preprocessing_of(data) is None


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
