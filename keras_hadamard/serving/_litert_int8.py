"""Eight bits where they are enough: the fewest ops of a model that have to stay in floats."""

import contextlib
import math
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cached_property
from typing import Any

import tensorflow as tf

from keras_hadamard.serving._litert_ops import Op, ops_of

# How many trials rank the ops: larger models are ranked by runs of neighbours.
_GROUPS = 32
# What is chosen on some rows is to hold on others too.
_MARGIN = 0.8


class Quantizer:
    """A model in eight bits, of which chosen ops are not quantized.

    TensorFlow's debugger quantizes all but the ops that it is told to leave out, from ranges that
    are measured once.
    """

    def __init__(self, converter: Any) -> None:
        self._converter = converter
        self._whole = bytes(converter.convert())

    @cached_property
    def _debugger(self) -> Any:
        lite = tf.lite.experimental
        options = lite.QuantizationDebugOptions()
        return lite.QuantizationDebugger(converter=self._converter, debug_options=options)

    @property
    def nodes(self) -> list[Op]:
        """The ops to choose from: none where no op has a form in eight bits.

        The converter knows an op of one output by its name, and others only by their kind, which
        stay in floats together.
        """
        # The debugger refuses a model without ops that it could compare in both forms.
        if all(op.floats for op in ops_of(self._whole)):
            return []
        ops = ops_of(self._debugger.calibrated_model)
        several = {op.kind: op for op in ops if len(op.outputs) > 1}
        return [op for op in ops if len(op.outputs) == 1] + list(several.values())

    def content(self, floats: Collection[Op] = ()) -> bytes:
        """The file in which all but `floats` are quantized, as far as they can be."""
        if not floats:
            return self._whole
        options = self._debugger.options
        options.denylisted_nodes = [op.outputs[0] for op in floats if len(op.outputs) == 1]
        options.denylisted_ops = [op.kind for op in floats if len(op.outputs) > 1]
        with _without_chatter():
            return bytes(self._debugger.get_nondebug_quantized_model())


@contextlib.contextmanager
def _without_chatter() -> Iterator[None]:
    """The converter says its options on each of many trials, past Python's own streams."""
    try:
        kept = os.dup(2)
    except OSError:  # There is no such stream.
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def fewest_in_floats(
    nodes: list[Op], error: Callable[[Collection[Op]], float], allowed: float
) -> list[Op]:
    """The fewest nodes found that have to stay in floats for an error of at most `allowed`.

    `error` is that of the outputs with some nodes in floats, infinite where the file does not run.
    Ops are ranked by the error that each makes alone, which shows also what a later root or
    quotient makes of its rounding. Bisected is then how many of the first stay in floats, and each
    of those goes back to eight bits if the others are enough.
    """
    if error(()) <= allowed:
        return []
    allowed *= _MARGIN
    if not nodes or error(nodes) > allowed:
        return []  # Not for want of bits.
    ranked = [node for group in _ranked(nodes, error) for node in group]
    low, high = 0, len(ranked)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if error(ranked[:middle]) <= allowed else (middle, high)
    return _pruned(ranked[:high], error, allowed)


def _ranked(nodes: list[Op], error: Callable[[Collection[Op]], float]) -> Iterable[list[Op]]:
    """Runs of nodes, those first that do most harm when they alone are quantized."""
    size = math.ceil(len(nodes) / _GROUPS)
    groups = [nodes[i : i + size] for i in range(0, len(nodes), size)]
    harm = [error([node for node in nodes if node not in group]) for group in groups]
    order = sorted(range(len(groups)), key=lambda i: -harm[i])
    return [groups[i] for i in order]


def _pruned(kept: list[Op], error: Callable[[Collection[Op]], float], allowed: float) -> list[Op]:
    """Without the nodes that can be quantized after all: halves first, then ever smaller parts."""
    size = len(kept) // 2
    while size:
        start = len(kept)
        # From the end, where the most harmless are.
        while start > 0:
            start = max(0, start - size)
            rest = kept[:start] + kept[start + size :]
            if error(rest) <= allowed:
                kept = rest
        size //= 2
    return kept
