"""The largest values of a model, operation by operation, against the range of a dtype."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_hadamard._core.checks import one_of, received
from keras_hadamard.analysis._inputs import arrays_of
from keras_hadamard.analysis._program import program_of

# The largest number, and what is rounded to zero: of integers, relative to the largest value.
_RANGES = {
    "float16": (65504.0, 2.0**-25),
    "bfloat16": (3.3895313892515355e38, 2.0**-134),
    "int8": (float("inf"), 1 / 254),
}
DTYPES = tuple(_RANGES)
_MOST_ROWS = 256


@dataclass(frozen=True)
class Magnitude:
    """One operation of a `MagnitudesReport`.

    Args:
        layer: String, the path of the layer.
        operation: String, the operation.
        largest: Float, the largest absolute value over the data.
        zeroed: Float, the share of values that are not zero, and that the dtype rounds to zero.

    Example:

    >>> keras_hadamard.analysis.Magnitude("model/poly", "Mul", 1e5, 0.0).largest
    100000.0
    """

    layer: str
    operation: str
    largest: float
    zeroed: float


@dataclass(frozen=True)
class MagnitudesReport:
    """Result of `magnitudes`.

    Args:
        operations: Tuple of `Magnitude`, in the order in which the model runs.
        dtype: String, the dtype they are compared with.

    Example:

    >>> from keras_hadamard.analysis import Magnitude, MagnitudesReport
    >>> rows = Magnitude("model/poly", "Mul", 1e5, 0.0), Magnitude("model/out", "MatMul", 3.0, 0.0)
    >>> report = MagnitudesReport(rows, "float16")
    >>> print(report)
    float16 ends at 65504; 1 of 2 operations overflows
      layer       operation  largest  zeroed
    ! model/poly  Mul          1e+05    0.0%
      model/out   MatMul           3    0.0%
    """

    operations: tuple[Magnitude, ...]
    dtype: str

    @property
    def limit(self) -> float:
        """The largest number of the dtype; infinite for int8, which is scaled to the values."""
        return _RANGES[self.dtype][0]

    @property
    def overflows(self) -> tuple[Magnitude, ...]:
        """The operations with values beyond the dtype, the first one first."""
        return tuple(m for m in self.operations if not m.largest <= self.limit)

    @property
    def losses(self) -> tuple[Magnitude, ...]:
        """The operations of which the dtype rounds more than half of the values to zero."""
        return tuple(m for m in self.operations if m.zeroed > 0.5)

    def plot(self, axes: Any = None) -> Any:
        """The largest value of each operation, with the end of the dtype; needs matplotlib."""
        import matplotlib.pyplot as plt

        axes = plt.subplots()[1] if axes is None else axes
        axes.semilogy([m.largest for m in self.operations], "o-")
        if np.isfinite(self.limit):
            axes.axhline(self.limit, color="tab:red", label=self.dtype)
            axes.legend()
        axes.set_xticks(
            range(len(self.operations)),
            [m.layer.rpartition("/")[2] for m in self.operations],
            rotation=90,
        )
        axes.set_ylabel("largest value")
        return axes

    def __str__(self) -> str:
        count, all_ = len(self.overflows), len(self.operations)
        if self.dtype == "int8":
            head = (
                f"int8 by tensor; {len(self.losses)} of {all_} operations lose half of their values"
            )
        else:
            verb = "overflows" if count == 1 else "overflow"
            head = f"{self.dtype} ends at {self.limit:.6g}; {count} of {all_} operations {verb}"
        shown = list(self.operations)
        if all_ > 30:
            wanted = {*self.overflows, *self.losses}
            wanted |= set(sorted(self.operations, key=lambda m: -m.largest)[:20])
            shown = [m for m in self.operations if m in wanted][:30]
        rows = [("layer", "operation", "largest", "zeroed")]
        rows += [(m.layer, m.operation, f"{m.largest:.4g}", f"{m.zeroed:.1%}") for m in shown]
        wide = [max(len(row[i]) for row in rows) for i in range(4)]
        marked = {*self.overflows, *self.losses}
        lines = [head]
        for m, row in zip([None, *shown], rows, strict=True):
            mark = "!" if m in marked else " "
            lines.append(
                f"{mark} {row[0].ljust(wide[0])}  {row[1].ljust(wide[1])}  "
                f"{row[2].rjust(wide[2])}  {row[3].rjust(wide[3])}"
            )
        if len(shown) < all_:
            lines.append(f"  and {all_ - len(shown)} smaller ones")
        return "\n".join(lines)


def magnitudes(model: keras.Model, data: Any, dtype: str = "float16") -> MagnitudesReport:
    """Returns the largest value after every operation, and which are beyond a dtype.

    The model is run in float64, whatever its dtype, so that nothing overflows while it is measured.
    In a model of 16 bits, what it keeps in float32 is left out: to see what a float32 model would
    do under `mixed_float16`, make it under that policy. A polynomial of degree N that fits at one
    scale of the inputs is 2^N times as large at twice that scale.

    Args:
        model: `keras.Model` that is built; it need not be a polynomial.
        data: Array, or list or dictionary of arrays, with inputs, typical and extreme ones.
        dtype: `"float16"`, `"bfloat16"` or `"int8"`, with one scale for each tensor, its largest
            value. Defaults to `"float16"`.

    Returns:
        A `MagnitudesReport`, which prints as a table with marks and can be plotted.

    Raises:
        ValueError: If the model has loops, or an argument does not fit.

    Example:

    >>> import numpy as np
    >>> power = keras.layers.Lambda(lambda x: x**8)
    >>> model = keras.Sequential([keras.Input((1,)), power])
    >>> report = keras_hadamard.analysis.magnitudes(model, np.array([[10.0]]))
    >>> [(m.operation, m.largest) for m in report.overflows]
    [('Pow', 100000000.0)]

    Reference:
        - [Mixed Precision Training (Micikevicius et al., 2018)](https://arxiv.org/abs/1710.03740)
    """
    one_of("dtype", dtype, DTYPES)
    program = program_of(model)
    arrays = arrays_of(program, data, "data")
    nodes = [
        node
        for node in program.graph.nodes
        if program.graph.dependent.intersection(node.outputs)
        and node.op not in ("Identity", "IdentityN", "Reshape", "Squeeze", "ExpandDims", "Cast")
    ]
    half = {d for node in nodes for d in node.dtypes if d in ("float16", "bfloat16")}
    found: dict[str, Any] = {}
    for start in range(0, len(arrays[0]), _MOST_ROWS):
        run = program.run([a[start : start + _MOST_ROWS] for a in arrays])
        for node in nodes:
            for name, kind in zip(node.outputs, node.dtypes, strict=True):
                if not kind.startswith(("float", "bfloat")) or (half and kind not in half):
                    continue
                if name not in run.values:
                    raise received("a model without loops", operation=node.op, layer=node.layer)
                found.setdefault(name, []).append(np.abs(np.asarray(run.values[name])))
    rows = []
    for node in nodes:
        parts = [np.ravel(p) for name in node.outputs for p in found.get(name, [])]
        values = np.concatenate(parts) if parts else np.zeros(0)
        if not values.size:
            continue
        largest = float(values.max())
        least = _RANGES[dtype][1] * (largest if dtype == "int8" else 1.0)
        zeroed = float(np.mean((values > 0) & (values < least)))
        rows.append(Magnitude(node.layer, node.op, largest, zeroed))
    return MagnitudesReport(tuple(rows), dtype)
