"""The files that LyCORIS wrote, the model that they are for, and changes to copies of them."""

from pathlib import Path

import keras
import numpy as np
from safetensors.numpy import load_file, save_file

from keras_hadamard import adapters

L = keras.layers
FOLDER = Path(__file__).parent / "lycoris"
BASE = dict(np.load(FOLDER / "base.npz"))
OUTPUTS = dict(np.load(FOLDER / "outputs.npz"))
DENSE = ["mlp.0", "mlp.2"]
EVERY = [*DENSE, "one", "conv", "group", "point"]


def inputs():
    x, line, img = (BASE[name] for name in ("x", "line", "img"))
    return [x, line.transpose(0, 2, 1), img.transpose(0, 2, 3, 1)]


def base():
    """The model of `generate.py`, with its weights."""
    x, line, img = (keras.Input(value.shape[1:]) for value in inputs())
    y = L.Dense(6, name="mlp_2")(L.Dense(16, "relu", name="mlp_0")(x))
    z = L.Conv2D(16, 3, activation="relu", name="conv")(img)
    z = L.Conv2D(16, 3, groups=4, activation="relu", name="group")(z)
    outputs = [y, L.Conv1D(6, 3, name="one")(line), L.Conv2D(6, 1, name="point")(z)]
    model = keras.Model([x, line, img], outputs)
    for module in EVERY:
        weight, bias = BASE[f"{module}.weight"], BASE[f"{module}.bias"]
        # Outputs, inputs and positions become positions, inputs and outputs.
        layer = model.get_layer(module.replace(".", "_"))
        layer.set_weights([np.moveaxis(weight, (0, 1), (-1, -2)), bias])
    return model


def tensors_of(name):
    return load_file(FOLDER / f"{name}.safetensors")


def path_of(module):
    return f"{module.replace('.', '_')}/kernel"


def modules_of(tensors):
    there = {key.split(".")[0].split("_", 1)[1] for key in tensors}
    return {path_of(m): m for m in EVERY if m.replace(".", "_") in there}


def load(name, model=None, path=None, **more):
    model = base() if model is None else model
    modules = {"modules": modules_of(tensors_of(name))}
    return adapters.load_adapter(
        model, path or FOLDER / f"{name}.safetensors", **{**modules, **more}
    )


def check(name, model, tolerance=1e-5):
    for i, got in enumerate(model(inputs())):
        want = np.moveaxis(OUTPUTS[f"{name}.{i}"], 1, -1)
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def write(path, tensors):
    save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, path)
    return path
