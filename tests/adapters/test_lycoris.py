"""Files that LyCORIS wrote: the same outputs as LyCORIS's."""

import json

import keras
import ml_dtypes
import numpy as np
import pytest
from adapters.lycoris_files import (
    DENSE,
    FOLDER,
    base,
    check,
    inputs,
    load,
    modules_of,
    path_of,
    tensors_of,
    write,
)

from keras_hadamard import adapters
from keras_hadamard.adapters import DoRA, LoHa, LoKr, LoRA
from keras_hadamard.adapters._adapter import KernelView

LYCORIS = {"initialization": "lycoris"}
FOUND = {
    "loha": [LoHa(2, 3, **LYCORIS), LoHa(3, 2, **LYCORIS)],
    "loha_tucker": [LoHa(2, 3, True, **LYCORIS), LoHa(3, 2, True, **LYCORIS)],
    "loha_scalar": [LoHa(2, 3, **LYCORIS), LoHa(3, 2, **LYCORIS)],
    "loha_dora": [DoRA(r, a, "loha", norm_gradient=True) for r, a in ((2, 3), (3, 2))],
    "loha_dora_inputs": [DoRA(2, 3, "loha", norm="inputs", norm_gradient=True)],
    "lokr": [LoKr(1, 3, **LYCORIS)],
    "lokr_both": [LoKr(1, 3, decompose_both=both, **LYCORIS) for both in (True, False)],
    # Neither factor is a product, and alpha does not count.
    "lokr_whole": [LoKr(4, **LYCORIS)],
    "lokr_large": [LoKr(4, **LYCORIS)],
    "lokr_tucker": [LoKr(1, 3, tucker=True, **LYCORIS)],
    "lokr_factor": [LoKr(1, 3, factor=f, **LYCORIS) for f in (3, 2, -1)],
    "lokr_unbalanced": [
        LoKr(1, 3, factor=f, decompose_both=True, **LYCORIS) for f in (-1, (4, 3), 3)
    ],
    "lora": [LoRA(2, 3), LoRA(3, 2)],
    "lora_dora": [DoRA(r, a, norm_gradient=True) for r, a in ((2, 3), (3, 2))],
}


@pytest.mark.parametrize("name", FOUND)
def test_lycoris_outputs(name):
    model = base()
    start = [w.copy() for w in model.get_weights()]
    adapted = load(name, model)
    assert [w.adapter for w in adapted.adapters.values()] == FOUND[name]
    check(name, adapted)
    check(name, adapters.merge(adapted), 2e-5)
    # The outputs do tell: without the adapter they are others.
    with pytest.raises(AssertionError):
        check(name, model)
    for got, want in zip(model.get_weights(), start, strict=True):
        np.testing.assert_array_equal(got, want)


def test_a_pair_of_sizes_is_saved_and_taken_out_again(tmp_path):
    model = base()
    adapted = load("lokr_unbalanced", model)
    again = model
    for name in adapted.active:
        adapters.save_adapter(adapted, tmp_path / name, name)
        again = adapters.load_adapter(again, tmp_path / name)
    again.activate(*adapted.active)
    check("lokr_unbalanced", again)
    unmerged = adapters.unmerge(adapters.merge(adapted), adapted)
    for got, want in zip(unmerged.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_names_with_and_without_prefixes(tmp_path):
    """As a trainer writes them: one prefix for a text encoder's modules, another for the rest."""
    tensors = tensors_of("lokr")
    short = {path_of(m): m for m in ["one", "conv", "group", "point"]}

    def renamed(name, first, second):
        new = {"mlp_0": f"{first}mlp_0", "mlp_2": f"{second}mlp_2"}
        found = {}
        for key, value in tensors.items():
            module, ending = key.removeprefix("lycoris_").split(".", 1)
            found[f"{new.get(module, f'lora_unet_{module}')}.{ending}"] = value
        return write(tmp_path / name, found)

    path = renamed("a", "lora_te_", "lora_te1_")
    modules = {**short, path_of("mlp.0"): "mlp.0", path_of("mlp.2"): "lora_te1_mlp_2"}
    check("lokr", load("lokr", path=path, modules=modules))
    # Other trainers keep the dots, and a prefix that is a module's name too.
    path = renamed("b", "model.", "x_")
    modules |= {path_of("mlp.0"): "model_mlp_0", path_of("mlp.2"): "x.mlp.2"}
    check("lokr", load("lokr", path=path, modules=modules))
    both = {k: v for k, v in tensors.items() if "mlp_2" in k}
    both |= {k.replace("lycoris", "lora_te"): v for k, v in both.items()}
    path = write(tmp_path / "c", both)
    model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(6, name="mlp_2")])
    with pytest.raises(
        ValueError, match=r"the whole name of one of \['lora_te_mlp_2', 'lycoris_mlp_2'\]"
    ):
        adapters.load_adapter(model, path, modules={"mlp_2/kernel": "mlp.2"})
    with pytest.raises(ValueError, match=r"once.* missing=\['lora_te_mlp_2'\]"):
        adapters.load_adapter(model, path, modules={"mlp_2/kernel": "lycoris_mlp_2"})


