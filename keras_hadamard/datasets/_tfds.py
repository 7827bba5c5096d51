"""Data sets through TFDS: ours, prepared ones, and ones that TFDS can prepare."""

import contextlib
import difflib
import os
import re
import sys
from typing import Any

import numpy as np

from keras_hadamard._core.checks import near, received
from keras_hadamard._core.extras import require
from keras_hadamard.datasets._digit_questions import QUESTION_LENGTH, VOCABULARY
from keras_hadamard.datasets._network import check_reachable
from keras_hadamard.datasets._table import Source, table_of

Rows = dict[str, np.ndarray]
Inputs = dict[str, tuple[str, str]]
# The inputs (name: feature, kind) and the target of our own builders; their other features are for
# people, or describe how an example was made.
OURS: dict[str, tuple[Inputs, str]] = {
    "digits_vqa": (
        {"image": ("image", "image"), "question": ("question", "text")},
        "answer",
    ),
    "sort_of_clevr": ({"image": ("image", "image"), "question": ("question", "vector")}, "answer"),
}
WORDS = {"digits_vqa": {"question": VOCABULARY}}
LENGTHS = {"digits_vqa": {"question": QUESTION_LENGTH}}
SPLIT_NAMES = {"train": "train", "validation": "validation", "valid": "validation"}
SPLIT_NAMES |= {"val": "validation", "dev": "validation", "test": "test"}
_NAME = re.compile(r"(?P<base>[a-z]\w*)(/[\w.\-]+)?(:[\d.*]+)?")
PathLike = str | os.PathLike[str]


def available() -> list[str]:
    """The names of the data sets that this package makes without a network.

    Returns:
        A sorted list of strings, each valid for `builder`, `load`, `load_arrays` and `tfds.load`.

    Example:

    >>> import keras_hadamard
    >>> keras_hadamard.datasets.available()
    ['digits_vqa', 'sort_of_clevr']
    """
    return sorted(OURS)


def builder(name: str, data_dir: PathLike | None = None) -> Any:
    """A TFDS builder whose data are prepared once in the data directory.

    Args:
        name: String, a TFDS name such as `"digits_vqa"`, `"sort_of_clevr/full"` or `"mnist:3.*.*"`.
            Ours never use the network; TFDS may download others that are not prepared yet.
        data_dir: String or path. Defaults to `None`, TFDS's own directory.

    Returns:
        A `tfds.core.DatasetBuilder`, ready for `as_dataset`.

    Raises:
        ValueError: If there is no data set of that name, or TFDS cannot prepare it.
        ImportError: If TFDS, or for `digits_vqa` scikit-learn, is not installed.

    Example:

    >>> import keras_hadamard, tempfile
    >>> built = keras_hadamard.datasets.builder("digits_vqa/tiny", data_dir=tempfile.mkdtemp())
    >>> built.info.splits["train"].num_examples
    240
    """
    tfds = require("tensorflow_datasets", "tensorflow-datasets", "keras_hadamard.datasets")
    made = _find(tfds, name, data_dir)
    if made.is_prepared():
        return made
    if made.name not in OURS:
        check_reachable(name)
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    try:
        # TFDS prints messages to stdout, which belongs to the caller's results; its progress bar
        # already uses stderr.
        with contextlib.redirect_stdout(sys.stderr):
            made.download_and_prepare(download_config=config)
    except ImportError:
        raise
    except Exception as error:
        # If two processes prepare the data at once, the later one finds the directory complete.
        again = _find(tfds, name, data_dir)
        if again.is_prepared():
            return again
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise received(
            "a data set that TFDS can prepare", name=name, data_dir=str(data_dir), error=reason
        ) from error
    return made


def load(name: str, split: str, data_dir: PathLike | None = None) -> Any:
    """The examples of one split, as TFDS gives them, prepared first if necessary.

    Args:
        name: String, as for `builder`.
        split: String, a TFDS split such as `"train"` or `"test[:10%]"`.
        data_dir: String or path. Defaults to `None`, TFDS's own directory.

    Returns:
        A `tf.data.Dataset` of dictionaries.

    Raises:
        ValueError: If there is no such data set or split, or TFDS cannot prepare it.

    Example:

    >>> import keras_hadamard, tempfile
    >>> data = keras_hadamard.datasets.load("sort_of_clevr/tiny", "test", tempfile.mkdtemp())
    >>> len(data)
    120
    """
    return builder(name, data_dir).as_dataset(split=split)


