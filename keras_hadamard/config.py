"""Process-wide switches.

`set_eager_compile(False)` stops eagerly called ops from compiling themselves with XLA. Each new
shape costs a compilation, so a program that calls ops eagerly on ever new shapes is faster without.
Inside a `tf.function`, in `fit` and in an exported model the switch changes nothing: there the
outermost function decides.
"""

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["eager_compile", "eager_compile_scope", "set_eager_compile"]

_eager_compile = True


def __dir__() -> list[str]:
    return sorted(__all__)


def eager_compile() -> bool:
    """Returns whether eagerly called ops compile themselves with XLA, as they do by default.

    Example:

    >>> keras_hadamard.config.eager_compile()
    True
    """
    return _eager_compile


def set_eager_compile(enabled: bool) -> None:
    """Switches the compilation of eagerly called ops on or off, for the whole process.

    Args:
        enabled: Boolean.

    Raises:
        ValueError: If `enabled` is not a boolean.

    Example:

    >>> keras_hadamard.config.set_eager_compile(False)
    >>> keras_hadamard.config.eager_compile()
    False
    >>> keras_hadamard.config.set_eager_compile(True)
    """
    global _eager_compile
    if not isinstance(enabled, bool):
        raise ValueError(f"Expected `enabled` to be a boolean. Received: enabled={enabled!r}")
    _eager_compile = enabled


@contextmanager
def eager_compile_scope(enabled: bool) -> Iterator[None]:
    """Sets the switch within a `with` block and puts the former value back.

    Args:
        enabled: Boolean.

    Example:

    >>> with keras_hadamard.config.eager_compile_scope(False):
    ...     keras_hadamard.config.eager_compile()
    False
    """
    before = _eager_compile
    set_eager_compile(enabled)
    try:
        yield
    finally:
        set_eager_compile(before)
