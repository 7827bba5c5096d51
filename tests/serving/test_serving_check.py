import dataclasses

import keras
import numpy as np
import pytest
import serving.serving_models as models
import tensorflow as tf

from keras_hadamard import serving
from keras_hadamard.serving import _loader, _samples

NAMES = (
    "layout,readable,no XLA marks,core ops,signature,dtypes,dynamic batch,batching,models.config"
)
NAMES = [*NAMES.split(","), "batch 1", "batch 3", "batch 8", "warm-up", "outputs"]


def failed(report):
    return {item.name: item.detail for item in report.items if item.passed is False}


def item(report, name):
    return next(item for item in report.items if item.name == name)


@pytest.fixture
def no_run(monkeypatch):
    """For tests of what is read from the file, which need not wait for the loader."""

    def nothing(path, calls, xla):
        return _loader.LoaderRun("was not started", {}, {})

    monkeypatch.setattr(_loader, "run", nothing)


def write(directory, function, **specs):
    """A SavedModel that did not come from `export`."""
    module = tf.Module()
    module.f = tf.function(function, input_signature=[specs[name] for name in specs])
    tf.saved_model.save(module, str(directory), signatures={"serving_default": module.f})


@pytest.mark.slow
def test_a_good_model(tmp_path):
    model = models.two_branches()
    path = serving.export(model, tmp_path)
    report = serving.check(tmp_path)
    assert [item.name for item in report.items] == NAMES
    assert all(item.passed is True for item in report.items), str(report)
    assert report.ok and report.version == 1 and report.path == path
    assert item(report, "signature").detail == "serving_default(image, tokens) -> fused, score"
    assert "\n".join(str(report).splitlines()[:2]) == (
        f"{path} runs on a stock TF Serving\nok    layout         version 1"
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.version = 2

    # The model moves on, the version stays: its own record still agrees, the model does not.
    head = model.get_layer("head")
    head.set_weights([w + 0.01 for w in head.get_weights()])
    later = serving.check(tmp_path / "1", model)
    assert list(failed(later)) == ["outputs"] and "score" in failed(later)["outputs"]
    assert not later.ok and str(later).startswith(f"{path} does not run")


@pytest.mark.slow
def test_a_model_trained_with_xla(one_loader, tmp_path):
    """`compile(jit_compile=True)` compiles the training step, and leaves nothing in the export."""
    inputs = keras.Input((4,), name="x")
    hidden = keras.layers.BatchNormalization()(keras.layers.Dense(8, "gelu")(inputs))
    outputs = keras.layers.Dense(1)(keras.layers.Dropout(0.5)(hidden))
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse", jit_compile=True)
    model.fit(np.ones((4, 4)), np.ones((4, 1)), verbose=0)
    serving.export(model, tmp_path)
    report = serving.check(tmp_path, model)
    assert report.ok, str(report)


@pytest.mark.slow
def test_mixed_precision(one_loader, tmp_path):
    inputs = keras.Input((64,), name="x")
    hidden = keras.layers.Dense(64, "gelu", dtype="mixed_float16")(inputs)
    half = keras.layers.Dense(8, dtype="mixed_float16", name="half")(hidden)
    brain = keras.layers.Dense(8, dtype="mixed_bfloat16", name="brain")(hidden)
    full = keras.layers.Dense(8, dtype="float32", name="full")(hidden)
    serving.export(keras.Model(inputs, [half, brain, full]), tmp_path)
    report = serving.check(tmp_path)
    assert report.ok, str(report)
    assert item(report, "dtypes").detail == (
        "by gRPC only, not by REST: brain bfloat16, half float16"
    )


@pytest.mark.slow
def test_a_subclass_with_integer_and_string_outputs(one_loader, tmp_path):
    class Words(models.OneArgument):
        def call(self, features, training=False):
            best = tf.argmax(self.dense(features), axis=-1)
            return {"index": best, "word": tf.gather(tf.constant(["a", "bb", "ccc"]), best)}

    model = Words()
    model(np.ones((2, 4), "float32"))
    path = serving.export(model, tmp_path)
    report = serving.check(tmp_path, model)
    assert report.ok, str(report)
    inputs, outputs = _samples.read_record(path)
    outputs["serving_default"][3]["word"][1] = b"dd"
    _samples.write_record(path, inputs, outputs)
    assert failed(serving.check(tmp_path)) == {"outputs": "word at batch 3: different strings"}


@pytest.mark.slow
@pytest.mark.parametrize("build", [models.jit_inside, models.jit_scope, models.grouped])
def test_xla_marks(one_loader, tmp_path, build):
    """Such a model loads and runs here, and would fail on the server."""
    model = build()
    model.export(str(tmp_path / "1"), verbose=False)
    inputs = tf.ones((2, *model.inputs[0].shape[1:]))
    loaded = tf.saved_model.load(str(tmp_path / "1"))
    assert np.isfinite(loaded.serve(inputs)).all()
    report = serving.check(tmp_path)
    assert list(failed(report)) == ["no XLA marks", "batch 1", "batch 3", "batch 8"], str(report)
    assert model.layers[-1].name in failed(report)["no XLA marks"]
    assert "XLA compilation disabled" in failed(report)["batch 1"]
    assert item(report, "outputs").passed is None
    assert "\n" not in failed(report)["batch 1"]


@pytest.mark.slow
def test_python_functions(one_loader, tmp_path):
    models.python_inside().export(str(tmp_path / "1"), verbose=False)
    report = serving.check(tmp_path)
    assert failed(report)["core ops"] == "PyFunc"
    assert set(failed(report)) == {"core ops", "batch 1", "batch 3", "batch 8"}


@pytest.mark.slow
def test_fixed_batch(one_loader, tmp_path):
    write(tmp_path / "1", lambda x: {"y": x * 2.0}, x=tf.TensorSpec((3, 2), tf.float32, "x"))
    report = serving.check(tmp_path)
    assert set(failed(report)) == {"dynamic batch", "batch 1", "batch 8"}, str(report)
    assert failed(report)["dynamic batch"] == "x (3, 2)"
    assert item(report, "outputs").detail.startswith("not compared")


@pytest.mark.slow
def test_outputs_that_mix_the_rows(one_loader, tmp_path):
    write(
        tmp_path / "1",
        lambda x: {"mean": tf.reduce_mean(x, axis=0), "y": x},
        x=tf.TensorSpec((None, 2), tf.float32, "x"),
    )
    report = serving.check(tmp_path)
    assert failed(report)["batch 3"] == "outputs without a row for each input: {'mean': (2,)}"


@pytest.mark.slow
def test_lost_variables(one_loader, tmp_path):
    path = serving.export(models.two_branches(), tmp_path)
    for file in (path / "variables").iterdir():
        file.unlink()
    report = serving.check(tmp_path)
    assert failed(report)["batch 1"].startswith("does not load: ")


@pytest.mark.slow
def test_tampered_record(one_loader, tmp_path):
    path = serving.export(models.two_branches(), tmp_path)
    inputs, outputs = _samples.read_record(path)
    outputs["serving_default"][3]["score"] *= 1 + 5e-5
    _samples.write_record(path, inputs, outputs)
    report = serving.check(tmp_path)
    assert list(failed(report)) == ["outputs"]
    assert failed(report)["outputs"].startswith("largest difference 5.0e-05 of the output's scale")
    assert "in score at batch 3; allowed 1e-05" in failed(report)["outputs"]


def test_broken_record(no_run, tmp_path):
    path = serving.export(models.two_branches(), tmp_path)
    (path / "assets.extra" / "check_outputs.npz").write_bytes(b"PK nothing")
    found = failed(serving.check(tmp_path))
    assert "assets.extra cannot be read" in found["record"]
    # What hinders the loader, a TensorFlow without the switch for one, is said for each batch.
    assert found["batch 1"] == found["batch 8"] == "was not started"


def test_missing_signature(no_run, tmp_path):
    module = tf.Module()
    module.f = tf.function(
        lambda x: {"y": x}, input_signature=[tf.TensorSpec((None,), tf.float32, name="x")]
    )
    tf.saved_model.save(module, str(tmp_path / "1"), signatures={"other": module.f})
    report = serving.check(tmp_path)
    assert failed(report) == {"signature": "serving_default not among ['other']"}
    assert report.items[-1].name == "signature"


def test_types_a_server_cannot_send(no_run, tmp_path):
    quantized = tf.TensorSpec((None, 2), tf.qint8, "x")
    write(tmp_path / "1", lambda x: {"y": tf.cast(x, tf.float32)}, x=quantized)
    assert failed(serving.check(tmp_path))["dtypes"] == "x qint8"


def test_unknown_shapes_without_a_record(no_run, tmp_path):
    write(tmp_path / "1", lambda x: {"y": x}, x=tf.TensorSpec(None, tf.float32, "x"))
    report = serving.check(tmp_path)
    assert list(failed(report)) == ["batches"]


def test_the_highest_version_and_directories_without_a_number(no_run, tmp_path):
    model = models.two_branches()
    serving.export(model, tmp_path, version=9)
    assert serving.export(model, tmp_path).name == "10"
    assert serving.check(tmp_path).version == 10
    assert serving.check(str(tmp_path / "9")).version == 9
    (tmp_path / "9").rename(tmp_path / "best")
    report = serving.check(tmp_path / "best")
    assert report.version is None and "'best'" in failed(report)["layout"]


def test_corrupt_file(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"\xff\xffnot a protocol buffer")
    report = serving.check(tmp_path)
    assert list(failed(report)) == ["readable"]
    assert failed(report)["readable"].startswith("saved_model.pb cannot be read: ")
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"")
    assert failed(serving.check(tmp_path))["readable"].endswith("no graph with the tag 'serve'")


def test_bad_input(tmp_path):
    message = "`directory` to hold a SavedModel, or numbered versions of one. Received: directory="
    for directory in (tmp_path, tmp_path / "missing"):
        with pytest.raises(ValueError, match=message):
            serving.check(directory)
    (tmp_path / "1").mkdir()
    report = serving.check(tmp_path)
    assert "saved_model.pb" in failed(report)["readable"]
    (tmp_path / "1" / "saved_model.pb").touch()
    with pytest.raises(ValueError, match=r"keras.Model. Received: model='no'"):
        serving.check(tmp_path, "no")
