"""Metaclass that finishes a model after the constructors of all its classes."""

import inspect
from typing import Any


class Afterwards(type):
    """Calls `constructed` of a new model.

    The constructor of a base class runs before a subclass has added its own parts.
    """

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        made = super().__call__(*args, **kwargs)
        made.constructed()
        return made

    @property
    def __signature__(cls) -> inspect.Signature:
        """The constructor's signature: `inspect` would show that of `__call__`."""
        made: Any = cls
        own = inspect.signature(made.__init__)
        return own.replace(parameters=list(own.parameters.values())[1:])
