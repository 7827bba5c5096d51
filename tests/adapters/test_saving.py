"""Files, fresh processes, precision, export, and what is given wrongly."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from adapters.adapted_models import ADAPTERS, MODELS, Block, adapt, data, images, shake, tokens

from keras_hadamard import adapters, serving
from keras_hadamard.adapters._tensors import read_tensors, write_tensors

LOAD = """
import sys
import keras, numpy as np
import keras_hadamard.adapters
folder = sys.argv[1]
for path in sys.argv[2:]:
    model = keras.models.load_model(f"{folder}/{path}.keras")
    inputs = np.load(f"{folder}/{path}.npy")
    np.save(f"{folder}/{path}.out.npy", model(inputs))
    print(type(model).__name__, model.active, len(model.trainable_weights))
"""


def test_adapted_models_load_in_a_fresh_process(tmp_path):
    expected, said = {}, []
    for name in ("loha", "abba", "dora", "ia3"):
        kind = "images" if name == "ia3" else "tokens"
        adapted, (x, _) = adapt(MODELS[kind](), name), data(kind)
        shake(adapted)
        adapted.save(tmp_path / f"{name}.keras")
        np.save(tmp_path / f"{name}.npy", x)
        expected[name] = adapted(x)
        said.append(f"AdaptedModel ['{name}'] {len(adapted.trainable_weights)}")
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    result = subprocess.run(
        [sys.executable, "-c", LOAD, tmp_path, *expected], capture_output=True, text=True, env=env
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == said
    for name, outputs in expected.items():
        got = np.load(tmp_path / f"{name}.out.npy")
        np.testing.assert_allclose(got, outputs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ADAPTERS)
def test_descriptions_come_back_from_their_configuration(name):
    adapter = ADAPTERS[name]
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(adapter)))
    again = keras.saving.deserialize_keras_object(config)
    assert again == adapter and type(again) is type(adapter) and again is not adapter


@pytest.mark.parametrize("name", ["loha_tucker", "abba", "dora", "ia3"])
def test_adapters_in_files_of_their_own(name, tmp_path):
    model, (x, _) = images(), data("images")
    adapted, path = adapt(model, name), tmp_path / "adapter.safetensors"
    shake(adapted)
    adapters.save_adapter(adapted, path)
    again = adapters.load_adapter(model, path)
    assert again.active == [name]
    np.testing.assert_array_equal(again(x), adapted(x))
    count = adapters.trainable_parameters(adapted).trainable
    assert path.stat().st_size < 4 * count + 8 * 200 + 4000

    again = adapters.load_adapter(adapters.apply(model, adapters.LoRA(1)), path, name="second")
    assert list(again.adapters) == ["default", "second"]
    np.testing.assert_array_equal(again(x), adapted(x))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["adapter.safetensors"]


def test_an_adapter_for_another_base_is_refused(tmp_path):
    model, path = images(), tmp_path / "adapter.safetensors"
    adapters.save_adapter(adapt(model, "loha"), path)
    other = images()
    with pytest.raises(ValueError, match="the same weights: its fingerprint"):
        adapters.load_adapter(other, path)
    other.set_weights(model.get_weights())
    assert adapters.load_adapter(other, path).active == ["loha"]
    other.get_layer("head").bias.assign_add([1e-6, 0, 0])
    with pytest.raises(ValueError, match="fingerprint"):
        adapters.load_adapter(other, path)
    with pytest.raises(ValueError, match=r"in the file|a model with a kernel"):
        adapters.unmerge(tokens(), path)


def test_what_is_no_adapter_is_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    for content in (
        b"",
        b"\xff" * 100,
        (5).to_bytes(8, "little") + b"[1,2]",
        b"\x02" + b"\0" * 7 + b"{}",
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"Expected .* Received"):
            adapters.load_adapter(images(), path)
    header = json.dumps({"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 36]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 8)
    with pytest.raises(ValueError, match=r"a \.safetensors file .*[Ii]ncomplete.* Received: path="):
        adapters.load_adapter(images(), path)


DAMAGED = {
    "half": lambda tensors, text: (tensors, text[: len(text) // 2]),
    "no kernels": lambda tensors, text: (tensors, text.replace('"kernels"', '"colonels"')),
    "a list": lambda tensors, text: (tensors, "[]"),
    "another class": lambda tensors, text: (tensors, text.replace("LoRA", "LoRB")),
    "another place": lambda tensors, text: ({"9.a": next(iter(tensors.values()))}, text),
    "no place": lambda tensors, text: ({"a": next(iter(tensors.values()))}, text),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_adapter_is_named_and_kept(tmp_path, kind):
    path = tmp_path / "mine.safetensors"
    model = images()
    adapters.save_adapter(adapt(model, "lora"), path)
    tensors, metadata = read_tensors(path)
    ((key, text),) = metadata.items()
    changed, broken = DAMAGED[kind](tensors, text)
    assert broken != text or set(changed) != set(tensors)
    write_tensors(path, changed, {key: broken})
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"mine\.safetensors"):
        adapters.load_adapter(model, path)
    assert path.read_bytes() == before


def test_the_damaged_description_of_a_peft_adapter_is_named(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="dense")])
    write_peft(tmp_path, {"a.lora_A.weight": random(2, 3), "a.lora_B.weight": random(2, 2)})
    for content in ("", "{", "[]", "{}", '{"peft_type": "LORA"}', '{"peft_type": "LORB"}'):
        (tmp_path / "adapter_config.json").write_text(content)
        with pytest.raises(ValueError, match=r"adapter_config\.json"):
            adapters.load_adapter(model, tmp_path, modules={"dense/kernel": "a"})


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("name", ["lora", "loha", "hira", "abba", "ia3", "dora"])
def test_mixed_precision(name, policy):
    keras.config.set_dtype_policy(policy)
    model, (x, _) = tokens(), data("tokens")
    base = keras.ops.cast(model(x), "float32")
    adapted = adapt(model, name)
    assert adapted(x).dtype == policy.removeprefix("mixed_")
    assert {w.dtype for w in adapted.trainable_weights} == {"float32"}
    np.testing.assert_array_equal(keras.ops.cast(adapted(x), "float32"), base)
    shake(adapted, scale=0.1)
    merged = adapters.merge(adapted)
    got, want = (np.float32(keras.ops.cast(m(x), "float32")) for m in (adapted, merged))
    assert np.isfinite(got).all()
    # Four spacings of numbers near one: the merged kernel is rounded once more.
    np.testing.assert_allclose(got, want, rtol=0, atol=4 * 2.0 ** (-7 if "b" in policy else -10))


@pytest.mark.parametrize("name", ["loha", "dora"])
def test_adapted_and_merged_models_run_on_a_stock_server(one_loader, tmp_path, name):
    adapted = adapt(images(), name)
    shake(adapted)
    serving.export(adapted, tmp_path / "model")
    serving.export(adapters.merge(adapted), tmp_path / "model")
    for version in (1, 2):
        report = serving.check(tmp_path / "model" / str(version))
        assert report.ok, report


def test_a_quantised_base():
    x = np.random.default_rng(0).normal(size=(4, 16)).astype("float32")
    dense = keras.layers.Dense(6, name="dense")
    model = keras.Sequential(
        [keras.Input((16,)), dense, keras.layers.Dense(3, "relu", name="last")]
    )
    dense.quantize("int8")
    base = model(x)
    adapted = adapters.apply(model, adapters.LoHa(2))
    np.testing.assert_array_equal(adapted(x), base)
    shake(adapted)
    assert np.abs(adapted(x) - base).max() > 1e-3
    for needs_the_kernel in (adapters.HiRA(2), adapters.DoRA(2)):
        with pytest.raises(ValueError, match="quantised"):
            adapters.apply(model, needs_the_kernel)
    with pytest.raises(ValueError, match="floats"):
        adapters.merge(adapted)
    model.layers[1].quantize("int8")
    with pytest.raises(ValueError, match="quantised"):
        adapters.apply(model, adapters.LoHa(2))


def test_subclassed_models(tmp_path):
    x = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")
    model = Block()
    model(x)
    adapted = adapt(model, "loha")
    shake(adapted)
    adapted.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again(x), adapted(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("adapter", ["LoRA", "LoHa", "HiRA", "ABBA", "DoRA"])
def test_ranks_and_alphas(adapter):
    kind = getattr(adapters, adapter)
    for rank in (0, -1, 1.5, True, None):
        with pytest.raises(ValueError, match=r"`rank`.*Received: rank="):
            kind(rank)
    for alpha in (0, -1.0, float("nan"), "8"):
        with pytest.raises(ValueError, match=r"`alpha`.*Received: alpha="):
            kind(2, alpha)


def dense(units=4):
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(units, name="dense")])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: adapters.apply(dense(), adapters.LoHa(2), "attention"), r"\['dense/kernel'\]"),
        (lambda: adapters.apply(dense(), adapters.LoHa(2), "("), "regular expression"),
        (lambda: adapters.apply(dense(), "loha"), "`adapter`"),
        (lambda: adapters.apply(dense(), adapters.LoHa(2), name="a b"), "`name`"),
        (lambda: adapters.apply(dense(), adapters.ABBA(5)), "at most 3"),
        (lambda: adapters.apply("model", adapters.LoHa(2)), "keras.Model"),
        (
            lambda: adapters.apply(adapters.apply(dense(), adapters.IA3()), adapters.IA3()),
            r"none of \['default'\]",
        ),
        (lambda: adapters.apply(tokens(), adapters.IA3(), "gru"), "whose bias"),
        (lambda: adapters.apply(dense(), adapters.LoHa(2)).activate("x"), "names among"),
        (lambda: adapters.merge(dense()), "`apply` returned"),
        (lambda: adapters.trainable_parameters(dense()), "`apply` returned"),
        (lambda: adapters.save_adapter(dense(), "x"), "`apply` returned"),
        (lambda: adapters.unmerge(dense(2), adapters.apply(dense(), adapters.IA3())), "kernels"),
        (lambda: adapters.LoHa(2, initialization="zeros"), "initialization"),
        (lambda: adapters.DoRA(2, norm="columns"), "norm"),
        (lambda: adapters.DoRA(2, direction="hira"), "direction"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("adapter", [adapters.HiRA(2), adapters.DoRA(2)])
def test_adapters_that_need_the_kernel_for_themselves(adapter):
    adapted = adapters.apply(adapters.apply(dense(), adapters.LoRA(1)), adapter, name="other")
    with pytest.raises(ValueError, match="'other' to be the only adapter that is active on"):
        adapted.activate("default", "other")
    assert adapted.active == ["other"]


def test_embeddings_have_no_inputs_to_scale():
    x, _ = data("tokens")
    for adapter in (adapters.IA3(feedforward=True), adapters.DoRA(1, norm="inputs")):
        with pytest.raises(ValueError, match="whose inputs are indices"):
            adapters.apply(tokens(), adapter, "embedding")(x)


@pytest.mark.parametrize(
    ("adapter", "name", "value"),
    [
        (adapters.IA3(), "scale", 0),
        (adapters.HiRA(1), "b", None),
        (adapters.DoRA(1), "magnitude", None),
    ],
)
def test_weights_that_are_gone_do_not_come_back(adapter, name, value):
    model = dense()
    adapted = adapters.apply(model, adapter)
    weights = adapted.adapters["default"].by_place[0]
    if name == "b":
        weights["a"].assign(np.full((3, 1), -1.0))
        value = np.ones((1, 4))
    if name == "magnitude":
        value = -np.linalg.norm(model.layers[0].kernel, axis=0)
    weights[name].assign(np.broadcast_to(value, weights[name].shape))
    with pytest.raises(ValueError, match="Expected"):
        adapters.unmerge(adapters.merge(adapted), adapted)


def write_peft(folder: Path, tensors, **config):
    folder.mkdir(exist_ok=True)
    tensors = {f"base_model.model.{k}": np.float32(v) for k, v in tensors.items()}
    write_tensors(folder / "adapter_model.safetensors", tensors, {"format": "pt"})
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def random(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape)


def test_pefts_loras(tmp_path):
    """LoRA on a linear layer, an embedding and a convolution, as PyTorch lays them out."""
    ids = keras.Input((5,), dtype="int32")
    x = keras.layers.Embedding(7, 6, name="emb")(ids)
    x = keras.layers.Conv1D(4, 3, name="conv", use_bias=False)(x)
    model = keras.Model(ids, keras.layers.Dense(3, name="dense", use_bias=False)(x))
    v = {
        "net.emb.lora_embedding_A": random(2, 7),
        "net.emb.lora_embedding_B": random(6, 2),
        "net.conv.lora_A.weight": random(2, 6, 3),
        "net.conv.lora_B.weight": random(4, 2, 1),
        "net.dense.lora_A.weight": random(2, 4),
        "net.dense.lora_B.weight": random(3, 2),
    }
    folder = write_peft(tmp_path / "lora", v, peft_type="LORA", r=2, lora_alpha=4, use_rslora=True)
    modules = {
        f"{n}/{w}": f"net.{n}"
        for n, w in (("emb", "embeddings"), ("conv", "kernel"), ("dense", "kernel"))
    }
    adapted = adapters.load_adapter(model, folder, modules=modules)
    scale = 4 / np.sqrt(2)
    merged = dict(zip(("emb", "conv", "dense"), adapters.merge(adapted).get_weights(), strict=True))
    base = dict(zip(("emb", "conv", "dense"), model.get_weights(), strict=True))
    a, b = v["net.emb.lora_embedding_A"], v["net.emb.lora_embedding_B"]
    np.testing.assert_allclose(merged["emb"], base["emb"] + scale * (b @ a).T, rtol=1e-5, atol=1e-5)
    a, b = v["net.conv.lora_A.weight"], v["net.conv.lora_B.weight"][..., 0]
    update = scale * np.einsum("or,rik->kio", b, a)
    np.testing.assert_allclose(merged["conv"], base["conv"] + update, rtol=1e-5, atol=1e-5)
    a, b = v["net.dense.lora_A.weight"], v["net.dense.lora_B.weight"]
    np.testing.assert_allclose(
        merged["dense"], base["dense"] + scale * (b @ a).T, rtol=1e-5, atol=1e-5
    )


def test_pefts_dora_loha_hira_and_ia3(tmp_path):
    image = keras.Input((4, 4, 3))
    x = keras.layers.Conv2D(5, (2, 3), name="conv", use_bias=False)(image)
    model = keras.Model(image, keras.layers.Dense(6, name="dense", use_bias=False)(x))
    conv, dense = (w.astype("float64") for w in model.get_weights())

    def merged(name, tensors, modules, **config):
        folder = write_peft(tmp_path / name, tensors, **config)
        modules = {f"{n}/kernel": n for n in modules}
        path = folder / "adapter_model.safetensors"
        adapted = adapters.load_adapter(model, path, name, modules=modules)
        return adapted.active, *adapters.merge(adapted).get_weights()

    v = {"dense.lora_A.weight": random(2, 5), "dense.lora_B.weight": random(6, 2)}
    length = np.abs(random(6))
    _, _, got = merged(
        "dora", {**v, "dense.lora_magnitude_vector": length}, ["dense"],
        peft_type="LORA", r=2, lora_alpha=2, use_dora=True,
    )  # fmt: skip
    both = dense + (v["dense.lora_B.weight"] @ v["dense.lora_A.weight"]).T
    np.testing.assert_allclose(
        got, length * both / np.linalg.norm(both, axis=0), rtol=1e-4, atol=1e-5
    )

    for tucker in (False, True):
        inner = (2, 3) if tucker else (2, 18)
        outer = (2, 5) if tucker else (5, 2)
        v = {
            f"conv.hada_w{i}_{s}": random(*t) + i
            for i in (1, 2)
            for s, t in (("a", outer), ("b", inner))
        }
        if tucker:
            v |= {f"conv.hada_t{i}": random(2, 2, 2, 3) + i for i in (1, 2)}
            parts = [
                np.einsum(
                    "ijkl,jr,ip->prkl",
                    v[f"conv.hada_t{i}"],
                    v[f"conv.hada_w{i}_b"],
                    v[f"conv.hada_w{i}_a"],
                )
                for i in (1, 2)
            ]
        else:
            parts = [
                (v[f"conv.hada_w{i}_a"] @ v[f"conv.hada_w{i}_b"]).reshape(5, 3, 2, 3)
                for i in (1, 2)
            ]
        _, got, _ = merged(f"loha{tucker}", v, ["conv"], peft_type="LOHA", r=2, alpha=3)
        update = 1.5 * (parts[0] * parts[1]).transpose(2, 3, 1, 0)
        np.testing.assert_allclose(got, conv + update, rtol=1e-4, atol=1e-4)

    v = {"dense.hira_A": random(2, 5), "dense.hira_B": random(6, 2)}
    _, _, got = merged("hira", v, ["dense"], peft_type="HIRA", r=2)
    factor = 1 + (v["dense.hira_B"] @ v["dense.hira_A"]).T
    np.testing.assert_allclose(got, dense * factor, rtol=1e-5, atol=1e-5)

    v = {"conv.ia3_l": random(1, 5, 1, 1), "dense.ia3_l": random(1, 5)}
    active, got, second = merged(
        "ia3", v, ["conv", "dense"], peft_type="IA3", feedforward_modules=["dense"]
    )
    assert active == ["ia3", "ia3_feedforward"]
    np.testing.assert_allclose(got, conv * v["conv.ia3_l"].ravel(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(second, dense * v["dense.ia3_l"].T, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("tensors", "config", "modules", "message"),
    [
        ({"d.lora_A.weight": random(1, 3)}, {"peft_type": "LORA"}, None, "`modules` that name"),
        ({"d.classifier": random(1, 3)}, {"peft_type": "LORA"}, {}, "tensors of LoRA"),
        ({"d.ia3_l": random(4, 1)}, {"peft_type": "OFT"}, {"dense/kernel": "d"}, "peft_type"),
        ({"d.ia3_l": random(5, 1)}, {"peft_type": "IA3"}, {"dense/kernel": "d"}, "of the shape"),
        ({"d.ia3_l": random(4, 1)}, {"peft_type": "IA3"}, {"dense/kernel": "e"}, "once"),
    ],
)
def test_pefts_adapters_that_do_not_fit(tmp_path, tensors, config, modules, message):
    folder = write_peft(tmp_path / "x", tensors, **config)
    with pytest.raises(ValueError, match=message):
        adapters.load_adapter(dense(), folder, modules=modules)


def test_bfloat16_tensors_are_read(tmp_path):
    path = tmp_path / "x.safetensors"
    header = json.dumps({"a": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\x80\x3f\x00\xc0")
    tensors, metadata = read_tensors(path)
    np.testing.assert_array_equal(tensors["a"], [1.0, -2.0])
    assert metadata == {}
