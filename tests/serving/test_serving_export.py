import os
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import serving.serving_models as models
import tensorflow as tf

from keras_hadamard import serving
from keras_hadamard.serving import _samples, _saved_model


def signature(path):
    found = _saved_model.read(path).signature_def["serving_default"]
    return _saved_model.specs(found.inputs), _saved_model.specs(found.outputs)


def answers(path, inputs):
    loaded = tf.saved_model.load(str(path))
    outputs = loaded.signatures["serving_default"](
        **{name: tf.constant(value) for name, value in inputs.items()}
    )
    return {name: value.numpy() for name, value in outputs.items()}


def names(directory):
    return sorted(path.name for path in directory.iterdir())


@pytest.fixture(scope="module")
def dense():
    inputs = keras.Input((4,), name="features")
    return keras.Model(inputs, keras.layers.Dense(2, name="score")(inputs))


def test_names_shapes_and_numbers_of_a_functional_model(tmp_path):
    model = models.two_branches()
    path = serving.export(model, tmp_path / "new" / "model")
    assert path == tmp_path / "new" / "model" / "1"
    inputs, outputs = signature(path)
    assert inputs == {
        "image": tf.TensorSpec((None, 4, 4, 3), tf.float32, "image"),
        "tokens": tf.TensorSpec((None, 5), tf.int32, "tokens"),
    }
    assert {name: spec.shape.as_list() for name, spec in outputs.items()} == {
        "fused": [None, 8],
        "score": [None, 2],
    }
    batch = models.two_branch_inputs(5)
    expected = model.predict([batch["tokens"], batch["image"]], verbose=0)
    got = answers(path, batch)
    for name in expected:
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-5, atol=1e-6)


def test_dict_inputs_in_another_order(tmp_path):
    left, right = keras.Input((3,), name="z"), keras.Input((3,), name="a")
    model = keras.Model({"z": left, "a": right}, keras.layers.Subtract(name="diff")([left, right]))
    path = serving.export(model, tmp_path)
    got = answers(path, {"z": np.full((2, 3), 5.0, "f"), "a": np.full((2, 3), 2.0, "f")})
    np.testing.assert_array_equal(got["diff"], np.full((2, 3), 3.0))


def test_several_outputs_take_layer_names(tmp_path):
    inputs = keras.Input((3,), name="x")
    shared = keras.layers.Dense(1, name="shared")
    outputs = [shared(inputs), shared(inputs * 2.0), keras.layers.Dense(1, name="own")(inputs)]
    path = serving.export(keras.Model(inputs, outputs), tmp_path)
    assert set(signature(path)[1]) == {"shared", "shared_1", "own"}


def test_sequential(tmp_path):
    model = keras.Sequential([keras.layers.Dense(3), keras.layers.Dense(2, name="head")])
    with pytest.raises(ValueError, match=r"`model` to be built.*Received: model=<Sequential"):
        serving.export(model, tmp_path)
    assert names(tmp_path) == []
    model(np.zeros((2, 4), "float32"))
    path = serving.export(model, tmp_path)
    inputs, outputs = signature(path)
    assert [spec.shape.as_list() for spec in inputs.values()] == [[None, 4]]
    assert list(inputs) == [model.inputs[0].name]
    assert list(outputs) == ["head"]


def test_open_length_and_fixed_batch(tmp_path):
    inputs = keras.Input(batch_shape=(4, None, 3), name="sequence")
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling1D(name="mean")(inputs))
    path = serving.export(model, tmp_path)
    assert signature(path)[0]["sequence"].shape.as_list() == [None, None, 3]


def test_subclass_of_one_argument(tmp_path):
    model = models.OneArgument()
    with pytest.raises(ValueError, match="`model` to be built"):
        serving.export(model, tmp_path)
    x = np.ones((2, 4), "float32")
    expected = model(x).numpy()
    path = serving.export(model, tmp_path)
    assert signature(path)[0] == {"features": tf.TensorSpec((None, 4), tf.float32, "features")}
    np.testing.assert_allclose(answers(path, {"features": x})["output"], expected, rtol=1e-6)