def _find(tfds: Any, name: str, data_dir: PathLike | None) -> Any:
    """The builder of that name, without a query over the network."""
    match = _NAME.fullmatch(name)
    # TFDS would fetch its list of community data sets, and retry for minutes without a network.
    known = tfds.list_builders(with_community_datasets=False)
    options = {} if data_dir is None else {"data_dir": os.fspath(data_dir)}
    try:
        if match and match["base"] in known:
            return tfds.builder(name, try_gcs=False, **options)
        if match:
            core = require(
                "tensorflow_datasets.core.read_only_builder",
                "tensorflow-datasets",
                "keras_hadamard.datasets",
            )
            return core.builder_from_files(name, **options)
    except tfds.core.DatasetNotFoundError:
        pass
    except (ValueError, AssertionError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise received("a configuration and version that exist", name=name, error=reason) from error
    near = difflib.get_close_matches(name.split("/")[0], known, n=3)
    hint = f" (nearest: {', '.join(near)})" if near else ""
    raise received(
        f"one of {available()}, a TFDS name, or a file or folder that exists{hint}",
        name=name,
    )


def load_tfds(
    name: str, *, data_dir: PathLike | None, target: str | None, limit: int | None
) -> Source:
    """The content of a data set of TFDS."""
    built = builder(name, data_dir)
    ours = OURS.get(built.name) if target is None else None
    inputs, target = ours or _choose(built.info, target)
    splits: dict[str, Rows] = {}
    for split, size in sorted((key, info.num_examples) for key, info in built.info.splits.items()):
        if split in SPLIT_NAMES and size:
            # Additional rows, as validation and test may be taken from train.
            most = size if limit is None else min(size, 2 * limit)
            rows = _read(built, f"{split}[:{most}]", inputs, target)
            # Benchmarks hide the labels of their test split as -1; such rows are useless.
            if split == "train" or not (rows[target] == -1).all():
                splits[SPLIT_NAMES[split]] = rows
    return Source(
        built.name,
        {split: table_of(rows, f"{name} ({split})") for split, rows in splits.items()},
        target=target,
        kinds={key: kind for key, (_, kind) in inputs.items()},
        words=WORDS.get(built.name, {}),
        lengths=LENGTHS.get(built.name, {}),
        classes=_names(built.info.features[target]),
        arrays=True,
    )


def _names(feature: Any) -> tuple[str, ...] | None:
    return tuple(feature.names) if hasattr(feature, "names") else None


def _choose(info: Any, target: str | None) -> tuple[Inputs, str]:
    """The input features with their kinds, and the target feature."""
    tfds = require("tensorflow_datasets", "tensorflow-datasets", "keras_hadamard.datasets")
    types = tfds.features
    if not isinstance(info.features, types.FeaturesDict):
        raise received("a dictionary of features", features=type(info.features).__name__)
    features = dict(info.features.items())
    keys = info.supervised_keys
    if target is not None and target not in features:
        raise received(
            f"`target` to be a feature{near(target, features)}", target=target, name=info.name
        )
    if target is None and keys and len(keys) == 2 and all(isinstance(key, str) for key in keys):
        features = {key: features[key] for key in keys}
    labels = [k for k, f in features.items() if isinstance(f, types.ClassLabel)]
    if target is None and len(labels) != 1:
        raise received(
            "exactly one ClassLabel feature as target, or `target`", labels=labels, name=info.name
        )
    target = target or labels[0]
    kinds: dict[str, str] = {}
    for key, feature in features.items():
        if key == target or isinstance(feature, types.ClassLabel):
            continue
        if isinstance(feature, types.Image):
            kinds[key] = "image"
        elif isinstance(feature, types.Text):
            kinds[key] = "text"
        elif type(feature) in (types.Tensor, types.Scalar) and feature.np_dtype != np.object_:
            kinds[key] = "vector"
        if kinds.get(key) != "text" and key in kinds and None in feature.shape:
            raise received(f"`{key}` with the same shape in all examples", shape=feature.shape)
    if not kinds:
        raise received("an image, text or tensor feature as input", features=sorted(features))
    return {key: (key, kind) for key, kind in kinds.items()}, target


def _read(built: Any, split: str, inputs: Inputs, target: str) -> Rows:
    """The inputs and the target of a split as arrays, in the order of the files."""
    tfds = require("tensorflow_datasets", "tensorflow-datasets", "keras_hadamard.datasets")
    wanted = {key: feature for key, (feature, _) in inputs.items()} | {target: target}
    data = built.as_dataset(split=split, shuffle_files=False)
    data = data.map(lambda row: {key: row[feature] for key, feature in wanted.items()})
    batches = list(tfds.as_numpy(data.batch(256)))
    return {key: np.concatenate([batch[key] for batch in batches]) for key in wanted}
