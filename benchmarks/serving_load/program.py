"""The C++ program, and requests as it reads them."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

Request = Mapping[str, np.ndarray]
SOURCE = Path(__file__).with_name("load.cc")
KINDS = {"int32": "int", "float32": "float", "float64": "double"}


def built(folder: Path, source: Path = SOURCE) -> Path:
    """Compiles a program against the TensorFlow that is installed."""
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        raise SystemExit("There is no C++ compiler: install g++ or clang++.")
    program, libraries = folder / source.stem, tf.sysconfig.get_lib()
    linked = [f"{libraries}/libtensorflow_{part}.so.2" for part in ("cc", "framework")]
    flags = ["-w", "-O1", *tf.sysconfig.get_compile_flags(), f"-Wl,-rpath,{libraries}"]
    flags.append(f"-I{SOURCE.parent}")
    subprocess.run([compiler, str(source), "-o", str(program), *linked, *flags], check=True)
    return program


def lines(valid: Sequence[Request], invalid: Sequence[Request]) -> str:
    """Requests as text."""
    kinds = [("valid", r) for r in valid] + [("invalid", r) for r in invalid]
    return "".join(f"{kind}\n{_inputs(request)}\n" for kind, request in kinds)


def _inputs(request: Request) -> str:
    return "".join(f"{name} {_tensor(array)}\n" for name, array in request.items())


def _tensor(array: np.ndarray) -> str:
    if array.dtype.kind in "OSU":
        kind = "string"
        values = [f"x{str(text).encode().hex()}" for text in array.ravel()]
    else:
        kind = KINDS[array.dtype.name]
        values = [repr(value) for value in array.ravel().tolist()]
    return " ".join([kind, str(array.ndim), *map(str, array.shape), *values])
