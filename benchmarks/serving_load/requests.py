"""A model of numbers, ids and text, and requests for it that are right and wrong."""

import keras
import numpy as np

from benchmarks.serving_load.program import Request
from keras_hadamard import layers

WORDS = ["château", "дом", "بيت", "房子", "घर"]
TEXTS = ["le château bleu", "дом реки", "بيت قديم", "房子 和 树", "घर 🙂"]
WIDTH, LENGTH, IDS = 6, 5, 20


def network() -> keras.Model:
    numbers = keras.Input((WIDTH,), name="numbers")
    ids = keras.Input((LENGTH,), dtype="int32", name="ids")
    text = keras.Input((), dtype="string", name="text")
    words = keras.layers.TextVectorization(vocabulary=WORDS, output_sequence_length=4)(text)
    read = keras.layers.Flatten()(keras.layers.Embedding(len(WORDS) + 2, 4)(words))
    looked_up = layers.MinGRU(8)(keras.layers.Embedding(IDS, 8)(ids))
    seen = layers.PolynomialDense(8, degree=2)(keras.layers.Concatenate()([numbers, read]))
    fused = layers.MLB(8, rank=8)([seen, looked_up])
    return keras.Model(
        [numbers, ids, text], keras.layers.Dense(3, activation="softmax", name="score")(fused)
    )


def request(rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "numbers": rng.normal(size=(rows, WIDTH)).astype("float32"),
        "ids": rng.integers(0, IDS, (rows, LENGTH)).astype("int32"),
        "text": np.array(TEXTS)[rng.integers(0, len(TEXTS), rows)],
    }


def _changed(**arrays: np.ndarray) -> dict[str, np.ndarray]:
    return {**request(3), **arrays}


_GOOD = request(3)
VALID: list[Request] = [
    *(request(rows, seed=rows) for rows in (1, 2, 3, 5, 8, 16, 1, 1, 2, 32)),
    _changed(numbers=np.full((3, WIDTH), np.nan, "float32")),
    _changed(text=np.array(["", "\n", "🙂" * 50])),
    request(2000),
]
INVALID: list[Request] = [
    _changed(numbers=_GOOD["numbers"].astype("float64")),
    _changed(ids=_GOOD["ids"].astype("float32")),
    _changed(text=np.zeros(3, "float32")),
    _changed(numbers=_GOOD["numbers"][:, :-1]),
    _changed(numbers=_GOOD["numbers"][0]),
    _changed(ids=_GOOD["ids"][:, :-1]),
    _changed(ids=_GOOD["ids"] + IDS),
    _changed(ids=_GOOD["ids"] - IDS),
    _changed(text=np.array(TEXTS[:2])),
    _changed(text=np.array([TEXTS[:3]])),
    {name: array for name, array in _GOOD.items() if name != "ids"},
    {**_GOOD, "other": _GOOD["numbers"]},
]
