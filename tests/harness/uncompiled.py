"""For tests of what is made of ops: a call compiles nothing, which takes longer than most tests."""

from collections.abc import Iterator

import pytest

from keras_hadamard.config import eager_compile_scope


@pytest.fixture(autouse=True)
def uncompiled() -> Iterator[None]:
    """Of everything in the folder, or the file, that imports this."""
    with eager_compile_scope(False):
        yield
