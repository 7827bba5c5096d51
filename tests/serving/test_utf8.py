"""Texts and labels in five scripts go through export, record, warm-up and check."""

import keras
import numpy as np
import pytest

from keras_hadamard import serving
from keras_hadamard.serving import _samples, _warmup

TEXTS = ["déjà vu à Łódź", "быстрая лиса", "مرحبا بالعالم", "你好 世界", "नमस्ते 🙂"]


@pytest.mark.slow
def test_five_scripts(one_loader, tmp_path):
    text = keras.Input((), dtype="string", name="text")
    vocabulary = sorted({word for one in TEXTS for word in one.split()})
    words = keras.layers.TextVectorization(
        output_sequence_length=4, vocabulary=vocabulary, standardize=None
    )
    before = keras.Model(text, {"tokens": keras.ops.cast(words(text), "int32")})
    tokens = keras.Input((4,), dtype="int32", name="tokens")
    x = keras.layers.Flatten()(keras.layers.Embedding(len(vocabulary) + 2, 4)(tokens))
    model = keras.Model(tokens, keras.layers.Dense(len(TEXTS), "softmax", name="y")(x))
    options = serving.ExportOptions(preprocessing=before, labels=TEXTS, batch_sizes=(1, 8))
    for kind in (object, str):
        examples = {"text": np.array(TEXTS, kind)}
        path = serving.export(model, tmp_path / "模型 é", examples=examples, options=options)
        report = serving.check(path)
        assert report.ok, str(report)
        assert (path / "assets" / "labels.txt").read_text("utf-8").splitlines() == TEXTS
        inputs, outputs = _samples.read_record(path)
        sent = inputs["serving_default"][8]["text"].tolist()
        assert sent == [one.encode() for one in (TEXTS * 2)[:8]]
        named = outputs["classify"][8]["labels"].ravel().tolist()
        assert {one.decode() for one in named} == set(TEXTS)
        warm = [inputs["text"].tolist() for _, inputs in _warmup.read(path)]
        assert [one.decode() for one in warm[1]] == (TEXTS * 2)[:8]
