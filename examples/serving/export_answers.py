"""Trains a small model that answers questions about pictures of digits, and exports it.

    python examples/serving/export_answers.py [--quick] [--out models/answers]

The picture goes in as pixels and the question as words, as a client has them: what the data set
does to both before training is part of the exported graph. `classify` answers with words, `embed`
with the vector that the answer is made from.
"""

import argparse

import keras
import numpy as np

from keras_hadamard import datasets, layers, serving


def build(classes: int) -> tuple[keras.Model, keras.Model]:
    """The classifier, and the embedder that it is built on."""
    image = keras.Input((12, 32, 1), name="image")
    question = keras.Input((11,), dtype="int32", name="question")
    x = image
    for filters in (16, 32):
        x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = keras.layers.MaxPooling2D(2)(x)
    seen = keras.layers.Dense(128, activation="relu")(keras.layers.Flatten()(x))
    words = keras.layers.Embedding(len(datasets.VOCABULARY), 32, mask_zero=True)(question)
    read = layers.MinGRU(128)(words)
    fused = layers.MLB(128, rank=128, name="fused")([seen, read])
    answer = keras.layers.Dense(classes, activation="softmax", name="answer")(fused)
    return keras.Model([image, question], answer), keras.Model([image, question], fused)


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains and exports a model for the clients.")
    parser.add_argument("--quick", action="store_true", help="little data, to see that it works")
    parser.add_argument("--out", default="models/answers")
    options = parser.parse_args()

    data = datasets.load_arrays("digits_vqa/tiny" if options.quick else "digits_vqa")
    model, embedder = build(len(data.classes))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(data.train.inputs, data.train.targets, epochs=1 if options.quick else 10, verbose=2)
    scores = model.evaluate(data.test.inputs, data.test.targets, verbose=0)
    print(f"accuracy on the test split: {scores[1]:.1%}")

    pixels = np.round(255 * data.test.inputs["image"][:8]).astype("uint8")
    path = serving.export(
        model,
        options.out,
        examples={"image": pixels, "question": np.array(["what is the left digit"] * 8)},
        options=serving.ExportOptions(
            signatures={"embed": embedder},
            preprocessing=serving.preprocessing_of(data),
            labels=data.classes,
        ),
    )
    report = serving.check(path)
    print(report)
    if not report.ok:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
