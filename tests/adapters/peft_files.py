"""The files that PEFT wrote, the models that they are for, and changes to copies of them."""

import json
import shutil
from pathlib import Path

import keras
import numpy as np
from safetensors.numpy import load_file, save_file

from keras_hadamard import adapters

L = keras.layers
FOLDER = Path(__file__).parent / "peft"
# The base of each file, and what `modules` has to name beside the adapted ones.
EVERY = ["emb", "q_proj", "c_proj", "norm", "fc1", "fc2", "head", "conv", "bn", "dw", "point"]
FIRST = ["lora", "rankpat", "alphare", "ia3re", "loha_eff"]
MORE = {
    "rslora": [],
    "dora": [],
    "fan_in": [],
    "lora_bias": [],
    "lora_bias_without": [],
    "bias_all": [name for name in EVERY if name not in ("emb", "fc2")],
    "bias_all_and_modules": [name for name in EVERY if name not in ("emb", "fc2")],
    "bias_lora_only": [],
    "modules_to_save": ["head", "dw"],
    "norm_to_save": ["norm", "bn"],
    "pissa_converted": [],
    "loha": [],
    "loha_effective": [],
    "hira": [],
    "ia3": [],
    "ia3_fan_in": [],
}


def first():
    """The model that `first.npz` has the weights of."""
    tok = keras.Input((5,), dtype="int32", name="tok")
    img = keras.Input((7, 7, 3), name="img")
    x = L.Embedding(11, 8, name="emb")(tok)
    x = L.Add()([L.Dense(8, name="q_proj")(x), x])
    x = L.Add()([L.Dense(8, name="fc2")(L.Dense(6, "relu", name="fc1")(x)), x])
    z = L.Conv2D(4, 3, activation="relu", name="conv")(img)
    return keras.Model([tok, img], [x, L.Conv2D(4, 3, groups=2, name="dw")(z)])


def second():
    """The model that `second.npz` has the weights of: `generate.py`'s."""
    tok = keras.Input((5,), dtype="int32", name="tok")
    img = keras.Input((7, 7, 3), name="img")
    x = L.Embedding(11, 8, name="emb")(tok)
    x = L.Dense(6, name="c_proj")(L.Add()([L.Dense(8, name="q_proj")(x), x]))
    x = L.LayerNormalization(epsilon=1e-5, name="norm")(x)
    y = L.Dense(6, use_bias=False, name="fc2")(L.Dense(16, "relu", name="fc1")(x))
    x = L.Dense(3, name="head")(L.Add()([y, x]))
    z = L.BatchNormalization(epsilon=1e-5, name="bn")(L.Conv2D(4, 3, name="conv")(img))
    z = L.Conv2D(4, 3, groups=2, name="dw")(L.ReLU()(z))
    return keras.Model([tok, img], [x, L.Conv2D(2, 1, name="point")(z)])


def based(name):
    """The model of a file with PEFT's base weights, and its inputs."""
    old = name in FIRST
    values = dict(np.load(FOLDER / ("first.npz" if old else "second.npz")))
    inputs = [values["tok"].astype("int32"), values["img"].transpose(0, 2, 3, 1)]
    model = first() if old else second()
    for layer in model.layers:
        if layer.weights:
            of = [values[k] for k in values if k.startswith(f"{layer.name}.")]
            kept = layer.name in ("emb", "c_proj")
            layer.set_weights(
                [v if kept or v.ndim == 1 else v.T for v in of if v.ndim < 4]
                if of[0].ndim < 4
                else [of[0].transpose(2, 3, 1, 0), *of[1:]]
            )
    return model, inputs


def path_of(module):
    if module in ("norm", "bn"):
        return module
    return f"{module}/{'embeddings' if module == 'emb' else 'kernel'}"


def modules_of(name):
    keys = [k.removeprefix("base_model.model.") for k in tensors_of(FOLDER / name)]
    found = [key.split(".")[0] for key in keys]
    return {path_of(module): module for module in dict.fromkeys([*found, *MORE.get(name, [])])}


def tensors_of(folder):
    return load_file(folder / "adapter_model.safetensors")


def load(name, folder=None, model=None, as_name=None):
    model = based(name)[0] if model is None else model
    return adapters.load_adapter(model, folder or FOLDER / name, as_name, modules=modules_of(name))


def check(name, model, inputs, tolerance=1e-5):
    want = np.load(FOLDER / name / "out.npz")
    x, z = model(inputs)
    np.testing.assert_allclose(x, want["x"], rtol=tolerance, atol=tolerance)
    z = np.transpose(z, (0, 3, 1, 2))
    np.testing.assert_allclose(z, want["z"], rtol=tolerance, atol=tolerance)


def paths(adapted, name):
    return [adapted.adaptable_kernels[place].kernel.path for place in adapted.adapters[name].places]


def copied(name, tmp_path):
    return Path(shutil.copytree(FOLDER / name, tmp_path / name))


def configure(folder, **values):
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def change(folder, drop=None, cast=None, **more):
    tensors = {k: v for k, v in tensors_of(folder).items() if drop is None or drop not in k}
    tensors |= {f"base_model.model.{k}": v for k, v in more.items()}
    save_file(
        {k: v if cast is None else v.astype(cast) for k, v in tensors.items()},
        folder / "adapter_model.safetensors",
    )
