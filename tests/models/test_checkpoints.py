"""Checkpoints as people have them: files, wrapped, of other classes, of timm."""

import inspect
import pickle
import re
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from harness.torch_states import Tensor, fake_torch, halved, state_of
from safetensors.numpy import save_file

from keras_hadamard.models import DemoNet, FocalNet, MultiplicativeFilterNetwork, StarNet

SHAPE = (32, 32, 3)
STAR = {"width": 4, "blocks": (1, 2), "expansion": 2, "input_shape": SHAPE, "classes": 3}
DEMO = {"width": 8, "depth": 2, "patch_size": 4, "input_shape": SHAPE, "classes": 3}
FOCAL = {"width": 4, "blocks": (1, 1), "levels": 1, "input_shape": (16, 16, 3), "classes": 3}
TIMM = Path(__file__).with_name("timm_focal_net.safetensors")


def random(model):
    """The names and shapes of a model, with other numbers."""
    rng = np.random.default_rng(0)
    return {
        name: rng.uniform(0.5, 1.5, x.shape).astype("float32")
        for name, x in state_of(model.torch_mapping()).items()
    }


@pytest.fixture(scope="module")
def star():
    return StarNet(**STAR)


@pytest.fixture(scope="module")
def state(star):
    return random(star)


def assert_holds(model, state):
    for name, x in state_of(model.torch_mapping()).items():
        np.testing.assert_array_equal(x, state[name], err_msg=name)


@pytest.mark.parametrize("dtype", ["float32", "float16", ml_dtypes.bfloat16])
def test_a_safetensors_file(star, state, tmp_path, dtype):
    path = tmp_path / "star.safetensors"
    save_file({k: v.astype(dtype) for k, v in state.items()}, path)
    star.load_torch(str(path))
    assert_holds(star, {k: v.astype(dtype).astype("float32") for k, v in state.items()})


def test_a_file_as_the_weights_of_a_new_model(star, state, tmp_path, monkeypatch):
    save_file(state, tmp_path / "star.safetensors")
    model = StarNet(weights=tmp_path / "star.safetensors", **STAR)
    assert_holds(model, state)
    assert "weights" not in model.get_config()
    (tmp_path / "star.pth").touch()
    monkeypatch.setitem(sys.modules, "torch", fake_torch(lambda *_, **__: {"model": state}))
    assert_holds(StarNet(weights=str(tmp_path / "star.pth"), **STAR), state)
    assert_holds(StarNet.from_torch(tmp_path / "star.safetensors", **STAR), state)
    with pytest.raises(ValueError, match="Received: checkpoint=3, model=7"):
        StarNet(weights=tmp_path / "star.safetensors", **{**STAR, "classes": 7})


def test_the_constructor_shows_its_arguments():
    shown = inspect.signature(StarNet).parameters
    assert list(shown) == list(inspect.signature(StarNet.__init__).parameters)[1:]


@pytest.mark.parametrize("name", ["star.pth", "star.pt", "star.bin", "star.pth.tar", "star.ckpt"])
def test_a_file_of_torch_is_read_by_torch(star, state, tmp_path, monkeypatch, name):
    asked = []

    def load(path, **kwargs):
        asked.append((Path(path).name, kwargs))
        return {"state_dict": {k: Tensor(v) for k, v in state.items()}, "epoch": 3}

    (tmp_path / name).touch()
    monkeypatch.setitem(sys.modules, "torch", fake_torch(load))
    star.load_torch(tmp_path / name)
    assert_holds(star, state)
    assert asked == [(name, {"map_location": "cpu", "weights_only": True})]


def test_without_torch_the_error_says_what_to_do(star, tmp_path, monkeypatch):
    (tmp_path / "star.pth").touch()
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ValueError, match=r"pip install torch.*save_file.*star\.pth"):
        star.load_torch(tmp_path / "star.pth")


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_parameters_of_torch_in_16_bits(star, state, dtype):
    star.load_torch({k: Tensor(v, dtype) for k, v in halved(state).items()})
    assert_holds(star, halved(state))


