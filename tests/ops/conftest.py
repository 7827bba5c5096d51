"""Called eagerly, an op is compiled at its first call here, and not only when it comes again."""

from collections.abc import Iterator

import pytest

from keras_hadamard.config import eager_compile_scope


@pytest.fixture(autouse=True)
def compiled_at_once() -> Iterator[None]:
    with eager_compile_scope(True, after=0):
        yield
