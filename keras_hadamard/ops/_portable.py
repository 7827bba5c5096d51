"""Tracing for LiteRT or ONNX, which have fewer operations and fewer bits.

Ops then take a lowering without FFT and complex numbers, and layers take one that suits eight bits.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_TRACED: ContextVar[bool] = ContextVar("portable_ops", default=False)


@contextmanager
def portable_ops() -> Iterator[None]:
    """Ops traced in this scope take the lowerings that suit these formats."""
    token = _TRACED.set(True)
    try:
        yield
    finally:
        _TRACED.reset(token)


def tracing_portable() -> bool:
    """Whether the code that runs now is traced within `portable_ops`."""
    return _TRACED.get()
