"""Statistics of numbers, from the training split only."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

# Numbers further from the 10 % and 90 % quantiles than this many times their distance are
# outliers: 14 standard deviations of a normal distribution.
_FAR = 5.0
_LARGEST = float(np.finfo("float32").max)
# The number of rows for quantiles, and of features at a time to fit in memory.
_ROWS, _FEATURES = 50_000, 256


@dataclass(frozen=True)
class Statistics:
    """The arguments of `Standardize`, by feature."""

    mean: np.ndarray
    deviation: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    missing: np.ndarray

    @property
    def clipped(self) -> np.ndarray:
        return (self.lower > -_LARGEST) | (self.upper < _LARGEST)

    def arguments(self, indicators: Iterable[int]) -> dict[str, Any]:
        some = bool(self.clipped.any())
        return {
            "mean": self.mean.tolist(),
            "deviation": self.deviation.tolist(),
            "lower": self.lower.tolist() if some else None,
            "upper": self.upper.tolist() if some else None,
            "indicators": list(indicators),
        }


def statistics_of(matrix: np.ndarray) -> Statistics:
    """The statistics of a float32 matrix of examples and features, with NaN for missing values."""
    parts = [
        _of_few(matrix[:, start : start + _FEATURES].astype("float64"))
        for start in range(0, matrix.shape[1], _FEATURES)
    ]
    return Statistics(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def _of_few(x: np.ndarray) -> tuple[np.ndarray, ...]:
    missing = np.isnan(x)
    none = missing.all(axis=0)
    # A feature without any value has mean 0 and no information.
    x = np.where(none, 0.0, x)
    some = x[:: max(1, len(x) // _ROWS)]
    quantile = np.nanquantile if missing.any() else np.quantile
    with np.errstate(all="ignore"):
        low, high = np.nan_to_num(_quietly(quantile, some))
    reach = _FAR * (high - low)
    # If most values are one number, the others are not outliers but the information.
    reach = np.where(reach > 0, reach, np.inf)
    far_down, far_up = np.nanmin(x, axis=0) < low - reach, np.nanmax(x, axis=0) > high + reach
    lower = np.where(far_down, low - reach, -_LARGEST).astype("float32")
    upper = np.where(far_up, high + reach, _LARGEST).astype("float32")
    x = np.clip(x, lower, upper)
    mean = np.nanmean(x, axis=0)
    deviation = np.nanstd(x, axis=0)
    # Rounding errors of equal numbers do not count as spread.
    deviation = np.where(deviation > 1e-6 * np.maximum(np.abs(mean), 1e-30), deviation, 1.0)
    deviation = np.maximum(deviation, 1e-30)
    return mean.astype("float32"), deviation.astype("float32"), lower, upper, missing.any(axis=0)


def _quietly(quantile: Any, x: np.ndarray) -> Any:
    import warnings

    with warnings.catch_warnings():
        # The drawn rows may lack all values of a feature.
        warnings.simplefilter("ignore", RuntimeWarning)
        return quantile(x, (0.1, 0.9), axis=0)