def prefixed(prefix, state):
    return {prefix + name: value for name, value in state.items()}


WRAPPED = {
    "the key state_dict": lambda s: {"state_dict": s, "optimizer": {"state": {}}},
    "the key model": lambda s: {"model": s, "epoch": 1},
    "the key params": lambda s: {"params": s},
    "the key net": lambda s: {"net": s},
    "two keys": lambda s: {"model": {"state_dict": s}},
    "module": lambda s: prefixed("module.", s),
    "a compiled model": lambda s: prefixed("_orig_mod.", s),
    "a training module": lambda s: {"state_dict": prefixed("model.", s)},
    "three prefixes": lambda s: prefixed("module._orig_mod.model.", s),
    "a compiled part": lambda s: {k.replace("stem.", "stem._orig_mod."): v for k, v in s.items()},
    "a count": lambda s: prefixed("module.", s) | {"n_averaged": np.ones(())},
    "averages only": lambda s: {"model_ema": prefixed("module.", s), "decay": 0.9},
    "averages beside": lambda s: {"state_dict_ema": {k: -v for k, v in s.items()}, "model": s},
}


@pytest.mark.parametrize("how", WRAPPED)
def test_what_training_wraps_around_is_taken_off(star, state, how):
    star.load_torch(WRAPPED[how](state))
    assert_holds(star, state)


def test_averages_on_request(star, state):
    averaged = {k: v + 1 for k, v in state.items()}
    star.load_torch({"model": state, "model_ema": {"state_dict": averaged}}, ema=True)
    assert_holds(star, averaged)
    with pytest.raises(ValueError, match="averaged weights under one of"):
        star.load_torch({"model": state}, ema=True)


@pytest.mark.parametrize(("kind", "kwargs"), [(StarNet, STAR), (DemoNet, DEMO)])
def test_a_whole_checkpoint_in_a_body(kind, kwargs):
    state = random(kind(**kwargs)) if kind is StarNet else demo_state(kind(**kwargs))
    body = kind.from_torch(state, **{**kwargs, "include_top": False})
    if kind is StarNet:
        assert_holds(body, state)
    with pytest.raises(ValueError, match=r"unknown=\['header\.bias'\]"):
        body.load_torch(state | {"header.bias": np.zeros(3)})


def demo_state(model):
    """One projection of theirs is two of ours."""
    state = {}
    for name, target in model.torch_mapping().items():
        if isinstance(target, list):
            halves = [np.asarray(variable).T for variable, _ in target]
            state[name] = np.concatenate(halves)
        else:
            state |= state_of({name: target})
    return state


def test_all_but_the_head(state):
    model = StarNet(**{**STAR, "classes": 7})
    own = np.asarray(model.top.kernel).copy()
    with pytest.raises(ValueError, match=r"checkpoint's 3 classes.*7.*`classes=3`.*head='fresh'"):
        model.load_torch(state)
    model.load_torch(state, head="fresh")
    np.testing.assert_array_equal(model.top.kernel, own)
    body = {k: v for k, v in state.items() if not k.startswith("head.")}
    own_head = {k: v for k, v in state_of(model.torch_mapping()).items() if k.startswith("head.")}
    assert_holds(model, body | own_head)
    made = StarNet.from_torch(body, head="fresh", **{**STAR, "classes": 7})
    assert made.output_shape == (None, 7)
    with pytest.raises(ValueError, match=r"with a classifier.*missing=\['head\.bias'"):
        model.load_torch(body)
    with pytest.raises(ValueError, match="Received: head='own'"):
        model.load_torch(state, head="own")


def test_only_a_model_that_may_lack_its_head_ignores_one():
    model = MultiplicativeFilterNetwork("fourier", (2,), units=4, steps=1)
    state = state_of(model.torch_mapping())
    with pytest.raises(ValueError, match=r"unknown=\['head\.bias'\]"):
        model.load_torch(state | {"head.bias": np.zeros(3)})


