"""Keeps TensorFlow's log off the terminal; errors still come as exceptions."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def start_quietly(with_devices: bool = True) -> None:
    """Imports Keras without TensorFlow's messages about the machine."""
    import logging

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for name in ("tensorflow", "absl"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with silent_stderr():
        import keras

        # TensorFlow looks for its devices when it is first used; a cluster is joined before.
        if with_devices and "TF_CONFIG" not in os.environ:
            keras.ops.zeros(())


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Drops what is written to file descriptor 2: TensorFlow logs there before it reads a level."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
