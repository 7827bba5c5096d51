"""Process-wide switches.

An op that is called eagerly compiles itself with XLA when it is called a third time with tensors of
the same shapes and dtypes. A compilation takes as long as hundreds of calls, and a signature that
occurred twice is likely to occur again. The compiled op rounds differently, so the third result of
equal calls may differ from the second by rounding errors.

`set_eager_compile(False)` stops that, and `set_eager_compile(True, after=0)` compiles at the first
call. Inside a `tf.function`, in `fit` and in an exported model the switch changes nothing: there
the outermost function decides.
"""

from collections.abc import Iterator
from contextlib import contextmanager

_eager_compile = True
_eager_compile_after = 2


__all__ = ["eager_compile", "eager_compile_after", "eager_compile_scope", "set_eager_compile"]


def __dir__() -> list[str]:
    return sorted(__all__)


def eager_compile() -> bool:
    """Returns whether eagerly called ops compile themselves with XLA, as they do by default.

    Example:

    >>> keras_hadamard.config.eager_compile()
    True
    """
    return _eager_compile


def eager_compile_after() -> int:
    """Returns the number of calls with equal shapes and dtypes before an op is compiled.

    Example:

    >>> keras_hadamard.config.eager_compile_after()
    2
    """
    return _eager_compile_after


def set_eager_compile(enabled: bool, after: int = 2) -> None:
    """Switches the compilation of eagerly called ops on or off, for the whole process.

    Args:
        enabled: Boolean.
        after: Integer, the number of calls of an op with tensors of the same shapes and dtypes that
            run operation by operation before it is compiled. Defaults to `2`.

    Raises:
        ValueError: If `enabled` is not a boolean, or `after` is not an integer, 0 or more.

    Example:

    >>> keras_hadamard.config.set_eager_compile(False)
    >>> keras_hadamard.config.eager_compile()
    False
    >>> keras_hadamard.config.set_eager_compile(True)
    """
    global _eager_compile, _eager_compile_after
    if not isinstance(enabled, bool):
        raise ValueError(f"Expected `enabled` to be a boolean. Received: enabled={enabled!r}")
    if isinstance(after, bool) or not isinstance(after, int) or after < 0:
        raise ValueError(f"Expected `after` to be an integer, 0 or more. Received: after={after!r}")
    _eager_compile, _eager_compile_after = enabled, after


@contextmanager
def eager_compile_scope(enabled: bool, after: int = 2) -> Iterator[None]:
    """Sets the switch within a `with` block and restores the former values afterwards.

    Args:
        enabled: Boolean.
        after: Integer, as in `set_eager_compile`. Defaults to `2`.

    Example:

    >>> with keras_hadamard.config.eager_compile_scope(False):
    ...     keras_hadamard.config.eager_compile()
    False
    """
    before = _eager_compile, _eager_compile_after
    set_eager_compile(enabled, after)
    try:
        yield
    finally:
        set_eager_compile(*before)