def test_timms_focal_net_gives_timms_output():
    """timm 1.0.31 wrote the file, and PyTorch 2.14 calculated the output."""
    model = FocalNet.from_torch(
        TIMM,
        **{**FOCAL, "levels": (2, 1)},
        classifier_activation=None,
        overlapping=True,
        post_norm=True,
        layer_scale=0.5,
        modulation={"post_norm": True},
    )
    with np.load(TIMM.with_suffix(".npz")) as numbers:
        np.testing.assert_allclose(model(numbers["x"]), numbers["y"], atol=1e-6)


def test_both_names_of_a_focal_net():
    model = FocalNet(**FOCAL)
    authors, timms = map(state_of, model.torch_mappings())
    assert {name for name in timms if not name.startswith("layers.")} == {
        f"{part}.{end}"
        for part in ("stem.proj", "stem.norm", "norm", "head.fc")
        for end in ("weight", "bias")
    }
    assert {"layers.1.downsample.proj.weight", "layers.0.blocks.0.norm1.weight"} <= timms.keys()
    assert timms["layers.0.blocks.0.mlp.fc1.weight"].shape == (16, 4, 1, 1)
    for state in (authors, timms):
        model.load_torch({name: value + 1 for name, value in state.items()})
        assert_holds(model, {name: value + 1 for name, value in authors.items()})
    body = FocalNet.from_torch(timms, **{**FOCAL, "include_top": False})
    assert_holds(body, authors)


MORE = {"stages.1.3.f1.conv.bias": np.zeros(3), "stages.1.3.f1.conv.weight": np.zeros((3, 3))}
WRONG = {
    "another depth": (
        lambda s: s | MORE,
        "checkpoint='up to stages.1.3', model='up to stages.1.2'",
    ),
    "another architecture": (
        lambda s: random(FocalNet(**FOCAL)),
        "Expected a checkpoint of StarNet, with names like ['head.bias', 'head.weight', 'norm.b",
    ),
    "another width": (
        lambda s: {k: np.concatenate([v, v]) for k, v in s.items()},
        "Received: stem.0.conv.weight=(64, 3, 3, 3)",
    ),
    "a rank": (lambda s: s | {"norm.weight": np.ones((2, 2))}, "Received: norm.weight=(2, 2)"),
    "a rank of kernels": (
        lambda s: s | {"stages.0.1.f1.conv.weight": np.ones((8, 4))},
        "Received: stages.0.1.f1.conv.weight=(8, 4)",
    ),
    "no weights": (lambda s: {"epoch": 3}, "Received: keys=['epoch']"),
    "no mapping": (lambda s: [1], "Received: state_dict=[1]"),
    "no file": (lambda s: "none.safetensors", "Received: state_dict='none.safetensors'"),
    "a file of Keras": (lambda s: "x.weights.h5", "Received: state_dict='x.weights.h5'"),
}


@pytest.mark.parametrize("how", WRONG)
def test_an_error_names_its_cause_in_short(star, state, how):
    make, message = WRONG[how]
    with pytest.raises(ValueError, match=re.escape(message)) as raised:
        star.load_torch(make(state))
    # No more than five names of each side, whatever is wrong.
    assert len(re.findall(r"\w+\.(?:weight|bias|running_\w+)", str(raised.value))) <= 10


@pytest.mark.parametrize(
    "error", [pickle.UnpicklingError("Bad. WeightsUnpickler error: Odd. Then"), EOFError()]
)
def test_a_damaged_file_is_named(star, state, tmp_path, monkeypatch, error):
    def load(*args, **kwargs):
        raise error

    (tmp_path / "bad.pth").touch()
    monkeypatch.setitem(sys.modules, "torch", fake_torch(load))
    with pytest.raises(ValueError, match=r"(Odd|ends too early)\).*bad\.pth"):
        star.load_torch(tmp_path / "bad.pth")
    save_file(state, tmp_path / "half.safetensors")
    whole = (tmp_path / "half.safetensors").read_bytes()
    (tmp_path / "half.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"a safetensors file.*half\.safetensors"):
        star.load_torch(tmp_path / "half.safetensors")
