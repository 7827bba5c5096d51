"""Runs LiteRT files that may end the process they run in, in a process of its own.

Some kernels of LiteRT check what rounding made of their numbers and abort, which no exception
handler sees. The program below is this file: it has TensorFlow and nothing of this package.
"""

import atexit
import contextlib
import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

Arrays = Mapping[str, np.ndarray]
_SIGNATURE = "serving_default"


class Trials:
    """The process, which is started when it is needed, and again after it was ended by a file."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(self, content: bytes, rows: Sequence[Arrays]) -> dict[str, np.ndarray] | None:
        """The outputs of all rows, one below the other, or None where the file does not run."""
        with tempfile.TemporaryDirectory() as folder:
            file, inputs, outputs = (str(Path(folder, n)) for n in ("m.tflite", "i.npz", "o.npz"))
            Path(file).write_bytes(content)
            names = list(rows[0])
            arrays = {n: np.concatenate([row[n] for row in rows]) for n in names}
            np.savez(inputs, **{str(i): arrays[n] for i, n in enumerate(names)})  # type: ignore[arg-type]
            if self._ask([file, inputs, outputs, json.dumps(names)]) != "ran":
                return None
            with np.load(outputs, allow_pickle=False) as found:
                order = json.loads(str(found["names"]))
                return {name: found[str(i)] for i, name in enumerate(order)}

    def _ask(self, arguments: list[str]) -> str:
        process = self._started()
        said = ""
        with contextlib.suppress(BrokenPipeError):
            if process.stdin is not None and process.stdout is not None:
                process.stdin.write(json.dumps(arguments) + "\n")
                process.stdin.flush()
                said = process.stdout.readline().strip()
        if not said:
            self.close()
        return said

    def _started(self) -> "subprocess.Popen[str]":
        if self._process is None:
            environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
            self._process = subprocess.Popen(
                # -P keeps this folder, whose files have common names, off the module path.
                [sys.executable, "-P", __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=environment,
            )
        return self._process

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(BrokenPipeError):
                process.communicate()


@functools.cache
def trials() -> Trials:
    """The one that all exports of this process use: it takes seconds to start."""
    made = Trials()
    atexit.register(made.close)
    return made


def _run(file: str, inputs: str, outputs: str, names: str) -> None:
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(model_path=file, num_threads=1)
    signature = interpreter.get_signature_runner(_SIGNATURE)
    types = {name: d["dtype"] for name, d in signature.get_input_details().items()}
    with np.load(inputs, allow_pickle=False) as given:
        arrays = {name: given[str(i)] for i, name in enumerate(json.loads(names))}
    count = len(next(iter(arrays.values())))
    answers = [
        signature(**{n: arrays[n][i : i + 1].astype(kind) for n, kind in types.items()})
        for i in range(count)
    ]
    found = {name: np.concatenate([one[name] for one in answers]) for name in answers[0]}
    order = np.array(json.dumps(list(found)))
    np.savez(outputs, names=order, **{str(i): x for i, x in enumerate(found.values())})  # type: ignore[arg-type]


def main() -> None:
    for line in sys.stdin:
        try:
            _run(*json.loads(line))
            said = "ran"
        except (RuntimeError, ValueError) as error:
            said = " ".join(str(error).split()) or "failed"
        sys.stdout.write(said + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
