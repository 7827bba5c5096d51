"""Description of one input of a data set."""

from dataclasses import dataclass, field

from keras_hadamard._core.checks import one_of, positive_int, received

KINDS = ("image", "tokens", "vector", "fields")


@dataclass(frozen=True)
class InputSpec:
    """Description of one input of a data set.

    Args:
        kind: `"image"` (floats, height x width x channels), `"tokens"` (integer ids, 0 pads),
            `"vector"` (floats) or `"fields"` (integer ids, one of each category: 0 is missing, 1
            is unseen in training, then the known values).
        shape: Tuple of integers, the shape of one example without the batch.
        vocabulary_size: Positive integer for tokens, above all ids. Defaults to `None`, for the
            other kinds.
        pixels: String, the type of the unsigned integers that an image was scaled to [0, 1] from.
            Defaults to `None`: it had floats.
        words: Tuple of strings, for tokens made from a text: the word of each id; the first is
            padding and the second stands for unknown words. Defaults to `None`: they were ids
            already.
        vocabulary_sizes: Tuple of positive integers for fields, one of each column. Defaults to
            `None`, for the other kinds.
        normalized: Boolean, whether floats are standardised already, by the statistics of the
            training split, so a network needs no normalisation. Defaults to `False`.

    Raises:
        ValueError: If the kind is unknown, the rank does not fit it, or the vocabulary is missing
            or does not match `words`.

    Example:

    >>> import keras_hadamard
    >>> keras_hadamard.datasets.InputSpec("tokens", (11,), vocabulary_size=52).shape
    (11,)
    """

    kind: str
    shape: tuple[int, ...]
    vocabulary_size: int | None = None
    # The origin of the values is not part of the comparison.
    pixels: str | None = field(default=None, compare=False)
    words: tuple[str, ...] | None = field(default=None, compare=False)
    vocabulary_sizes: tuple[int, ...] | None = None
    normalized: bool = False

    def __post_init__(self) -> None:
        one_of("kind", self.kind, KINDS)
        rank = 3 if self.kind == "image" else 1
        if len(self.shape) != rank or 0 in self.shape:
            raise received(
                f"`shape` of rank {rank} without a 0 for `{self.kind}`", shape=self.shape
            )
        self._check_vocabulary()
        if self.pixels is not None and self.kind != "image":
            raise received(f"no `pixels` for `{self.kind}`", pixels=self.pixels)
        if self.normalized and self.kind not in ("vector", "image"):
            raise received(f"`normalized` to be False for `{self.kind}`", normalized=True)
        if self.words is not None and len(self.words) != self.vocabulary_size:
            raise received(
                "as many `words` as `vocabulary_size`",
                words=len(self.words),
                vocabulary_size=self.vocabulary_size,
            )

    def _check_vocabulary(self) -> None:
        if self.kind == "tokens":
            positive_int("vocabulary_size", self.vocabulary_size)
        elif self.vocabulary_size is not None:
            raise received(
                f"no `vocabulary_size` for `{self.kind}`", vocabulary_size=self.vocabulary_size
            )
        sizes = self.vocabulary_sizes
        if self.kind == "fields":
            if sizes is None or len(sizes) != self.shape[0]:
                raise received(
                    "one of `vocabulary_sizes` for each column",
                    vocabulary_sizes=sizes,
                    columns=self.shape[0],
                )
            for size in sizes:
                positive_int("vocabulary_sizes", size)
        elif sizes is not None:
            raise received(f"no `vocabulary_sizes` for `{self.kind}`", vocabulary_sizes=sizes)
