"""Encoding of texts as token ids, with the same graph in training and in exports."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from keras_hadamard._core.checks import received
from keras_hadamard._core.typing import Tensor
from keras_hadamard.datasets._encoders import Encoder
from keras_hadamard.datasets._layers import Ids, SeparateWords
from keras_hadamard.datasets.input_spec import InputSpec

# Limits: more words or longer texts cost a small model more than they help.
MAX_WORDS, MAX_LENGTH = 20_000, 128
_BATCH = 4_096


class TextEncoder(Encoder):
    """Tokens: 0 pads, 1 is an unknown word, then the words of training by frequency."""

    def __init__(
        self,
        key: str,
        column: str,
        train: np.ndarray,
        words: Sequence[str] | None = None,
        length: int | None = None,
    ) -> None:
        self.key = self.name = key
        self.columns = {key: column}
        if words is None or length is None:
            counts, longest = _count(train)
            if not counts:
                raise received("texts with words", column=column, first=str(train[:1]))
            # Ties are broken alphabetically, so the same texts always give the same ids.
            ranked = sorted(counts, key=lambda word: (-counts[word], word))[: MAX_WORDS - 2]
            words, length = ("", "[unknown]", *ranked), min(longest, MAX_LENGTH)
        self.spec = InputSpec("tokens", (length,), len(words), words=tuple(words))
        self.phrases = {column: f"{length} words, {len(words) - 2:,} known"}

    def tensors(self) -> dict[str, keras.KerasTensor]:
        return {self.key: keras.Input((), dtype="string", name=self.key)}

    def encode(self, raw: Mapping[str, Tensor]) -> Tensor:
        return tokens_of_text(raw[self.key], self.spec, self.layer_name)


def tokens_of_text(
    text: Tensor, spec: InputSpec, name: Callable[[str], str | None] = lambda role: None
) -> Tensor:
    """The encoding of texts as ids of a vocabulary, by layers named by their role."""
    words = SeparateWords(dtype="string", name=name("words"))(text)
    tokens = keras.layers.TextVectorization(
        standardize=None,
        split="whitespace",
        output_sequence_length=spec.shape[0],
        vocabulary=list((spec.words or ())[2:]),
        name=name("tokens"),
    )
    return Ids(name=name("ids"))(tokens(words))


def _count(texts: np.ndarray) -> tuple[Counter[str], int]:
    """The frequency of each word, and the length of the longest text."""
    counts: Counter[bytes] = Counter()
    longest = 0
    separate = SeparateWords(dtype="string")
    with tf.device("/CPU:0"):
        for start in range(0, len(texts), _BATCH):
            some = tf.constant(texts[start : start + _BATCH], tf.string)
            ragged = tf.strings.split(separate(some))
            counts.update(ragged.flat_values.numpy().tolist())
            longest = max(longest, int(tf.reduce_max(ragged.row_lengths())))
    return Counter({word.decode("utf-8", "replace"): n for word, n in counts.items()}), longest
