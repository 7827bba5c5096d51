"""The files beside a SavedModel, against the server's own message definitions."""

import numpy as np
import pytest
import serving.serving_models as models
import tensorflow as tf
from google.protobuf import text_format

from keras_hadamard import serving
from keras_hadamard.serving import _check_files, _configs, _loader, _protos, _warmup


@pytest.fixture
def no_run(monkeypatch):
    def nothing(path, calls, xla):
        return _loader.LoaderRun("was not started", {}, {})

    monkeypatch.setattr(_loader, "run", nothing)


def failed(path):
    report = serving.check(path)
    return {item.name: item.detail for item in report.items if item.passed is False}


def test_warm_up_requests_are_the_servers_prediction_logs(tmp_path):
    apis = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    calls = {
        "serving_default": {
            1: {"words": np.array([b"a"], object), "x": np.ones((1, 2), "float16")},
            8: {"words": np.array([b"b"] * 8, object), "x": np.zeros((8, 2), "float16")},
        },
        "embed": {1: {"x": np.full((1, 2), 3, "int64")}},
    }
    _warmup.write(tmp_path, "answers", calls)
    file = tmp_path / "assets.extra" / "tf_serving_warmup_requests"
    logs = [
        apis.PredictionLog.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(str(file))
    ]
    assert [log.WhichOneof("log_type") for log in logs] == ["predict_log"] * 3
    specs = [log.predict_log.request.model_spec for log in logs]
    assert [(s.name, s.signature_name) for s in specs] == [
        ("answers", "serving_default"),
        ("answers", "serving_default"),
        ("answers", "embed"),
    ]
    first, _, last = (log.predict_log.request.inputs for log in logs)
    assert tf.make_ndarray(first["words"]).tolist() == [b"a"]
    assert tf.make_ndarray(first["x"]).dtype == np.float16
    np.testing.assert_array_equal(tf.make_ndarray(last["x"]), [[3, 3]])
    back = list(_warmup.read(tmp_path))
    assert [name for name, _ in back] == ["serving_default", "serving_default", "embed"]
    np.testing.assert_array_equal(back[1][1]["x"], np.zeros((8, 2)))


@pytest.mark.parametrize(
    ("module", "theirs", "ours"),
    [
        ("apis.prediction_log_pb2", "PredictionLog", "PredictionLog"),
        ("apis.prediction_log_pb2", "PredictLog", "PredictLog"),
        ("apis.predict_pb2", "PredictRequest", "PredictRequest"),
        ("apis.model_pb2", "ModelSpec", "ModelSpec"),
        ("config.model_server_config_pb2", "ModelServerConfig", "ModelServerConfig"),
        ("config.model_server_config_pb2", "ModelConfigList", "ModelConfigList"),
        ("config.model_server_config_pb2", "ModelConfig", "ModelConfig"),
        (
            "config.file_system_storage_path_source_pb2",
            "FileSystemStoragePathSourceConfig.ServableVersionPolicy",
            "ServableVersionPolicy",
        ),
        (
            "config.file_system_storage_path_source_pb2",
            "FileSystemStoragePathSourceConfig.ServableVersionPolicy.Specific",
            "Specific",
        ),
    ],
)
def test_fields_are_the_servers(module, theirs, ours):
    found = pytest.importorskip(f"tensorflow_serving.{module}")
    for part in theirs.split("."):
        found = getattr(found, part)
    fields = found.DESCRIPTOR.fields_by_name
    for field in _protos.message(ours).DESCRIPTOR.fields:
        real = fields[field.name]
        assert (field.number, field.type) == (real.number, real.type)
        assert field.is_repeated == real.is_repeated


def test_models_config_is_the_servers(tmp_path):
    config = pytest.importorskip("tensorflow_serving.config.model_server_config_pb2")
    parsed = text_format.Parse(_configs.models_text("answers"), config.ModelServerConfig())
    (model,) = parsed.model_config_list.config
    assert (model.name, model.base_path) == ("answers", "/models/answers")
    assert model.model_platform == "tensorflow"


