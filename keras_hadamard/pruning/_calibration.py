"""Calibration data: its passes through a model, and the inputs of the layers in them."""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard.pruning._readings import Reading

Record = Callable[[int, np.ndarray, int], None]
# Maximum number of values in the rows made at a time, so that windows of large images fit in
# memory.
_AT_ONCE = 1 << 22


class Passes:
    """Batches of inputs that can go through a model, each pass with a progress bar.

    `several` keeps the batches of a generator, which can be read only once.
    """

    def __init__(self, data: Any, batch_size: int, several: bool, verbose: int) -> None:
        self._data = data
        self._batch_size = batch_size
        self._bar = verbose
        self._arrays = isinstance(data, (dict, list, tuple)) or hasattr(data, "shape")
        if data is None or isinstance(data, (str, bytes)) or not (
            self._arrays or isinstance(data, Iterable)
        ):  # fmt: skip
            raise received(
                "`calibration` to be inputs of the model: an array, a dict or list of arrays, a "
                "tf.data.Dataset, or another iterable of batches",
                calibration=data,
            )
        if self._arrays:
            self._data = keras.tree.map_structure(np.asarray, data)
            sizes = {a.shape[0] if a.ndim else None for a in keras.tree.flatten(self._data)}
            if len(sizes) != 1 or not next(iter(sizes)):
                raise received(
                    "`calibration` of arrays with the same number of examples, at least 1",
                    sizes=sizes,
                )
        elif several and isinstance(data, Iterator):
            self._data = list(data)

    def run(self, model: keras.Model, readings: Sequence[Reading], record: Record) -> None:
        """Calls the model on every batch; `record` gets a place, rows of inputs, and examples."""
        total = self._total()
        bar = keras.utils.Progbar(total, verbose=self._bar, unit_name="batch")
        count = 0
        with _hooks(readings, record):
            for batch in self._batches():
                self._call(model, batch)
                count += 1
                bar.update(count, finalize=False)
        if not count:
            raise received("`calibration` of at least one batch", batches=0)
        bar.update(count, finalize=True)

    def _batches(self) -> Iterator[Any]:
        if not self._arrays:
            for batch in self._data:
                # Inputs, targets and weights, as `fit` takes them.
                yield batch[0] if isinstance(batch, tuple) else batch
            return
        size = len(keras.tree.flatten(self._data)[0])
        for start in range(0, size, self._batch_size):
            stop = start + self._batch_size
            yield keras.tree.map_structure(lambda a, i=start, j=stop: a[i:j], self._data)

    def _total(self) -> int | None:
        if self._arrays:
            return -(-len(keras.tree.flatten(self._data)[0]) // self._batch_size)
        try:
            return len(self._data)
        except TypeError:
            return None

    def _call(self, model: keras.Model, batch: Any) -> None:
        try:
            model(batch, training=False)
        except _NotEager:
            raise
        except Exception as error:
            shapes = keras.tree.map_structure(lambda a: tuple(np.shape(a)), batch)
            raise ValueError(
                f"Expected `calibration` that the model can be called on. Received: {shapes=}, "
                f"which fails with: {error}"
            ) from error


class _NotEager(ValueError):
    """A layer was called inside a graph, where tensors have no values."""


@contextmanager
def _hooks(readings: Sequence[Reading], record: Record) -> Iterator[None]:
    """A scope in which `record` gets the inputs of the layers of the readings."""
    places: dict[int, list[int]] = {}
    for place, reading in enumerate(readings):
        places.setdefault(id(reading.layer), []).append(place)
    layers = [readings[group[0]].layer for group in places.values()]
    own = [vars(layer).get("call") for layer in layers]
    for layer, group in zip(layers, places.values(), strict=True):
        # Keras looks `call` up on the instance, which may have another one than its class.
        vars(layer)["call"] = _recording(layer, group, readings, record)
    try:
        yield
    finally:
        for layer, before in zip(layers, own, strict=True):
            del vars(layer)["call"]
            if before is not None:
                vars(layer)["call"] = before


def _recording(
    layer: Any, places: list[int], readings: Sequence[Reading], record: Record
) -> Callable[..., Any]:
    call = layer.call

    @functools.wraps(call)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        inputs = args[0] if args else next(iter(kwargs.values()))
        try:
            x = np.asarray(ops.convert_to_numpy(inputs))
        except Exception as error:
            raise _NotEager(
                "Expected layers that are called on tensors with values. Received: "
                f"{layer.name!r}, called on {inputs!r}. Leave its kernels out with `exclude`"
            ) from error
        x = x if x.dtype == "float64" else x.astype("float32")
        for place in places:
            _in_parts(x, readings[place], functools.partial(record, place))
        return call(*args, **kwargs)

    return wrapper


def _in_parts(x: np.ndarray, reading: Reading, record: Callable[..., None]) -> None:
    window = max(1, reading.sizes[0] * reading.sizes[1] // max(1, x.shape[-1]))
    examples = max(1, _AT_ONCE // max(1, window * int(np.prod(x.shape[1:]))))
    for start in range(0, len(x), examples):
        part = x[start : start + examples]
        record(reading.rows(part), len(part))
