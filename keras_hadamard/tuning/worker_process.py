"""The process of a local worker."""

import os
import pickle
import signal
import sys
import threading

from keras_hadamard.tuning.chief import work
from keras_hadamard.tuning.local_workers import RENEWED, TRIALS_OF_A_PROCESS


def child(most: int = TRIALS_OF_A_PROCESS) -> None:
    """What a local worker does: it reads its order, and ends with its chief."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    size = int.from_bytes(sys.stdin.buffer.read(8), "big")
    address, settings, data = pickle.loads(sys.stdin.buffer.read(size))

    def end_with_chief() -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=end_with_chief, daemon=True).start()
    over = work(address, settings, data, sys.argv[1], most)
    sys.exit(0 if over else RENEWED)