def test_subclass_of_a_dict_and_of_a_list(tmp_path):
    a, b = np.full((2, 3), 2.0, "f"), np.ones((2, 4), "f")
    model = models.DictArgument()
    expected = [value.numpy() for value in model({"b": b, "a": a})]
    got = answers(serving.export(model, tmp_path / "dict"), {"a": a, "b": b})
    np.testing.assert_allclose(got["output_0"], expected[0], rtol=1e-6)
    np.testing.assert_allclose(got["output_1"], expected[1], rtol=1e-6)

    model = models.ListArgument()
    expected = model([b, a])[0].numpy()
    got = answers(serving.export(model, tmp_path / "list"), {"pair_0": b, "pair_1": a})
    np.testing.assert_allclose(got["output"], expected, rtol=1e-6)


def test_subclass_of_two_arguments_needs_examples(tmp_path):
    model = models.TwoArguments()
    image, ids = np.ones((2, 4), "float64"), np.array([[3], [4]], "int32")
    expected = model(image, ids)["out"].numpy()
    with pytest.raises(ValueError, match=r"`examples` of all inputs.*missing=\['ids'\]"):
        serving.export(model, tmp_path)
    path = serving.export(model, tmp_path, examples={"image": image, "ids": ids})
    assert {name: spec.dtype for name, spec in signature(path)[0].items()} == {
        "image": tf.float32,
        "ids": tf.int32,
    }
    got = answers(path, {"image": image.astype("f"), "ids": ids})
    np.testing.assert_allclose(got["out"], expected, rtol=1e-6)


def test_recorded_inputs_stay_within_the_smallest_vocabulary(tmp_path):
    path = serving.export(models.two_branches(vocabulary=6), tmp_path)
    inputs, outputs = (calls["serving_default"] for calls in _samples.read_record(path))
    assert sorted(inputs) == sorted(outputs) == [1, 3, 8]
    tokens = inputs[8]["tokens"]
    assert tokens.shape == (8, 5) and tokens.min() >= 0 and 1 < tokens.max() < 6
    assert outputs[3]["score"].shape == (3, 2)
    # An external reference: the server's function on the recorded inputs.
    np.testing.assert_allclose(answers(path, inputs[8])["score"], outputs[8]["score"], rtol=1e-4)


def test_examples_are_what_is_recorded(dense, tmp_path):
    rows = np.arange(8.0).reshape(2, 4)
    path = serving.export(dense, tmp_path, examples={"features": rows})
    inputs, _ = _samples.read_record(path)
    np.testing.assert_array_equal(inputs["serving_default"][3]["features"], rows[[0, 1, 0]])


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ([1.0], r"`examples` to be a dict"),
        ({"other": np.ones((1, 4))}, r"`examples` for the inputs \['features'\].*\['other'\]"),
        ({"features": np.ones((1, 5))}, r"`examples\['features'\]` of shape.*shape=\(1, 5\)"),
        ({"features": np.ones((0, 4))}, r"shape=\(0, 4\)"),
    ],
)
def test_bad_examples(dense, tmp_path, examples, message):
    with pytest.raises(ValueError, match=message):
        serving.export(dense, tmp_path, examples=examples)
    assert names(tmp_path) == []


def test_versions_count_up_and_are_never_overwritten(dense, tmp_path):
    for noise in ("latest", ".tmp", "9.5", "²"):
        (tmp_path / noise).mkdir()
    (tmp_path / "77").write_text("a file is no version")
    assert serving.export(dense, tmp_path, version=5).name == "5"
    assert serving.export(dense, tmp_path).name == "6"
    assert serving.export(dense, tmp_path, version=np.int64(2)).name == "2"
    before = (tmp_path / "5" / "saved_model.pb").stat().st_mtime_ns
    with pytest.raises(ValueError, match=r"a version that is not in .* yet. Received: version=5"):
        serving.export(dense, tmp_path, version=5)
    assert (tmp_path / "5" / "saved_model.pb").stat().st_mtime_ns == before
    (tmp_path / "007").mkdir()
    with pytest.raises(ValueError, match="version=7"):
        serving.export(dense, tmp_path, version=7)


