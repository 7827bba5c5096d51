"""Runs a SavedModel as TF Serving does: in its loader, on a CPU, in general with XLA disabled.

Disabling XLA holds for the whole process and cannot be undone, so `run` starts this file as a
program of its own. The program does not import this package: like the server, it has TensorFlow
and the SavedModel, and none of the Python that made it.
"""

import ctypes
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

# Batch size -> name of the input or output -> values.
Batches: TypeAlias = dict[int, dict[str, np.ndarray]]
# Name of the signature -> its batches. A name may have a suffix after @, to be called twice.
Calls: TypeAlias = dict[str, Batches]

# `tensorflow::DisableXlaCompilation()`, which the server's main() calls unless it was started with
# one of its XLA flags. TensorFlow has no public name for it.
_DISABLE_XLA = "_ZN10tensorflow21DisableXlaCompilationEv"


@dataclass(frozen=True)
class LoaderRun:
    """Result of a run: `error` if nothing could be run, else outputs or a failure of each batch.

    `switched` is whether XLA could be disabled, if it was to be.
    """

    error: str | None
    outputs: Calls
    failures: dict[str, dict[int, str]]
    switched: bool = True


class NoSwitch(RuntimeError):
    """This build of TensorFlow does not have the switch, as on macOS and Windows."""


def save_calls(path: str | Path, calls: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> None:
    """Writes `<signature>/<batch>/<name>` arrays.

    numpy's format has no bfloat16, and no strings of different lengths.
    """
    arrays = {}
    for signature, batches in calls.items():
        for batch, values in batches.items():
            for name, value in values.items():
                array = np.asarray(value)
                if array.dtype.kind in "OU":
                    array = utf8(array)
                elif array.dtype.name == "bfloat16":
                    array = array.astype("float32")
                arrays[f"{signature}/{batch}/{name}"] = array
    # An open file, because with a path numpy hands the name of an array on as an argument.
    with open(path, "wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def utf8(array: np.ndarray) -> np.ndarray:
    """Strings as bytes; numpy's own cast knows ASCII only."""
    flat = [v.encode("utf-8") if isinstance(v, str) else v for v in array.ravel().tolist()]
    return np.array(flat, "S").reshape(array.shape)


def load_calls(path: str | Path) -> Calls:
    calls: Calls = {}
    with np.load(path, allow_pickle=False) as arrays:
        for key in arrays.files:
            signature, batch, name = key.split("/", 2)
            calls.setdefault(signature, {}).setdefault(int(batch), {})[name] = arrays[key]
    return calls


def run(path: str | Path, calls: Calls, xla: bool = False) -> LoaderRun:
    """Runs the signatures of the SavedModel at `path` on their batches, in a new process."""
    with tempfile.TemporaryDirectory() as scratch:
        inputs, outputs = Path(scratch, "inputs.npz"), Path(scratch, "outputs.npz")
        save_calls(inputs, calls)
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        # These flags can switch automatic clustering on, which a stock server does not do.
        environment.pop("TF_XLA_FLAGS", None)
        # Its messages are UTF-8 whatever the locale.
        environment["PYTHONUTF8"] = "1"
        arguments = [str(path), str(inputs), str(outputs), *(["--xla"] if xla else [])]
        # -P keeps this folder, whose files have common names, off the module path.
        done = subprocess.run(
            [sys.executable, "-P", __file__, *arguments],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
            check=False,
        )
        lines = done.stdout.splitlines()
        if done.returncode != 0 or not lines:
            said = done.stderr.strip().splitlines() or ["no message"]
            return LoaderRun(f"the loader ended with {done.returncode}: {said[-1]}", {}, {})
        result = json.loads(lines[-1])
        failures = {
            signature: {int(batch): text for batch, text in of.items()}
            for signature, of in result["failures"].items()
        }
        found = load_calls(outputs) if outputs.exists() else {}
        return LoaderRun(result["error"], found, failures, result["switched"])


def disable_xla() -> None:
    """Puts this process into a stock server's state, and proves it.

    Raises:
        NoSwitch: If this build of TensorFlow does not have the switch.
        RuntimeError: If the switch does not switch.
    """
    import tensorflow as tf

    try:
        library = ctypes.CDLL(str(Path(tf.sysconfig.get_lib(), "libtensorflow_cc.so.2")))
        switch = getattr(library, _DISABLE_XLA)
    except (OSError, AttributeError) as error:
        raise NoSwitch(
            f"TensorFlow {tf.__version__} has no DisableXlaCompilation where it is looked for"
        ) from error
    switch.restype = None
    switch()
    try:
        tf.function(tf.negative, jit_compile=True)(tf.constant(1.0))
    except tf.errors.OpError as error:
        if "XLA compilation disabled" in str(error):
            return
        raise RuntimeError(f"XLA fails here for another reason: {_one_line(error)}") from error
    raise RuntimeError(f"XLA still compiles in TensorFlow {tf.__version__} after being disabled")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]


def _serve(path: str, calls: Calls, failures: dict[str, dict[int, str]]) -> Calls:
    import tensorflow as tf

    outputs: Calls = {}
    # A graph and a session, not `tf.saved_model.load`: that is what the server itself runs.
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        meta_graph = tf.compat.v1.saved_model.load(session, ["serve"], path)
        for call, batches in calls.items():
            signature = meta_graph.signature_def[call.partition("@")[0]]
            fetches = {name: info.name for name, info in signature.outputs.items()}
            for batch, values in batches.items():
                try:
                    feed = {
                        info.name: values[name].astype(tf.as_dtype(info.dtype).as_numpy_dtype)
                        for name, info in signature.inputs.items()
                    }
                    outputs.setdefault(call, {})[batch] = session.run(fetches, feed)
                except KeyError as error:
                    failures.setdefault(call, {})[batch] = f"no values for input {error}"
                except (tf.errors.OpError, ValueError, TypeError) as error:
                    failures.setdefault(call, {})[batch] = _one_line(error)
    return outputs


def _switched() -> bool:
    try:
        disable_xla()
    except NoSwitch:
        return False
    return True


def main(path: str, inputs: str, outputs: str, *options: str) -> None:
    import tensorflow as tf

    error: str | None = None
    failures: dict[str, dict[int, str]] = {}
    switched = True
    try:
        if "--xla" not in options:
            switched = _switched()
    except RuntimeError as problem:
        error = f"cannot be run without XLA: {_one_line(problem)}"
    else:
        try:
            save_calls(outputs, _serve(path, load_calls(inputs), failures))
        except (tf.errors.OpError, OSError, ValueError, KeyError, RuntimeError) as problem:
            error = f"does not load: {_one_line(problem)}"
    result = {"error": error, "failures": failures, "switched": switched}
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
