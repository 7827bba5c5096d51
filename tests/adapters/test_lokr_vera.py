"""Features of only LoKr and VeRA: divisors, whole factors, shared matrices, PEFT's files."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from adapters.adapted_models import adapt, data, shake, tokens
from adapters.peft_files import FOLDER, based, change, check, configure, copied, path_of

from keras_hadamard import adapters
from keras_hadamard.adapters import LoKr, LoRA, VeRA
from keras_hadamard.adapters._adapter import KernelView

L = keras.layers
MODULES = {
    "lokr": ["q_proj", "fc1", "conv", "dw"],
    "lokr_both": ["q_proj", "fc1", "conv"],
    "lokr_factor": ["q_proj", "fc1"],
    "lokr_effective": ["q_proj", "conv"],
    "vera": ["q_proj"],
}


def shapes(adapter, *view):
    return {name: new.shape for name, new in adapter.new_weights(KernelView(*view)).items()}


def dense(*sizes):
    return keras.Sequential([keras.Input((sizes[0],)), *map(L.Dense, sizes[1:])])


def load(name, folder=None, model=None):
    model = based(name)[0] if model is None else model
    modules = {path_of(module): module for module in MODULES[name]}
    return adapters.load_adapter(model, folder or FOLDER / name, modules=modules)


@pytest.mark.parametrize(
    ("adapter", "view", "expected"),
    [
        (LoKr(1), (1, 16, 12), {"w1": (4, 3), "a2": (4, 1), "b2": (1, 4)}),
        (LoKr(2), (1, 16, 12), {"w1": (4, 3), "w2": (4, 4)}),
        (LoKr(1), (1, 7, 12), {"w1": (1, 3), "a2": (7, 1), "b2": (1, 4)}),
        # A factor that divides comes first, even the greater part; another bounds the first part.
        (LoKr(4, factor=4), (1, 8, 12), {"w1": (4, 4), "w2": (2, 3)}),
        (LoKr(2, factor=3), (1, 8, 12), {"w1": (2, 3), "w2": (4, 4)}),
        (
            LoKr(1, decompose_both=True),
            (1, 16, 12),
            {"a1": (4, 1), "b1": (1, 3), "a2": (4, 1), "b2": (1, 4)},
        ),
        (LoKr(1), (9, 16, 12), {"w1": (4, 3), "a2": (9, 4, 1), "b2": (1, 4)}),
        (LoKr(2, tucker=True), (9, 16, 12), {"w1": (4, 3), "w2": (9, 4, 4)}),
        (
            LoKr(1, tucker=True),
            (9, 16, 12),
            {"w1": (4, 3), "t2": (1, 1, 9), "a2": (4, 1), "b2": (1, 4)},
        ),
        (VeRA(5), (1, 16, 12), {"d": (5,), "b": (12,)}),
    ],
)
def test_shapes_are_as_in_peft(adapter, view, expected):
    assert shapes(adapter, *view) == expected


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("start", [{"initialization": "peft"}, {"initialization": "lycoris"}, None])
def test_one_factor_is_zero_at_the_start(start, both):
    adapter = VeRA(3) if start is None else LoKr(1, decompose_both=both, **start)
    adapted = adapters.apply(dense(16, 12), adapter)
    zero = {
        name for name, v in adapted.adapters["default"].by_place[0].items()
        if isinstance(v, keras.Variable) and not np.any(v)
    }  # fmt: skip
    expected = {"peft": {"b1" if both else "w1"}, "lycoris": {"a2"}}
    assert zero == ({"b"} if start is None else expected[start["initialization"]])
    variables = [w.value for w in adapted.trainable_weights]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(adapted(np.ones((2, 16), "float32")) ** 2)
    assert any(np.any(g) for g in tape.gradient(loss, variables))


@pytest.mark.parametrize("layer", [L.Dense(12), L.EinsumDense("abc,cde->abde", (None, 3, 4))])
def test_both_factors_as_products(layer):
    shape = (16,) if isinstance(layer, L.Dense) else (2, 16)
    model = keras.Sequential([keras.Input(shape), layer])
    adapted = adapters.apply(model, LoKr(1, alpha=3, decompose_both=True))
    shake(adapted)
    a1, b1, a2, b2 = (w.numpy().astype("float64") for w in adapted.trainable_weights)
    x = np.random.default_rng(0).normal(size=(5, *shape)).astype("float32")
    plus = (x @ (3 * np.kron(a1 @ b1, a2 @ b2))).reshape(adapted(x).shape)
    np.testing.assert_allclose(adapted(x), model(x) + plus, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("tucker", [False, True])
def test_windows_have_their_positions_in_the_second_factor(tucker):
    model = keras.Sequential([keras.Input((7, 7, 6)), L.Conv2D(8, (3, 2))])
    adapted = adapters.apply(model, LoKr(1, tucker=tucker))
    shake(adapted)
    v = {w.path.split("/")[1][:2]: w.numpy() for w in adapted.trainable_weights}
    core = v["t2"][0, 0] if tucker else np.ones(6)
    kernel = [
        np.kron(v["w1"], core[p] * (v["a2"][... if tucker else p] @ v["b2"])) for p in range(6)
    ]
    want = model.layers[0].kernel.numpy() + np.reshape(kernel, (3, 2, 6, 8))
    np.testing.assert_allclose(adapters.merge(adapted).layers[0].kernel, want, rtol=1e-5, atol=1e-6)


def test_the_shared_matrices_are_one_and_fixed():
    model = dense(4, 9, 2)
    adapted = adapters.apply(model, VeRA(3, seed=5))
    own = adapted.adapters["default"]
    a, b = own.shared["shared_a"], own.shared["shared_b"]
    assert a.shape == (9, 3) and b.shape == (3, 9)
    assert not a.trainable and not b.trainable and len(adapted.trainable_weights) == 4
    assert adapters.trainable_parameters(adapted).kernels == {
        k: 3 + n
        for k, n in zip(adapters.trainable_parameters(adapted).kernels, (9, 2), strict=True)
    }
    start = [a.numpy(), b.numpy()]
    assert np.corrcoef(start[0].ravel(), start[1].ravel())[0, 1] < 0.9
    assert np.abs(start[0]).max() <= (6 / 9) ** 0.5 and np.abs(start[1]).max() <= 2**0.5
    for seed, same in ((5, True), (6, False)):
        again = adapters.apply(model, VeRA(3, seed=seed)).adapters["default"].shared["shared_a"]
        assert np.array_equal(again, start[0]) == same
    adapted.activate()
    adapted.activate("default")
    assert not a.trainable and not b.trainable
    adapted.compile(keras.optimizers.SGD(0.5, weight_decay=0.1), "mse")
    adapted.fit(np.ones((8, 4)), np.ones((8, 2)), epochs=2, verbose=0)
    assert np.any(own.by_place[0]["b"]) and np.any(own.by_place[1]["b"])
    np.testing.assert_array_equal(a, start[0])
    np.testing.assert_array_equal(b, start[1])


def test_windows_are_refused_by_path():
    model = keras.Sequential([keras.Input((5, 5, 2)), L.Conv2D(3, 2, name="conv"), L.Dense(2)])
    with pytest.raises(ValueError, match=r"`exclude` .*'conv/kernel' has windows.*positions=4"):
        adapters.apply(model, VeRA(2))
    adapters.apply(model, VeRA(2), exclude="conv")


@pytest.mark.parametrize("name", ["lokr", "lokr_tucker", "vera"])
def test_files_and_models_keep_everything(name, tmp_path):
    model, (x, _) = tokens(), data("tokens")
    adapted = adapt(model, name)
    shake(adapted)
    if name == "vera":
        # As a file of PEFT's has them: of no seed here.
        for shared in adapted.adapters[name].shared.values():
            shared.assign(np.random.default_rng(3).normal(size=shared.shape))
    adapters.save_adapter(adapted, tmp_path / "own")
    np.testing.assert_array_equal(adapters.load_adapter(model, tmp_path / "own")(x), adapted(x))
    merged = adapters.merge(adapted)
    for got, want in zip(
        adapters.unmerge(merged, tmp_path / "own").get_weights(), model.get_weights(), strict=True
    ):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    adapted.save(tmp_path / "whole.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "whole.keras")(x), adapted(x))


@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_on_what_is_quantised(mode, tmp_path):
    x = np.random.default_rng(0).normal(size=(3, 16)).astype("float32")
    model = dense(16, 12, 4)
    for layer in model.layers:
        layer.quantize(mode)
    for adapter in (LoKr(1), VeRA(3)):
        adapted = adapters.apply(model, adapter)
        np.testing.assert_array_equal(adapted(x), model(x))
        shake(adapted)
        assert np.abs(adapted(x) - model(x)).max() > 0.01
        adapters.save_adapter(adapted, tmp_path / "own")
        again = adapters.load_adapter(model, tmp_path / "own")
        np.testing.assert_array_equal(again(x), adapted(x))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("name", ["lokr", "vera"])
def test_mixed_precision(name, policy):
    keras.config.set_dtype_policy(policy)
    model, (x, _) = tokens(), data("tokens")
    adapted = adapt(model, name)
    np.testing.assert_array_equal(adapted(x), model(x))
    shake(adapted, scale=0.4)
    assert all(w.dtype == "float32" for w in adapted.adapters[name].weights)
    assert adapted(x).dtype == policy.removeprefix("mixed_")
    got, want = (
        np.float32(keras.ops.cast(m(x), "float32")) for m in (adapted, adapters.merge(adapted))
    )
    # Ten layers round one after another, to outputs of about 1.
    rounding = 2.0**-8 if policy == "mixed_bfloat16" else 2.0**-11
    np.testing.assert_allclose(got, want, rtol=10 * rounding, atol=10 * rounding)
    assert np.abs(got - np.float32(keras.ops.cast(model(x), "float32"))).max() > 0.3


@pytest.mark.parametrize("name", MODULES)
def test_pefts_outputs(name):
    model, inputs = based(name)
    adapted = load(name, model=model)
    check(name, adapted, inputs)
    check(name, adapters.merge(adapted), inputs, 2e-5)
    with pytest.raises(AssertionError):
        check(name, model, inputs)


def test_descriptions_of_pefts_files():
    found = {n: [w.adapter for w in load(n).adapters.values()] for n in MODULES}
    assert found == {
        "lokr": [LoKr(1, 3)],
        "lokr_both": [LoKr(1, 3, decompose_both=True)],
        "lokr_factor": [LoKr(2, 3, factor=4), LoKr(1, 3, factor=4)],
        "lokr_effective": [LoKr(1, 3, tucker=True)],
        "vera": [VeRA(4, 0.1, seed=7)],
    }


def test_what_peft_has_otherwise_is_refused(tmp_path):
    modules = {"q_proj/kernel": "q_proj"}
    with pytest.raises(ValueError, match=r"`save_projection=True`.*save_projection=False"):
        adapters.load_adapter(based("vera")[0], FOLDER / "vera_without_projection", modules=modules)
    with pytest.raises(
        ValueError, match=r"for the 16 inputs and 3 outputs of 'one/kernel'.*\(4, 8\)"
    ):
        wide = keras.Sequential([keras.Input((16,)), L.Dense(3, name="one")])
        adapters.load_adapter(wide, FOLDER / "vera", modules={"one/kernel": "q_proj"})
    folder = copied("lokr", tmp_path)
    conv = {"lokr_w1": np.ones((2, 2)), "lokr_w2": np.ones((2, 2, 3))}
    change(folder, drop="", **{f"c.{name}": v.astype("float32") for name, v in conv.items()})
    configure(folder, r=2)
    model = keras.Sequential([keras.Input((7, 4)), L.Conv1D(4, 3, name="c")])
    with pytest.raises(ValueError, match=r"'c/kernel' to be no Conv1D .*lokr_w2=\(2, 2, 3\)"):
        adapters.load_adapter(model, folder, modules={"c/kernel": "c"})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LoKr(0), "`rank` to be a positive integer"),
        (lambda: LoKr(1, factor=0), r"`factor` to be a positive integer.*factor=0"),
        (lambda: LoKr(1, initialization="zeros"), "initialization"),
        (lambda: VeRA(2, d_initial=-1), "`d_initial` to be a number"),
        (lambda: VeRA(2, seed=-1), "`seed` to be a non-negative integer.*-1"),
        (lambda: VeRA(2, seed=None), "`seed` to be a non-negative integer.*None"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_they_work_beside_others():
    model, x = dense(16, 12), np.random.default_rng(0).normal(size=(3, 16)).astype("float32")
    adapted = model
    for name, adapter in {"a": LoKr(1), "b": VeRA(2), "c": LoRA(1)}.items():
        adapted = adapters.apply(adapted, adapter, name=name)
        shake(adapted)
    single = []
    for name in "abc":
        adapted.activate(name)
        single.append(adapted(x) - model(x))
    adapted.activate("a", "b", "c")
    np.testing.assert_allclose(adapted(x), model(x) + sum(single), rtol=1e-4, atol=1e-4)