@pytest.mark.parametrize("version", [0, -1, 1.0, "1", True])
def test_bad_version(dense, tmp_path, version):
    with pytest.raises(ValueError, match="`version` to be a positive integer"):
        serving.export(dense, tmp_path, version=version)


def test_other_bad_input(dense, tmp_path):
    with pytest.raises(ValueError, match=r"`model` to be a keras.Model. Received: model='nothing'"):
        serving.export("nothing", tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="`directory` to be a directory"):
        serving.export(dense, tmp_path / "file")
    inputs = keras.Input((2,), name="two words")
    with pytest.raises(ValueError, match=r"names of inputs.*names=\['two words'\]"):
        serving.export(keras.Model(inputs, inputs * 2.0), tmp_path)
    inputs = keras.Input((2,), sparse=True, name="x")
    with pytest.raises(ValueError, match=r"dense inputs.*inputs=\['x'\]"):
        serving.export(keras.Model(inputs, keras.layers.Dense(1)(inputs)), tmp_path)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (models.jit_inside, r"XLA.*Received: layers=\['doubler'\]"),
        (models.jit_scope, r"XLA.*Received: layers=\['scoped'\]"),
        (models.grouped, r"`groups`.*Received: layers=\['wide'\]"),
        (models.python_inside, r"no Python functions. Received: ops=\['PyFunc'\]"),
    ],
)
def test_refuses_what_a_server_cannot_run(tmp_path, build, message):
    with pytest.raises(ValueError, match=message) as caught:
        serving.export(build(), tmp_path / "model")
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == []


def test_a_draft_is_never_a_number_and_goes_when_the_model_fails(dense, tmp_path, monkeypatch):
    seen = []

    def fail(*_):
        seen.extend(names(tmp_path))
        raise KeyboardInterrupt

    monkeypatch.setattr(_samples, "keras_outputs", fail)
    with pytest.raises(KeyboardInterrupt):
        serving.export(dense, tmp_path)
    assert len(seen) == 1 and seen[0].startswith(".1-")
    assert names(tmp_path) == []


def test_the_version_can_be_read_by_others(dense, tmp_path):
    # The server usually runs as another user than the exporting program.
    before = os.umask(0o022)
    try:
        path = serving.export(dense, tmp_path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o755
    assert (path / "assets.extra" / "check_inputs.npz").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("limit", [20_000, 1_500_000])
def test_a_full_disk(tmp_path, limit):
    """With `limit` bytes a file, first the graph, then the variables cannot be written."""
    program = f"""
        import resource
        import keras
        from keras_hadamard import serving

        inputs = keras.Input((1000,), name="x")
        model = keras.Model(inputs, keras.layers.Dense(500)(inputs))
        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
        try:
            serving.export(model, {str(tmp_path / "model")!r})
        except OSError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True
    )
    assert done.stdout.startswith(f"Could not write {tmp_path / 'model' / '1'}"), done.stderr
    assert done.stdout.count("\n") == 1
    assert names(tmp_path) == []


def test_a_model_is_traced_twice(tmp_path):
    """Once by us, and once by Keras for a signature of its own."""
    traced = []

    class Counting(keras.layers.Layer):
        def call(self, x):
            if not tf.executing_eagerly():
                traced.append(x)
            return 2 * x

    inputs = keras.Input((3,))
    model = keras.Model(inputs, Counting()(inputs))
    traced.clear()
    serving.export(model, tmp_path)
    assert len(traced) == 2
