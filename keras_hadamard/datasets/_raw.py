"""From raw arrays to an `ArrayDataset`: missing splits, casts, and a vocabulary for texts."""

import collections
import re
from collections.abc import Iterable, Mapping

import numpy as np

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard.datasets.arrays import SPLITS, ArrayDataset, InputSpec, Split

Rows = dict[str, np.ndarray]
HELD_OUT = 0.15
# More words or longer texts than these cost a small model more than they tell it.
MAX_WORDS, MAX_LENGTH = 20_000, 128


def complete_splits(splits: Mapping[str, Rows], target: str, seed: int) -> dict[str, Rows]:
    """Train, validation and test, where a missing one is 15 % of all the rows train had."""
    for name, rows in splits.items():
        lengths = {key: len(array) for key, array in rows.items()}
        if len(set(lengths.values())) > 1:
            raise received(f"the arrays of {name} to be equally long", **lengths)
    done = dict(splits)
    missing = [name for name in SPLITS if name not in done]
    if not missing:
        return done
    if "train" not in done:
        raise received("a train split", splits=sorted(splits))
    train = done["train"]
    count = len(train[target])
    order = np.random.RandomState(seed).permutation(count)
    held = round(HELD_OUT * count)
    if not held:
        raise received(f"enough examples to hold out {' and '.join(missing)}", examples=count)
    for name in missing:
        chosen, order = order[:held], order[held:]
        done[name] = {key: array[chosen] for key, array in train.items()}
    done["train"] = {key: array[order] for key, array in train.items()}
    return done


def assemble(
    name: str,
    splits: Mapping[str, Rows],
    *,
    target: str,
    kinds: Mapping[str, str],
    vocabulary_sizes: Mapping[str, int | None],
    classes: tuple[str, ...] | None,
    seed: int,
    limit: int | None,
    words: Mapping[str, tuple[str, ...]] | None = None,
) -> ArrayDataset:
    """Casts raw splits by kind (`"text"` becomes tokens) and checks the result."""
    if limit is not None:
        positive_int("limit", limit)
    complete = complete_splits(splits, target, seed)
    for split in SPLITS:
        if not len(complete[split][target]):
            raise received(f"{split} to have examples", examples=0)
        complete[split] = _draw(complete[split], target, limit, seed)
    targets = {split: _as_targets(split, complete[split][target]) for split in SPLITS}
    if classes is None:
        classes = _classes(targets)
    inputs: dict[str, InputSpec] = {}
    columns: dict[str, Rows] = {split: {} for split in SPLITS}
    for key, kind in kinds.items():
        raw = {split: complete[split][key] for split in SPLITS}
        known = (words or {}).get(key)
        cast, inputs[key] = _cast(key, kind, raw, vocabulary_sizes.get(key), known)
        for split in SPLITS:
            columns[split][key] = cast[split]
    made = {split: Split(columns[split], targets[split]) for split in SPLITS}
    return ArrayDataset(name, inputs, classes=classes, **made)


def _draw(rows: Rows, target: str, limit: int | None, seed: int) -> Rows:
    """At most `limit` rows; drawn, since a file is often sorted by class."""
    count = len(rows[target])
    if limit is None or count <= limit:
        return rows
    chosen = np.random.RandomState(seed).permutation(count)[:limit]
    return {key: array[chosen] for key, array in rows.items()}


def _as_targets(split: str, array: np.ndarray) -> np.ndarray:
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or array.dtype.kind not in "iub":
        raise received(
            f"the target of {split} to be a vector of integers",
            dtype=str(array.dtype),
            shape=array.shape,
        )
    return _narrow(f"the target of {split}", array)


def _classes(targets: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """Names for labels that came without: 0 up to the largest one."""
    largest = max((int(array.max()) for array in targets.values() if array.size), default=0)
    examples = sum(array.size for array in targets.values())
    if largest >= max(examples, 1000):
        # One output per number up to an id or a measurement would only fill the memory.
        raise received("the target to be class indices counted from 0", largest=largest)
    return tuple(str(index) for index in range(largest + 1))


def _cast(
    key: str,
    kind: str,
    raw: Rows,
    vocabulary_size: int | None,
    words: tuple[str, ...] | None,
) -> tuple[Rows, InputSpec]:
    if kind == "text":
        raw, words = _encode_texts(raw)
        kind, vocabulary_size = "tokens", len(words)
    train = raw["train"].dtype
    pixels = train.name if kind == "image" and train.kind == "u" else None
    cast = {split: _cast_one(f"`{key}` of {split}", kind, raw[split]) for split in SPLITS}
    if kind == "tokens" and vocabulary_size is None:
        # Ids out of range are for the check that follows; here they only count.
        vocabulary_size = max(int(array.max(initial=0)) for array in cast.values()) + 1
    return cast, InputSpec(kind, cast["train"].shape[1:], vocabulary_size, pixels, words)


def _cast_one(name: str, kind: str, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "iufb":
        raise received(f"{name} to be numbers", dtype=str(array.dtype))
    if kind == "tokens":
        if array.ndim != 2 or array.dtype.kind not in "iu":
            raise received(
                f"{name} to be token ids, a matrix of integers",
                dtype=str(array.dtype),
                shape=array.shape,
            )
        return _narrow(name, array)
    if kind == "vector":
        return array.reshape(len(array), -1).astype("float32")
    if array.ndim not in (3, 4):
        raise received(f"{name} to be images, of rank 3 or 4", shape=array.shape)
    scale = np.iinfo(array.dtype).max if array.dtype.kind == "u" else None
    images = array.astype("float32")
    if scale is not None:
        images /= np.float32(scale)
    return images if images.ndim == 4 else images[..., None]


def _narrow(name: str, array: np.ndarray) -> np.ndarray:
    """To int32, which must not turn a large id into a small one."""
    if array.size and not -(2**31) <= int(array.min()) <= int(array.max()) < 2**31:
        raise received(
            f"{name} to fit 32 bits", smallest=int(array.min()), largest=int(array.max())
        )
    return array.astype("int32")


def _words(text: object) -> list[str]:
    decoded = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return re.findall(r"\w+", decoded.lower())


def _encode_texts(raw: Rows) -> tuple[Rows, tuple[str, ...]]:
    """Token ids with a vocabulary fitted on train: 0 pads, 1 is unknown, then by frequency."""
    train = [_words(text) for text in raw["train"]]
    counts = collections.Counter(word for words in train for word in words)
    # Ties by the alphabet, so that the same texts always give the same ids.
    ranked = sorted(counts, key=lambda word: (-counts[word], word))[: MAX_WORDS - 2]
    ids = {word: index for index, word in enumerate(ranked, start=2)}
    length = min(max((len(words) for words in train), default=1) or 1, MAX_LENGTH)

    def encode(texts: Iterable[object]) -> np.ndarray:
        rows = [_words(text)[:length] for text in texts]
        encoded = np.zeros((len(rows), length), "int32")
        for row, words in zip(encoded, rows, strict=True):
            row[: len(words)] = [ids.get(word, 1) for word in words]
        return encoded

    return {split: encode(raw[split]) for split in SPLITS}, ("", "[unknown]", *ranked)
