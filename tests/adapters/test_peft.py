"""Files that PEFT wrote: the same outputs as PEFT's."""

import keras
import ml_dtypes
import numpy as np
import pytest
from adapters.peft_files import (
    FIRST,
    FOLDER,
    MORE,
    based,
    change,
    check,
    configure,
    copied,
    load,
    paths,
    tensors_of,
)

from keras_hadamard import adapters

L = keras.layers


@pytest.mark.parametrize("name", [*FIRST, *MORE])
def test_pefts_outputs(name):
    model, inputs = based(name)
    start = [w.copy() for w in model.get_weights()]
    adapted = load(name, model=model)
    check(name, adapted, inputs)
    if name != "lora_bias_without":
        check(name, adapters.merge(adapted), inputs, 2e-5)
    # The outputs do tell: without the adapter they are others.
    with pytest.raises(AssertionError):
        check(name, model, inputs)
    for got, want in zip(model.get_weights(), start, strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lora", {"default": "LoRA(rank=2, alpha=4.0, bias=False)"}),
        (
            "rankpat",
            {
                "default": "LoRA(rank=3, alpha=4.0, bias=False)",
                "default_2": "LoRA(rank=2, alpha=4.0, bias=False)",
            },
        ),
        ("pissa_converted", {"default": "LoRA(rank=4, alpha=6.0, bias=False)"}),
        ("lora_bias", {"default": "LoRA(rank=2, alpha=3.0, bias=True)"}),
    ],
)
def test_a_rank_or_alpha_of_its_own_makes_an_adapter(name, expected):
    adapted = load(name)
    assert adapted.active == list(expected)
    assert {n: repr(weights.adapter) for n, weights in adapted.adapters.items()} == expected


def test_patterns_are_the_first_that_match_to_the_end(tmp_path):
    folder = copied("alphare", tmp_path)
    patterns = {"fc": 1, "c1": 2, "1": 3, "fc[1]": 5, "fc1": 7, "(.*\\.)?fc.": 11}
    configure(folder, alpha_pattern=patterns)
    found = [w.adapter.alpha for w in load("alphare", folder).adapters.values()]
    assert found == [5, 11]
    configure(folder, alpha_pattern={"fc[1": 2})
    with pytest.raises(
        ValueError, match=r"fc\[1.* is not a regular expression.*adapter_config\.json"
    ):
        load("alphare", folder)


def test_several_adapters_of_a_file_are_saved_each(tmp_path):
    model, inputs = based("rankpat")
    adapted = load("rankpat", model=model, as_name="mine")
    again = model
    for name in ("mine", "mine_2"):
        adapters.save_adapter(adapted, tmp_path / name, name)
        again = adapters.load_adapter(again, tmp_path / name)
    again.activate("mine", "mine_2")
    check("rankpat", again, inputs)
    with pytest.raises(ValueError, match=r"`name` that differs from \['mine', 'mine_2'\]"):
        load("rankpat", model=adapted, as_name="mine")
    assert list(adapted.adapters) == ["mine", "mine_2"]


def test_feedforward_modules_end_as_the_list_says():
    """PEFT asks only for the end of the name: "c1" is the end of "fc1"."""
    adapted = load("ia3")
    names = {n: [k.removesuffix("/kernel") for k in paths(adapted, n)] for n in adapted.active}
    assert {n: sorted(found) for n, found in names.items()} == {
        "default": ["dw", "q_proj"],
        "default_feedforward": ["conv", "fc1", "fc2"],
    }


@pytest.mark.parametrize("start", ["eva", "gaussian", "orthogonal", False])
def test_starts_that_leave_the_base_as_it_is(tmp_path, start):
    folder = copied("lora", tmp_path)
    configure(folder, init_lora_weights=start)
    model, inputs = based("lora")
    check("lora", load("lora", folder, model), inputs)


def test_the_norms_of_dora_are_those_of_the_kernel_in_the_file(tmp_path):
    """As transformers saves an embedding that is adapted, with its own weights."""
    model, inputs = based("dora")
    folder = copied("dora", tmp_path)
    emb = model.get_layer("emb")
    change(folder, **{"emb.base_layer.weight": emb.get_weights()[0]})
    emb.set_weights([np.ones((11, 8))])
    check("dora", load("dora", folder, model), inputs)


@pytest.mark.parametrize("cast", ["bfloat16", "float16", "float64"])
def test_tensors_of_other_precisions(tmp_path, cast):
    folder = copied("lora", tmp_path)
    change(folder, cast=ml_dtypes.bfloat16 if cast == "bfloat16" else cast)
    model, inputs = based("lora")
    adapted = load("lora", folder, model)
    b = tensors_of(FOLDER / "lora")["base_model.model.fc1.lora_B.weight"]
    place = paths(adapted, "default").index("fc1/kernel")
    got = adapted.adapters["default"].by_place[place]["b"].numpy()
    np.testing.assert_array_equal(
        got, np.float32(b.astype(keras.ops.zeros(0, cast).numpy().dtype)).T
    )
    check("lora", adapted, inputs, 1e-5 if cast == "float64" else 0.1)


def test_weights_of_sixteen_bits_in_files_of_ones_own(tmp_path):
    keras.config.set_dtype_policy("bfloat16")
    model = keras.Sequential([keras.Input((3,)), L.Dense(2)])
    adapted = adapters.apply(model, adapters.LoRA(2))
    adapted.adapters["default"].by_place[0]["b"].assign([[1.5, -2], [3, 0.25]])
    adapters.save_adapter(adapted, tmp_path / "x")
    again = adapters.load_adapter(model, tmp_path / "x").adapters["default"].by_place[0]
    assert again["b"].dtype == "bfloat16"
    np.testing.assert_array_equal(np.float32(again["b"]), [[1.5, -2], [3, 0.25]])


@pytest.mark.parametrize("kind", ["dense", "conv"])
def test_a_lora_with_a_bias(kind, tmp_path):
    rng = np.random.default_rng(0)
    shape, layer = {
        "dense": ((5,), L.EinsumDense("ab,bcd->acd", (2, 3), bias_axes="cd", activation="tanh")),
        "conv": ((6, 6, 5), L.Conv2D(4, 2, activation="tanh")),
    }[kind]
    model = keras.Sequential([keras.Input(shape), layer])
    x = rng.normal(size=(3, *shape)).astype("float32")
    adapted = adapters.apply(model, adapters.LoRA(2, alpha=3, bias=True))
    np.testing.assert_array_equal(adapted(x), model(x))
    weights = adapted.adapters["default"].by_place[0]
    c = rng.normal(size=weights["bias"].shape)
    weights["bias"].assign(c)
    outputs = np.arctanh(model(x)) + 1.5 * c.reshape(model.output_shape[-len(layer.bias.shape) :])
    np.testing.assert_allclose(adapted(x), np.tanh(outputs), rtol=1e-4, atol=1e-4)
    merged = adapters.merge(adapted)
    np.testing.assert_allclose(merged(x), adapted(x), rtol=1e-5, atol=1e-5)
    for got, want in zip(
        adapters.unmerge(merged, adapted).get_weights(), model.get_weights(), strict=True
    ):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    adapters.save_adapter(adapted, tmp_path / "x")
    np.testing.assert_array_equal(adapters.load_adapter(model, tmp_path / "x")(x), adapted(x))
    count = adapters.trainable_parameters(adapted).trainable
    assert (
        count
        == adapters.trainable_parameters(adapters.apply(model, adapters.LoRA(2))).trainable + c.size
    )
