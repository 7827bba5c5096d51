"""Compares what the server's loader answers with what Keras answers."""

import numpy as np

from keras_hadamard.serving._loader import Batches, utf8


def compare(expected: Batches, actual: Batches, tolerance: float) -> tuple[bool, str]:
    """Whether all outputs are equal within `tolerance` of their scale, and the measured figure."""
    largest, where = 0.0, ""
    for batch, outputs in expected.items():
        for name in sorted({*outputs, *actual.get(batch, {})}):
            at = f"{name} at batch {batch}"
            if name not in outputs or name not in actual.get(batch, {}):
                side = "the server" if name in outputs else "Keras"
                return False, f"{side} has no {at}"
            found = difference(outputs[name], actual[batch][name])
            if isinstance(found, str):
                return False, f"{at}: {found}"
            # `>=`, so that equal outputs still name a place.
            if found >= largest:
                largest, where = found, at
    if not where:
        return False, "there is no output to compare"
    return largest <= tolerance, (
        f"largest difference {largest:.1e} of the output's scale, in {where}; allowed {tolerance:g}"
    )


def difference(expected: np.ndarray, actual: np.ndarray) -> float | str:
    """The largest difference relative to the largest finite value, or what is not comparable."""
    if expected.shape != actual.shape:
        return f"shape {actual.shape} where Keras has {expected.shape}"
    if expected.dtype.kind not in "fciub":  # strings
        same = np.array_equal(utf8(expected), utf8(actual))
        return 0.0 if same else "different strings"
    if expected.dtype.kind in "iub":
        same = np.array_equal(expected, actual)
        return 0.0 if same else f"{np.sum(expected != actual)} integers differ"
    wide = np.complex128 if expected.dtype.kind == "c" else np.float64
    left, right = expected.astype(wide), actual.astype(wide)
    finite = np.isfinite(left)
    if not np.array_equal(left[~finite], right[~finite], equal_nan=True):
        return "NaN or infinity in other places"
    if not np.isfinite(right[finite]).all():
        return "NaN or infinity where Keras has numbers"
    left, right = left[finite], right[finite]
    scale = np.abs(left).max(initial=0.0)
    return float(np.abs(left - right).max(initial=0.0) / (scale or 1.0))
