"""A data set as named arrays, ready for `Model.fit`, and the checks that make it one."""

from dataclasses import dataclass, field

import numpy as np

from keras_hadamard._core.checks import one_of, positive_int, received

KINDS = ("image", "tokens", "vector")
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class InputSpec:
    """What one input of a data set is.

    Args:
        kind: `"image"` (floats, height x width x channels), `"tokens"` (integer ids, 0 pads) or
            `"vector"` (floats).
        shape: Tuple of integers, the shape of one example without the batch.
        vocabulary_size: Positive integer for tokens: ids are below it. Defaults to `None`, for the
            other kinds.
        pixels: String, the type of the unsigned integers that an image was scaled to [0, 1] from.
            Defaults to `None`, it came as floats.
        words: Tuple of strings, for tokens that were made of a text: the word of each id, where the
            first pads and the second stands for unknown ones. Defaults to `None`, they came as ids.

    Raises:
        ValueError: If the kind is unknown, the rank does not fit it, or the vocabulary is missing
            or is not of `words`.

    Example:

    >>> import keras_hadamard
    >>> keras_hadamard.datasets.InputSpec("tokens", (11,), vocabulary_size=52).shape
    (11,)
    """

    kind: str
    shape: tuple[int, ...]
    vocabulary_size: int | None = None
    # Where the values come from is not what they are.
    pixels: str | None = field(default=None, compare=False)
    words: tuple[str, ...] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        one_of("kind", self.kind, KINDS)
        rank = 3 if self.kind == "image" else 1
        if len(self.shape) != rank or 0 in self.shape:
            raise received(
                f"`shape` of rank {rank} without a 0 for `{self.kind}`", shape=self.shape
            )
        if self.kind == "tokens":
            positive_int("vocabulary_size", self.vocabulary_size)
        elif self.vocabulary_size is not None:
            raise received(
                f"no `vocabulary_size` for `{self.kind}`", vocabulary_size=self.vocabulary_size
            )
        if self.pixels is not None and self.kind != "image":
            raise received(f"no `pixels` for `{self.kind}`", pixels=self.pixels)
        if self.words is not None and len(self.words) != self.vocabulary_size:
            raise received(
                "as many `words` as the vocabulary has",
                words=len(self.words),
                vocabulary_size=self.vocabulary_size,
            )


@dataclass(frozen=True, eq=False)
class Split:
    """The examples of one split.

    Args:
        inputs: Dictionary from input name to array, all of one length: float32 for images and
            vectors, int32 for tokens.
        targets: int32 array of class indices, of that same length.

    Example:

    >>> import keras_hadamard, numpy as np
    >>> split = keras_hadamard.datasets.Split({"x": np.zeros((5, 3))}, np.zeros(5, int))
    >>> len(split)
    5
    """

    inputs: dict[str, np.ndarray]
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True, eq=False)
class ArrayDataset:
    """A classification data set in memory: named inputs, integer labels, three splits.

    Made by `keras_hadamard.datasets.load_arrays`, or by hand: whatever it is made from is checked.

    Args:
        name: String.
        inputs: Dictionary from input name to `InputSpec`.
        train: `Split` to fit.
        validation: `Split` to choose by.
        test: `Split` to report on.
        classes: Tuple of class names; a target is an index into it.

    Raises:
        ValueError: If a split is empty, its arrays differ in length or from their `InputSpec`,
            something is not finite, a token or a target is out of range, names of classes are
            repeated, or fewer than two classes occur in training.

    Example:

    >>> import keras_hadamard, numpy as np
    >>> datasets = keras_hadamard.datasets
    >>> split = datasets.Split({"x": np.zeros((4, 3), "float32")}, np.array([0, 1, 0, 1], "int32"))
    >>> data = datasets.ArrayDataset(
    ...     "mine", {"x": datasets.InputSpec("vector", (3,))}, split, split, split, ("no", "yes")
    ... )
    >>> len(data.train), data.classes
    (4, ('no', 'yes'))
    """

    name: str
    inputs: dict[str, InputSpec]
    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.inputs:
            raise received("at least one input", inputs=self.inputs)
        if len(self.classes) < 2:
            raise received("at least two classes", classes=self.classes)
        lines = all(isinstance(name, str) and name.splitlines() == [name] for name in self.classes)
        if not lines or len(set(self.classes)) < len(self.classes):
            raise received("`classes` to be strings of one line, each once", classes=self.classes)
        for name in SPLITS:
            self._check_split(name, getattr(self, name))
        if np.ptp(self.train.targets) == 0:
            raise received("at least two classes in train", class_=int(self.train.targets[0]))

    def _check_split(self, name: str, split: Split) -> None:
        if set(split.inputs) != set(self.inputs):
            raise received(f"{name} to have the inputs {list(self.inputs)}", got=list(split.inputs))
        targets = split.targets
        if targets.ndim != 1 or targets.dtype.kind not in "iu":
            raise received(
                f"the target of {name} to be a vector of integers",
                dtype=str(targets.dtype),
                shape=targets.shape,
            )
        if not len(targets):
            raise received(f"{name} to have examples", examples=0)
        _check_range(f"the target of {name}", targets, len(self.classes))
        for key, spec in self.inputs.items():
            _check_input(f"`{key}` of {name}", split.inputs[key], spec, len(targets))


def _check_input(name: str, array: np.ndarray, spec: InputSpec, length: int) -> None:
    if len(array) != length:
        raise received(f"{name} to be as long as its target", length=len(array), target=length)
    if array.shape[1:] != spec.shape:
        raise received(f"{name} to have examples of shape {spec.shape}", shape=array.shape[1:])
    if spec.vocabulary_size is not None:
        if array.dtype.kind not in "iu":
            raise received(f"{name} to be integer token ids", dtype=str(array.dtype))
        _check_range(name, array, spec.vocabulary_size)
    elif array.dtype.kind != "f":
        raise received(f"{name} to be of floats", dtype=str(array.dtype))
    elif not np.isfinite(array).all():
        bad = int(np.size(array) - np.isfinite(array).sum())
        raise received(f"{name} to be finite", nan_or_inf_values=bad)


def _check_range(name: str, array: np.ndarray, limit: int) -> None:
    low, high = int(array.min()), int(array.max())
    if low < 0 or high >= limit:
        raise received(f"{name} to lie in [0, {limit})", smallest=low, largest=high)
