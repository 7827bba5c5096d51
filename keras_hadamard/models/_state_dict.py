"""Checkpoints of PyTorch as a flat mapping from names to NumPy arrays, without PyTorch itself."""

import argparse
import importlib
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_hadamard._core.checks import received
from keras_hadamard._core.reading import reading

SAFE = (".safetensors",)
# Authors also use `.pth.tar`, which is not a tar file.
PICKLED = (".pth", ".pt", ".bin", ".tar", ".ckpt")

# Training code stores the weights under these keys; earlier ones take precedence.
WRAPPERS = ("state_dict", "model", "params", "net")
AVERAGED = ("state_dict_ema", "model_ema", "params_ema", "net_ema", "ema")
# Prefixes that wrappers add to every name: data parallelism, compilation, a training module.
PREFIXES = ("module.", "model.")
COMPILED = "_orig_mod."
# Entries of a state dict that are not weights, and are not needed here.
IGNORED = ("num_batches_tracked", "n_averaged")


def is_checkpoint(path: str | Path) -> bool:
    """Whether the file name is that of a state dict and not of weights saved by Keras."""
    return Path(path).suffix in SAFE + PICKLED


def state_dict(source: Any, ema: bool = False) -> dict[str, Any]:
    """The weights by their names, from a file or a mapping, without wrappers."""
    if not isinstance(source, Mapping):
        source = _read(source)
    return _without_prefixes(_unwrapped(source, ema))


def array(tensor: Any) -> np.ndarray[Any, Any]:
    """A tensor of any framework as an array, 16-bit floats as float32."""
    if hasattr(tensor, "detach"):
        tensor = tensor.detach().cpu()
        # NumPy has no bfloat16.
        if tensor.is_floating_point() and tensor.element_size() < 4:
            tensor = tensor.float()
        return np.asarray(tensor.numpy())
    found = np.asarray(tensor)
    # The narrow floats that NumPy does not know are of kind V.
    return (
        found.astype("float32") if found.dtype == np.float16 or found.dtype.kind == "V" else found
    )


def _read(path: Any) -> Any:
    if not isinstance(path, str | Path) or not is_checkpoint(path):
        raise received(
            f"`state_dict` to be a mapping or the path of a file {', '.join(SAFE + PICKLED)} "
            "(for a file saved by Keras, use `load_weights` or `weights`)",
            state_dict=str(path) if isinstance(path, Path) else path,
        )
    if not Path(path).is_file():
        raise received("`state_dict` to be the path of a file", state_dict=str(path))
    return _from_safetensors(path) if Path(path).suffix in SAFE else _from_pickle(path)


def _from_safetensors(path: str | Path) -> Any:
    import safetensors.numpy

    with reading(path, "a safetensors file"):
        try:
            return safetensors.numpy.load_file(path)
        except safetensors.SafetensorError as error:
            raise ValueError(error) from error


def _from_pickle(path: str | Path) -> Any:
    try:
        torch: Any = importlib.import_module("torch")
    except ImportError as error:
        raise received(
            f"the package torch, to read {Path(path).suffix} files: `pip install torch`, or "
            "save the state dict where torch is installed, with "
            "`safetensors.torch.save_file(state_dict, 'model.safetensors')`",
            path=str(path),
        ) from error
    with reading(path, "a checkpoint of PyTorch"):
        try:
            # Training code stores its arguments with the weights, in this harmless class.
            with torch.serialization.safe_globals([argparse.Namespace]):
                return torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            # torch's message explains at length before it names the object.
            met = str(error).rpartition("WeightsUnpickler error: ")[2].partition(". ")[0]
            raise ValueError(
                "damaged, or with objects that are not tensors; if you trust it, pass the "
                f"result of `torch.load(path, map_location='cpu', weights_only=False)`; {met}"
            ) from error
        except (RuntimeError, EOFError) as error:
            raise ValueError(str(error) or "the file ends too early") from error


def _unwrapped(state: Any, ema: bool) -> Mapping[str, Any]:
    """The nested mapping of the weights; the averaged ones on request or if there are no others."""
    if not isinstance(state, Mapping):
        raise received("a mapping from names to arrays", checkpoint=type(state).__name__)
    keys = AVERAGED if ema else WRAPPERS + AVERAGED
    key = next((key for key in keys if isinstance(state.get(key), Mapping)), None)
    if key is not None:
        # Averaged weights may be wrapped again, under a key that does not say so.
        return _unwrapped(state[key], False)
    if ema:
        raise received(f"averaged weights under one of {AVERAGED}", keys=list(state)[:5])
    weights = {k: v for k, v in state.items() if isinstance(k, str) and not k.endswith(IGNORED)}
    if not any(hasattr(value, "shape") for value in weights.values()):
        raise received(
            f"a mapping from names to arrays, or one under a key of {WRAPPERS + AVERAGED}",
            keys=list(state)[:5],
        )
    return weights


def _without_prefixes(state: Mapping[str, Any]) -> dict[str, Any]:
    # Compilation may have wrapped parts of a network.
    state = {name.replace(COMPILED, ""): value for name, value in state.items()}
    for prefix in PREFIXES * 2:
        if all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state
