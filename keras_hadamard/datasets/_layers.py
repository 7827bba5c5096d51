"""Layers between raw columns and arrays that Keras does not have; exported graphs contain them."""

import itertools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Shape, Tensor

# Scripts written without spaces: each character is a word. Thai, Lao, Khmer and Burmese vowels are
# marks, which belong to the letter before them.
_UNSPACED = r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]\pM*)"

# Year, month and day, then perhaps hour, minute and second, then perhaps an offset from UTC.
_DATE = (
    r"\s*(\d{4})-(0?[1-9]|1[0-2])-(0?[1-9]|[12]\d|3[01])"
    r"(?:[Tt ](\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d*)?))?\s*(?:[Zz]|([+-]\d{2}):?(\d{2})?)?)?\s*"
)


@serializable
class SeparateWords(keras.layers.Layer):
    """Lower case, with single words between spaces: for `TextVectorization(standardize=None)`."""

    def call(self, text: Tensor) -> Tensor:
        # A space for every character that is not a letter, mark, digit or underscore.
        words = tf.strings.regex_replace(tf.strings.lower(text, "utf-8"), r"[^\pL\pM\pN_]+", " ")
        return tf.strings.regex_replace(words, _UNSPACED, r" \1 ")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


@serializable
class DateFeatures(keras.layers.Layer):
    """ISO 8601 strings of shape (n,) to numbers (n, 6), or (n, 8) with hours; NaN for no date.

    Days since 1970 less `day`; year; sine and cosine of the month, of the weekday and of the hour.
    """

    def __init__(self, day: float = 0.0, hours: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.day = day
        self.hours = hours

    def call(self, text: Tensor) -> Tensor:
        known = tf.strings.regex_full_match(text, _DATE)
        text = tf.where(known, text, "1970-01-01")
        year, month, day, hour, minute, second, ahead, and_minutes = (
            self._part(text, index) for index in range(1, 9)
        )
        days = _days(year, month, day)
        offset = ahead * 60 + tf.where(ahead < 0, -and_minutes, and_minutes)
        seconds = (hour * 60 + minute - offset) * 60 + second
        # From the time in UTC, not from the local one in the string.
        days, seconds = days + seconds // 86_400, seconds % 86_400
        year, month = _year_and_month(days)
        whole = days - int(self.day // 1)
        fraction = tf.cast(seconds, "float32") / 86_400 - np.float32(self.day % 1)
        features = [tf.cast(whole, "float32") + fraction, tf.cast(year, "float32")]
        features += _circle(month - 1, 12) + _circle((days + 3) % 7, 7)
        if self.hours:
            features += _circle(seconds, 86_400)
        return tf.where(known[:, None], tf.stack(features, axis=-1), np.float32("nan"))

    def _part(self, text: Tensor, index: int) -> Tensor:
        digits = tf.strings.regex_replace(text, f"^{_DATE}$", rf"\{index}")
        digits = tf.where(tf.equal(digits, ""), "0", digits)
        return tf.cast(tf.strings.to_number(digits, tf.float64), tf.int64)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape, 8 if self.hours else 6)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "day": self.day, "hours": self.hours}


def _days(year: Tensor, month: Tensor, day: Tensor) -> Tensor:
    """Days since 1970 by the Gregorian calendar, in years that begin in March."""
    year -= tf.cast(month <= 2, tf.int64)
    era, of_era = year // 400, year % 400
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def _year_and_month(days: Tensor) -> tuple[Tensor, Tensor]:
    """The inverse of `_days`."""
    days += 719_468
    era, of_era = days // 146_097, days % 146_097
    years = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * years + years // 4 - years // 100)
    month = ((5 * of_year + 2) // 153 + 2) % 12 + 1
    return years + era * 400 + tf.cast(month <= 2, tf.int64), month


def _circle(value: Tensor, period: int) -> list[Tensor]:
    angle = tf.cast(value, "float32") * np.float32(2 * np.pi / period)
    return [tf.sin(angle), tf.cos(angle)]


@serializable
class SideBySide(keras.layers.Layer):
    """Numbers of shape (n,) and (n, features) as one matrix of float32."""

    def call(self, columns: Sequence[Tensor]) -> Tensor:
        # One op for thousands of columns: an op for each would take minutes to trace.
        parts: list[Tensor] = []
        for rank, some in itertools.groupby(columns, lambda column: column.shape.rank):
            run = list(some)
            parts += [tf.stack(run, axis=-1)] if rank == 1 else run
        return parts[0] if len(parts) == 1 else tf.concat(parts, axis=-1)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        width = sum((shape[1] or 0) if len(shape) == 2 else 1 for shape in input_shape)
        return (input_shape[0][0], width)


@serializable
class Standardize(keras.layers.Layer):
    """Clips numbers, standardises them, puts 0 for NaN, and appends which ones were NaN.

    The difference to `keras.layers.Normalization` is what happens to NaN and to outliers.
    """

    def __init__(
        self,
        mean: Sequence[float],
        deviation: Sequence[float],
        lower: Sequence[float] | None = None,
        upper: Sequence[float] | None = None,
        indicators: Sequence[int] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.mean, self.deviation = mean, deviation
        self.lower, self.upper = lower, upper
        self.indicators = indicators

    def call(self, numbers: Tensor) -> Tensor:
        missing = tf.math.is_nan(numbers)
        mean = tf.constant(self.mean, "float32")
        known = tf.where(missing, mean, numbers)
        if self.lower is not None and self.upper is not None:
            lower, upper = (tf.constant(x, "float32") for x in (self.lower, self.upper))
            known = tf.clip_by_value(known, lower, upper)
        values = (known - mean) / tf.constant(self.deviation, "float32")
        if not self.indicators:
            return values
        flags = tf.gather(missing, list(self.indicators), axis=-1)
        return tf.concat([values, tf.cast(flags, "float32")], axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        *rest, width = input_shape
        return (*rest, None if width is None else width + len(self.indicators))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            **{key: getattr(self, key) for key in ("mean", "deviation", "lower", "upper")},
            "indicators": list(self.indicators),
        }


@serializable
class Ids(keras.layers.Layer):
    """Integers as int32: one matrix as it is, or columns (n,) plus an offset each, as a matrix."""

    def __init__(self, offsets: Sequence[int] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.offsets = offsets

    def call(self, ids: Any) -> Tensor:
        if self.offsets is None:
            return tf.cast(ids, "int32")
        columns = zip(ids, self.offsets, strict=True)
        return tf.stack([tf.cast(c, "int32") + offset for c, offset in columns], axis=-1)

    def compute_output_spec(self, ids: Any) -> keras.KerasTensor:
        shape = ids.shape if self.offsets is None else (*ids[0].shape, len(self.offsets))
        return keras.KerasTensor(shape, "int32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "offsets": self.offsets}
