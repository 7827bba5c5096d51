"""Options of an export beyond one signature."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import keras

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard.serving._model_name import is_model_name
from keras_hadamard.serving._saved_model import SIGNATURE

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
# `serve` is Keras's own name for what the server knows as `serving_default`.
_TAKEN = ("serve", SIGNATURE, "classify")
_LARGEST_REQUEST = 1024


@dataclass(frozen=True)
class ExportOptions:
    """Contents of a SavedModel beyond `serving_default`, and how the server is to run it.

    Args:
        signatures: Dict of built `keras.Model`s by the name of the signature that each becomes,
            such as `{"embed": embedder, "step": step}`. What they share with the model is written
            once. Defaults to `None`.
        preprocessing: `keras.Model` from what requests carry (pixels as uint8, text) to a dict of
            the model's inputs by name, or some of them, which becomes part of each signature that
            takes those inputs. Defaults to `None`.
        labels: Sequence of strings, the names of the classes that the last axis of the model's only
            output scores. They become the asset `labels.txt` and the signature `classify`, which
            answers with the best `labels`, at most five, and their `scores`. Defaults to `()`.
        batch_sizes: Tuple of increasing positive integers: the sizes that the server pads batches
            to, of which the last is the largest that it runs at once. Each gets a warm-up request,
            which the server runs before it serves. Empty for neither. Defaults to `(1, 8, 32)`.
        max_batch_size: Integer, the rows of the largest request that a server with batching takes,
            not below the last of `batch_sizes`. It splits requests of more rows than that one, and
            refuses requests of more than `max_batch_size` ("larger than maximum input batch
            size"). Defaults to `None`, 1,024 or the last of `batch_sizes`, whichever is more.
        name: String of letters, digits and `_.-`, the name that requests call the model by, which
            `models.config` and the warm-up requests carry. Defaults to `None`, the name of the
            model's folder.
        input_checks: Boolean, whether the graph checks its inputs: rank and sizes, equal batches,
            and that ids have a row in the `Embedding` that they go into. The server's error then
            names the signature's input, what was expected and what was received; without, it names
            an inner node of the graph or, for ids on a GPU, there is none, and an image of another
            rank ends a server whose convolutions are oneDNN's. Defaults to `True`.
        xla: Boolean, whether XLA compiles the models. Such a version is labelled, and only serves
            where the server was started with `--xla_cpu_compilation_enabled`. Defaults to `False`.

    Raises:
        ValueError: If a name, a size or a label cannot be used.

    Example:

    >>> from keras_hadamard.serving import ExportOptions
    >>> ExportOptions(labels=["no", "yes"]).batch_sizes
    (1, 8, 32)
    """

    signatures: Mapping[str, keras.Model] | None = None
    preprocessing: keras.Model | None = None
    labels: Sequence[str] = ()
    batch_sizes: tuple[int, ...] = (1, 8, 32)
    max_batch_size: int | None = None
    name: str | None = None
    input_checks: bool = True
    xla: bool = False

    def __post_init__(self) -> None:
        for name in self.signatures or {}:
            if not _NAME.fullmatch(name) or name in _TAKEN:
                raise received(
                    f"names of signatures of letters and digits, not {_TAKEN}", name=name
                )
        sizes = [positive_int("batch_sizes", size) for size in self.batch_sizes]
        if sizes != sorted(set(sizes)):
            raise received("`batch_sizes` to increase", batch_sizes=self.batch_sizes)
        least = sizes[-1] if sizes else 1
        most = positive_int("max_batch_size", self.largest_request)
        if most < least:
            raise received(
                f"`max_batch_size` to be at least {least}, the last of `batch_sizes`",
                max_batch_size=most,
            )
        if self.name is not None and not is_model_name(self.name):
            raise received("`name` to be of letters, digits and `_.-`", name=self.name)
        bad = [n for n in self.labels if not isinstance(n, str) or not n or "\n" in n or "\r" in n]
        if isinstance(self.labels, str) or bad:
            raise received("`labels` to be a sequence of strings of one line", labels=self.labels)
        if len(set(self.labels)) != len(self.labels):
            raise received("`labels` without repetition", labels=self.labels)

    @property
    def largest_request(self) -> int:
        """The most rows of a request."""
        if self.max_batch_size is None:
            return max(_LARGEST_REQUEST, *self.batch_sizes, 1)
        return self.max_batch_size