def test_alpha_is_the_rank_where_it_is_zero_or_missing(tmp_path):
    outputs = []
    for value in (None, 0, 2):
        tensors = {k: v for k, v in tensors_of("loha").items() if "mlp" in k}
        for key in [k for k in tensors if k.endswith("alpha")]:
            tensors[key] = np.float32(value or 0)
            if value is None:
                del tensors[key]
        path = write(tmp_path / str(value), tensors)
        modules = {path_of(m): m for m in DENSE}
        outputs.append(load("loha", path=path, modules=modules)(inputs())[0])
    np.testing.assert_array_equal(outputs[0], outputs[2])
    np.testing.assert_array_equal(outputs[1], outputs[2])


@pytest.mark.parametrize("cast", ["bfloat16", "float16"])
def test_tensors_of_sixteen_bits(cast, tmp_path):
    dtype = ml_dtypes.bfloat16 if cast == "bfloat16" else cast
    tensors = {k: v.astype(dtype) for k, v in tensors_of("lokr_dora").items() if "dora" not in k}
    adapted = load("lokr_dora", path=write(tmp_path / "x", tensors))
    weights = adapted.adapters["default"].by_place[0]
    np.testing.assert_array_equal(weights["w1"], np.float32(tensors["lycoris_mlp_2.lokr_w1"]).T)
    assert adapted.adapters["default"].adapter.alpha == 3


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("full", r"`algo=full`, whole matrices.* tensors=\['lycoris_mlp_2.diff', .*diff_b'\]"),
        ("ia3", r"`algo=ia3`, scales.* tensors=\['lycoris_mlp_2.on_input', .*weight'\]"),
        ("glora", r"without GLoRA.* tensors=\['lycoris_mlp_2.a1.weight'"),
        ("oft", r"`algo=diag-oft` or `boft`, rotations.* tensors=\['lycoris_mlp_2.oft_blocks'\]"),
        ("lora_tucker", r"a core, as `use_tucker` makes it\. .*'lycoris_conv.lora_mid.weight'"),
        ("lokr_dora", r"'mlp_2/kernel' without `dora_scale`.*without `dora_wd`.* kind='LoKr'"),
        ("loha_dora_tucker", r"'one/kernel' without `dora_scale`.* kind='LoHa'"),
        ("loha_dora_inputs_windows", r"'one/kernel'.*`wd_on_output`.*dora_scale=\(1, 4, 1\)"),
    ],
)
def test_what_has_no_counterpart_is_refused(name, message):
    with pytest.raises(ValueError, match=message):
        load(name)


def test_what_is_missing_or_of_another_shape(tmp_path):
    tensors = tensors_of("lokr_dora")
    w1, w2a, w2b, alpha, dora = (
        f"lycoris_mlp_2.{n}" for n in ("lokr_w1", "lokr_w2_a", "lokr_w2_b", "alpha", "dora_scale")
    )
    del tensors[dora]
    for drop, add, message in [
        (w1, {}, r"all factors of a LoKr for 'mlp_2/kernel'.* tensors=\['a2', 'alpha', 'b2'\]"),
        (w2b, {}, "all factors of a LoKr"),
        (w1, {w1: np.ones(8)}, r"two axes or more for 'mlp_2/kernel'.* flat=\['w1'\]"),
        (w1, {w1: np.ones((2, 3))}, r"divisors of the 16 inputs .* of 'mlp_2/kernel'.*\(3, 2\)"),
        (w2a, {w2a: np.ones((5, 1))}, "of the shape of 'mlp_2/kernel'"),
        (alpha, {"lycoris_mlp_0.alpha": 1}, r"factors of .*without=\['lycoris_mlp_0'\]"),
        (alpha, {"lycoris_mlp_2.x": np.ones(2)}, r"without tensors of other names.*mlp_2.x'"),
    ]:
        changed = {k: v for k, v in tensors.items() if k != drop}
        path = write(tmp_path / "x", changed | {k: np.float32(v) for k, v in add.items()})
        with pytest.raises(ValueError, match=message):
            load("lokr_dora", path=path)
    with pytest.raises(ValueError, match=r"`modules` that name one of \['lycoris_mlp_2'\] for "):
        adapters.load_adapter(base(), FOLDER / "lokr_dora.safetensors")
    modules = modules_of(tensors_of("lokr"))
    del modules[path_of("conv")]
    with pytest.raises(ValueError, match=r"once.* missing=\['lycoris_conv'\]"):
        load("lokr", modules=modules)


def test_a_pair_is_the_size_of_the_first_factor():
    adapter = LoKr(1, factor=[2, 6])
    assert adapter.factor == (2, 6) and "factor=(2, 6)" in repr(adapter)
    config = json.loads(json.dumps(adapter.get_config()))
    assert LoKr.from_config(config) == adapter
    shapes = {name: new.shape for name, new in adapter.new_weights(KernelView(1, 16, 12)).items()}
    assert shapes == {"w1": (2, 6), "a2": (8, 1), "b2": (1, 2)}
    with pytest.raises(ValueError, match=r"divisors of 16 inputs and 10 outputs.*\(2, 6\)"):
        adapter.new_weights(KernelView(1, 16, 10))
    for wrong in ((0, 2), (2, 1.5)):
        with pytest.raises(ValueError, match="`factor` to be a positive integer"):
            LoKr(1, factor=wrong)
    with pytest.raises(ValueError, match="`factor` to be a positive integer"):
        LoKr(1, factor=(2, 2, 2))
