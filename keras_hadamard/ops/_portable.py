"""Whether a model is traced for LiteRT or ONNX, which have fewer operations and fewer bits.

Ops take a form without FFT and complex numbers then, and layers one that bears eight bits.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_TRACED: ContextVar[bool] = ContextVar("portable_ops", default=False)


@contextmanager
def portable_ops() -> Iterator[None]:
    """What is traced within takes the forms that suit those formats."""
    token = _TRACED.set(True)
    try:
        yield
    finally:
        _TRACED.reset(token)


def tracing_portable() -> bool:
    """Whether the code that runs now is traced within `portable_ops`."""
    return _TRACED.get()
