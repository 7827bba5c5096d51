"""Description of an input of a hypermodel."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keras_hadamard._core.checks import one_of, positive_int, received

RANKS = {"image": 3, "tokens": 1, "vector": 1, "fields": 1}
DTYPES = {"image": "float32", "tokens": "int32", "vector": "float32", "fields": "int32"}
ATTRIBUTES = ("kind", "shape", "vocabulary_size", "vocabulary_sizes", "dtype", "normalized")


@dataclass(frozen=True)
class Field:
    """One named input: its kind, its shape without the batch, its type and its number of ids."""

    kind: str
    shape: tuple[int, ...]
    vocabulary_size: int | None = None
    vocabulary_sizes: tuple[int, ...] = ()
    dtype: str = ""
    normalized: bool = False

    @classmethod
    def of(cls, name: str, spec: Any) -> "Field":
        """Reads a dict, or an object with the attributes `kind`, `shape` and so on."""
        values = dict(spec) if isinstance(spec, Mapping) else _attributes(spec)
        unknown = sorted(set(values) - set(ATTRIBUTES))
        if unknown or "kind" not in values or "shape" not in values:
            optional = ", ".join(f"`{attribute}`" for attribute in ATTRIBUTES[2:])
            raise received(
                f"input {name!r} to have `kind`, `shape` and optionally some of {optional}",
                **{name: spec},
            )
        kind = one_of(f"kind of {name}", values["kind"], RANKS)
        shape = tuple(positive_int(f"shape of {name}", n) for n in values["shape"])
        if len(shape) != RANKS[kind]:
            raise received(
                f"{kind} input {name!r} to have a shape of {RANKS[kind]} axes", shape=shape
            )
        size = values.get("vocabulary_size")
        sizes: tuple[int, ...] = ()
        if kind == "tokens":
            size = positive_int(f"vocabulary_size of {name}", size)
        if kind == "fields":
            sizes = _sizes(name, values.get("vocabulary_sizes"), shape[0])
        dtype = str(values.get("dtype") or DTYPES[kind])
        return cls(kind, shape, size, sizes, dtype, bool(values.get("normalized")))


def _attributes(spec: Any) -> dict[str, Any]:
    return {name: getattr(spec, name) for name in ATTRIBUTES if hasattr(spec, name)}


def _sizes(name: str, sizes: Any, columns: int) -> tuple[int, ...]:
    """The number of ids of each column."""
    if not isinstance(sizes, list | tuple) or len(sizes) != columns:
        raise received(
            f"input {name!r} to have one of `vocabulary_sizes` for each of its {columns} columns",
            vocabulary_sizes=sizes,
        )
    return tuple(
        positive_int(f"vocabulary_sizes of {name}, column {column}", size)
        for column, size in enumerate(sizes)
    )