def test_models_config_is_written_once(tmp_path):
    base = tmp_path / "answers"
    path = serving.export(models.two_branches(), base)
    assert (base / "models.config").read_text() == _configs.models_text("answers")
    assert _configs.batching(path) == _configs.Batching((1, 8, 32), 32, 1024)
    (base / "models.config").write_text("# mine\n" + _configs.models_text("other"))
    serving.export(models.two_branches(), base)
    assert _configs.model_names(base) == ["other"]
    assert sorted(p.name for p in base.iterdir()) == ["1", "2", "models.config"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_batch_size { value: 8 }\nallowed_batch_sizes: 8\nallowed_batch_sizes: 1\n", "do not"),
        ("max_batch_size { value: 16 }\nallowed_batch_sizes: 8\n", "max_batch_size 16 is not"),
        (
            "max_batch_size { value: 8 }\nenable_large_batch_splitting { value: true }\n"
            "max_execution_batch_size { value: 16 }\n",
            "max_execution_batch_size 16 is above max_batch_size 8",
        ),
        # As one might think that the server wants it: the last size the largest that is run.
        (
            _configs.batching_text((1, 8), 64).replace("allowed_batch_sizes: 64\n", ""),
            "max_batch_size 64 is not the last of allowed_batch_sizes [1, 8]",
        ),
        (
            _configs.batching_text((1, 8), 64).replace("allowed_batch_sizes: 8\n", ""),
            "max_execution_batch_size 8 is not among allowed_batch_sizes [1, 64]",
        ),
        (
            _configs.batching_text((1, 8, 32), 64).replace("{ value: 10 }", "{ value: 1 }"),
            "max_enqueued_batches 1 batches of 32 have no room for a request of max_batch_size 64",
        ),
        (
            _configs.batching_text((1, 8, 32), 64).replace("{ value: 10 }", "{ value: 0 }"),
            "max_enqueued_batches 0 is not positive",
        ),
        ("num_batch_threads { value: 0 }\n", "num_batch_threads 0 is not positive"),
        ("batch_timeout_micros { value: -1 }\n", "batch_timeout_micros -1 is negative"),
        ("max_batch_size { value: 0 }\n", "are not positive"),
        ("max_batch_size: eight\n", "cannot be read"),
        (
            _configs.batching_text((1, 64), 64),
            "without a warm-up request: {'serving_default': [64]}",
        ),
    ],
)
def test_batching_that_the_server_would_refuse(no_run, tmp_path, text, message):
    path = serving.export(models.two_branches(), tmp_path)
    (path / "batching_params.pbtxt").write_text(text)
    assert message in failed(path)["batching"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model_config_list {\n", "cannot be read"),
        ("", "names no model"),
        (_configs.models_text("m").replace('"/models', '"models'), "absolute base_path"),
        (_configs.models_text("m").replace('"tensorflow"', '"torch"'), "'torch' is not tensorflow"),
    ],
)
def test_models_config_that_the_server_would_refuse(no_run, tmp_path, text, message):
    serving.export(models.two_branches(), tmp_path)
    (tmp_path / "models.config").write_text(text)
    assert message in failed(tmp_path)["models.config"]


def test_warm_up_requests_that_the_server_would_refuse(tmp_path):
    specs = {"serving_default": {"x": tf.TensorSpec((None, 2), tf.float32, "x")}}

    def wrong(*calls):
        _warmup.write(tmp_path, "m", dict(calls))
        item, _ = _check_files.warm_up(tmp_path, specs)
        return item and item.detail

    good = ("serving_default", {1: {"x": np.ones((1, 2), "f")}})
    assert wrong(good) is None
    assert "'embed', which is not a signature" in wrong(("embed", good[1]))
    assert "inputs ['y'], not ['x']" in wrong((good[0], {1: {"y": np.ones((1, 2), "f")}}))
    assert "x as float64" in wrong((good[0], {1: {"x": np.ones((1, 2))}}))
    assert "x as float32 (1, 3), not float32 (None, 2)" in wrong(
        (good[0], {1: {"x": np.ones((1, 3), "f")}})
    )
    many = {batch: {"x": np.ones((1, 2), "f")} for batch in range(1001)}
    assert wrong((good[0], many)) == "1001 requests, of at most 1000"
    (tmp_path / _warmup.FILE).write_bytes(b"not a record file at all")
    assert "cannot be read" in _check_files.warm_up(tmp_path, specs)[0].detail


