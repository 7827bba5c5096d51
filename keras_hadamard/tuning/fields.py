"""What a hypermodel has to know about an input."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keras_hadamard._core.checks import one_of, positive_int, received

KINDS = ("image", "tokens", "vector")
DTYPES = {"image": "float32", "tokens": "int32", "vector": "float32"}


@dataclass(frozen=True)
class Field:
    """One named input: its kind, its shape without the batch, its type, and for tokens how many."""

    kind: str
    shape: tuple[int, ...]
    vocabulary_size: int | None = None
    dtype: str = ""

    @classmethod
    def of(cls, name: str, spec: Any) -> "Field":
        """Reads a dict, or anything with the attributes `kind`, `shape` and so on."""
        values = dict(spec) if isinstance(spec, Mapping) else _attributes(spec)
        unknown = sorted(set(values) - {"kind", "shape", "vocabulary_size", "dtype"})
        if unknown or "kind" not in values or "shape" not in values:
            raise received(
                f"input {name!r} to have `kind`, `shape` and perhaps `vocabulary_size`, `dtype`",
                **{name: spec},
            )
        kind = one_of("kind", values["kind"], KINDS)
        shape = tuple(positive_int("shape", n) for n in values["shape"])
        rank = {"image": 3, "tokens": 1, "vector": 1}[kind]
        if len(shape) != rank:
            raise received(f"{kind} input {name!r} to have a shape of {rank} axes", shape=shape)
        size = values.get("vocabulary_size")
        if kind == "tokens":
            size = positive_int("vocabulary_size", size)
        return cls(kind, shape, size, str(values.get("dtype") or DTYPES[kind]))


def _attributes(spec: Any) -> dict[str, Any]:
    names = ("kind", "shape", "vocabulary_size", "dtype")
    return {name: getattr(spec, name) for name in names if hasattr(spec, name)}
