"""One function from a name or a path to arrays."""

import os
from pathlib import Path

from keras_hadamard._core.checks import received
from keras_hadamard.datasets._files import load_file
from keras_hadamard.datasets.arrays import ArrayDataset


def load_arrays(
    source: str | os.PathLike[str],
    *,
    data_dir: str | os.PathLike[str] | None = None,
    seed: int = 0,
    limit: int | None = None,
) -> ArrayDataset:
    """Loads a classification data set as named arrays in three splits.

    `source` is one of

    - a data set of this package, `"digits_vqa"` or `"sort_of_clevr"` (with `/full`, `/tiny`), made
      without a network;
    - any other TFDS name: its `supervised_keys`, or all of its image, text and numeric features
      with its only `ClassLabel` as target. Texts become tokens with a vocabulary fitted on train;
    - a `.npz` file or a directory of `.npy` files, with arrays named `train_image`, `train_target`,
      `test_image`, ... or, to be split here, `image`, `target`, ... A JSON description in
      `NAME.json` beside `NAME.npz`, in an array `spec` within it, or in `spec.json` in the
      directory may give `{"target": "label", "inputs": {"image": {"kind": "image"}, "words":
      {"kind": "tokens", "vocabulary_size": 50}}, "classes": ["no", "yes"]}`. Without it the target
      is `target` and arrays of rank 3 or 4 (float or uint8) are images, matrices of integers
      tokens, matrices of floats vectors.

    Unsigned integer images are scaled to [0, 1], float images are taken as they are. Each missing
    split takes 15 % of the train examples, drawn by `seed`.

    Args:
        source: String or path. A string without a path separator is a name unless it exists.
        data_dir: String or path, where TFDS keeps prepared data. Defaults to `None`, TFDS's own.
        seed: Integer that draws missing splits and limited examples. Defaults to `0`.
        limit: Positive integer, the most examples a split may have. Defaults to `None`, all.

    Returns:
        An `ArrayDataset`.

    Raises:
        ValueError: If there is no such data set, or a file is unreadable or its arrays do not make
            a data set: unequal lengths, no integer target, values that are not finite, ids out of
            range, fewer than two classes, an empty split. One line says what was received.
        ImportError: If a TFDS name is given and TFDS or scikit-learn is not installed.

    Example:

    >>> import keras_hadamard, numpy as np, pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp(), "mine.npz")
    >>> np.savez(file, x=np.random.rand(100, 3), target=np.arange(100) % 2)
    >>> data = keras_hadamard.datasets.load_arrays(file)
    >>> data.inputs["x"].kind, len(data.train), len(data.test)
    ('vector', 70, 15)
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise received("`seed` to be an integer in [0, 2**32)", seed=seed)
    if not isinstance(source, (str, os.PathLike)) or not os.fspath(source):
        raise received("`source` to be a name or a path", source=source)
    path = Path(source).expanduser()
    if not _is_path(source, path):
        # Here and not above: a file needs no TFDS.
        from keras_hadamard.datasets._tfds import load_tfds

        return load_tfds(os.fspath(source), data_dir=data_dir, seed=seed, limit=limit)
    if not path.exists():
        raise received("a file or directory that exists", source=str(source))
    if path.is_file() and path.suffix != ".npz":
        raise received("a .npz file or a directory of .npy files", source=str(source))
    if path.is_dir() and not any(path.glob("*.npy")):
        raise received("a directory with .npy files", source=str(source))
    return load_file(path, seed=seed, limit=limit)


def _is_path(source: str | os.PathLike[str], path: Path) -> bool:
    if not isinstance(source, str) or path.suffix in (".npz", ".npy"):
        return True
    from keras_hadamard.datasets._tfds import OURS

    # A prepared data set or a folder of results may well lie here under one of our names.
    return source.split("/")[0] not in OURS and (
        path.exists() or source.startswith((".", "/", "~"))
    )