@pytest.mark.slow
def test_a_warm_up_request_that_fails(one_loader, tmp_path):
    path = serving.export(models.two_branches(vocabulary=5), tmp_path)
    inputs = models.two_branch_inputs(1)
    inputs["tokens"][:] = 2_000_000
    _warmup.write(path, "m", {"serving_default": {1: inputs}})
    (path / "batching_params.pbtxt").unlink()
    assert "batch 1: " in failed(path)["warm-up"]


def test_requests_of_up_to_the_largest_size_are_split(tmp_path):
    options = serving.ExportOptions(batch_sizes=(1, 8), max_batch_size=2000)
    path = serving.export(models.two_branches(), tmp_path, options=options)
    parameters = _protos.message("BatchingParameters")
    text_format.Parse((path / "batching_params.pbtxt").read_text(), parameters)
    assert parameters.max_batch_size.value == parameters.allowed_batch_sizes[-1] == 2000
    assert parameters.enable_large_batch_splitting.value
    assert parameters.max_execution_batch_size.value == 8
    # Four such requests may wait.
    assert 8 * parameters.max_enqueued_batches.value >= 4 * 2000
    assert list(parameters.allowed_batch_sizes) == [1, 8, 2000]


@pytest.mark.parametrize(
    ("options", "largest"),
    [({}, 1024), ({"batch_sizes": (1, 2048)}, 2048), ({"batch_sizes": ()}, 1024)],
)
def test_the_largest_request_unless_it_is_given(options, largest):
    assert serving.ExportOptions(**options).largest_request == largest


def test_requests_that_are_not_split(no_run, tmp_path):
    options = serving.ExportOptions(batch_sizes=(1, 8), max_batch_size=8)
    path = serving.export(models.two_branches(), tmp_path, options=options)
    assert (path / "batching_params.pbtxt").read_text() == (
        "max_batch_size { value: 8 }\nbatch_timeout_micros { value: 1000 }\n"
        "allowed_batch_sizes: 1\nallowed_batch_sizes: 8\n"
    )
    said = {item.name: item.detail for item in serving.check(path).items}
    assert said["batching"] == "batches of 1, 8; largest request 8 rows, more are refused"
    # What a version does not say, the server takes from its defaults.
    (path / "batching_params.pbtxt").write_text("")
    said = {item.name: item.detail for item in serving.check(path).items}
    assert said["batching"].startswith("batches of up to 1000; largest request 1000 rows")


@pytest.mark.parametrize(
    ("folder", "name", "served"),
    [
        ("answers", None, "answers"),
        ("my models (2)", None, "my_models_2"),
        ("modèle", None, "modele"),
        ("模型", None, "model"),
        ("serving", "titanic.csv", "titanic.csv"),
    ],
)
def test_the_name_on_the_server(tmp_path, folder, name, served):
    options = serving.ExportOptions(name=name, batch_sizes=(1,))
    path = serving.export(models.two_branches(), tmp_path / folder, options=options)
    assert _configs.model_names(path.parent) == [served]
    assert f'base_path: "/models/{served}"' in (path.parent / "models.config").read_text()
    (record,) = tf.data.TFRecordDataset(str(path / _warmup.FILE))
    log = _protos.message("PredictionLog")
    log.ParseFromString(record.numpy())
    assert log.predict_log.request.model_spec.name == served
