"""The clients of examples/serving speak to a server over REST and gRPC, and say what goes wrong.

To a real `tensorflow_model_server` where there is one; and to servers that are made here, which
read the requests by the server's own message definitions and answer from the SavedModel.
"""

import contextlib
import http.server
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent import futures
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_hadamard import datasets, layers, serving

EXAMPLES = Path(__file__).parents[2] / "examples" / "serving"
SERVER = shutil.which("tensorflow_model_server")
CLASSES = ("no", "yes", "left", "right", "3", "4")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A model as the clients ask for: pixels and a question in, words out."""
    image, text = keras.Input((12, 32, 1), name="image"), keras.Input((11,), name="question")
    text = keras.Input((11,), dtype="int32", name="question")
    read = layers.MinGRU(8)(keras.layers.Embedding(len(datasets.VOCABULARY), 4)(text))
    fused = layers.MLB(8, rank=8)([keras.layers.Flatten()(image), read])
    scores = keras.layers.Dense(len(CLASSES), "softmax", name="answer")(fused)
    split = datasets.Split(
        {"image": np.zeros((4, 12, 32, 1), "f"), "question": np.ones((4, 11), "int32")},
        np.arange(4, dtype="int32"),
    )
    specs = {
        "image": datasets.InputSpec("image", (12, 32, 1), pixels="uint8"),
        "question": datasets.InputSpec(
            "tokens", (11,), len(datasets.VOCABULARY), words=datasets.VOCABULARY
        ),
    }
    data = datasets.ArrayDataset("d", specs, split, split, split, CLASSES)
    options = serving.ExportOptions(
        preprocessing=serving.preprocessing_of(data), labels=CLASSES, batch_sizes=(1, 2)
    )
    base = tmp_path_factory.mktemp("models") / "answers"
    serving.export(keras.Model([image, text], scores), base, options=options)
    return base


def client(name, *arguments):
    return subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}_client.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        env={"TF_CPP_MIN_LOG_LEVEL": "3", "PATH": ""},
    )


def free_port():
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return found.getsockname()[1]


def answers(base, signature, inputs):
    loaded = tf.saved_model.load(str(base / "1"))
    outputs = loaded.signatures[signature](**{k: tf.constant(v) for k, v in inputs.items()})
    return {name: value.numpy() for name, value in outputs.items()}


class Rest(http.server.BaseHTTPRequestHandler):
    """What the server's REST interface says of a prediction (its g3doc/api_rest.md)."""

    base = None

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/v1/models/answers:predict":
            return self.say(404, {"error": f"Servable not found for request: {self.path}"})
        inputs = {
            "image": np.array(asked["inputs"]["image"], "uint8"),
            "question": np.array(asked["inputs"]["question"], object),
        }
        outputs = answers(self.base, asked["signature_name"], inputs)
        return self.say(
            200,
            {
                "outputs": {
                    "labels": np.char.decode(outputs["labels"].astype("S")).tolist(),
                    "scores": outputs["scores"].tolist(),
                }
            },
        )

    def say(self, code, value):
        self.send_response(code)
        self.end_headers()
        self.wfile.write(json.dumps(value).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def rest(exported, monkeypatch):
    monkeypatch.setattr(Rest, "base", exported)
    server = http.server.ThreadingHTTPServer(("localhost", 0), Rest)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def grpc_address(exported):
    grpc = pytest.importorskip("grpc")
    pb = pytest.importorskip("tensorflow_serving.apis.predict_pb2")
    services = pytest.importorskip("tensorflow_serving.apis.prediction_service_pb2_grpc")

    class Predictions(services.PredictionServiceServicer):
        def Predict(self, request, context):
            if request.model_spec.name != "answers":
                context.abort(grpc.StatusCode.NOT_FOUND, "Servable not found for request")
            inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
            response = pb.PredictResponse()
            found = answers(exported, request.model_spec.signature_name, inputs)
            for name, value in found.items():
                response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
            return response

    server = grpc.server(futures.ThreadPoolExecutor(1))
    services.add_PredictionServiceServicer_to_server(Predictions(), server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    yield f"localhost:{port}"
    server.stop(None).wait()


def expected_lines(base):
    sys.path.insert(0, str(EXAMPLES))
    try:
        from question import picture
    finally:
        sys.path.remove(str(EXAMPLES))
    inputs = {
        "image": picture([3, 1, 4])[None],
        "question": np.array(["What is the left digit?"], object),
    }
    best = answers(base, "classify", inputs)
    return [
        f"{score:6.1%}  {label.decode()}"
        for label, score in zip(best["labels"][0], best["scores"][0], strict=True)
    ]


QUESTION = ("What is the left digit?", "--digits", 3, 1, 4)


def test_rest(rest, exported):
    done = client("rest", *QUESTION, "--server", rest)
    assert done.stdout.splitlines() == expected_lines(exported), done.stderr
    refused = client("rest", *QUESTION, "--server", rest, "--model", "other")
    assert refused.returncode == 1 and refused.stderr.count("\n") == 1
    assert "answers 404: Servable not found" in refused.stderr


def test_grpc(grpc_address, exported):
    done = client("grpc", *QUESTION, "--server", grpc_address)
    assert done.stdout.splitlines() == expected_lines(exported), done.stderr
    refused = client("grpc", *QUESTION, "--server", grpc_address, "--model", "other")
    assert refused.returncode == 1
    assert "answers NOT_FOUND: Servable not found" in refused.stderr.splitlines()[-1]


def test_no_server():
    nowhere = f"localhost:{free_port()}"
    done = client("rest", *QUESTION, "--server", f"http://{nowhere}")
    assert done.returncode == 1 and done.stderr.startswith(f"No answer from http://{nowhere}/v1")
    assert done.stderr.count("\n") == 1
    pytest.importorskip("tensorflow_serving")
    done = client("grpc", *QUESTION, "--server", nowhere, "--timeout", 5)
    assert done.returncode == 1 and "UNAVAILABLE" in done.stderr.splitlines()[-1]


@pytest.mark.skipif(SERVER is None, reason="there is no tensorflow_model_server on the PATH")
def test_a_real_server(exported, tmp_path):
    """The options of serve.sh, without its container."""
    config = (exported / "models.config").read_text()
    own = tmp_path / "models.config"
    own.write_text(config.replace("/models/answers", str(exported)))
    ports = [free_port(), free_port()]
    command = [
        SERVER,
        f"--port={ports[0]}",
        f"--rest_api_port={ports[1]}",
        f"--model_config_file={own}",
        "--enable_batching=true",
        "--enable_per_model_batching_parameters=true",
    ]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        status = f"http://localhost:{ports[1]}/v1/models/answers"
        for _ in range(60):
            with contextlib.suppress(OSError), urllib.request.urlopen(status) as response:
                if b"AVAILABLE" in response.read():
                    break
            assert server.poll() is None, (tmp_path / "log").read_text()
            time.sleep(1)
        lines = expected_lines(exported)
        rest = client("rest", *QUESTION, "--server", f"http://localhost:{ports[1]}")
        assert rest.stdout.splitlines() == lines, rest.stderr
        by_grpc = client("grpc", *QUESTION, "--server", f"localhost:{ports[0]}")
        assert by_grpc.stdout.splitlines() == lines, by_grpc.stderr
        said = (tmp_path / "log").read_text()
        assert "warmup" in said.lower()
    finally:
        server.terminate()
        server.wait()


def test_the_container_command_and_the_compose_file_agree():
    script = (EXAMPLES / "serve.sh").read_text()
    compose = (EXAMPLES / "compose.yaml").read_text()
    for option in ("--enable_batching=true", "--enable_per_model_batching_parameters=true"):
        assert option in script and option in compose
    assert "/models/$name/models.config" in script and "/models/answers/models.config" in compose
    assert "tensorflow/serving:2.20.0" in script and "tensorflow/serving:2.20.0" in compose
    assert subprocess.run(["sh", "-n", str(EXAMPLES / "serve.sh")]).returncode == 0


def test_the_example_trains_exports_and_checks(tmp_path):
    pytest.importorskip("tensorflow_datasets")
    script = EXAMPLES / "export_answers.py"
    done = subprocess.run(
        [sys.executable, str(script), "--quick", "--out", str(tmp_path / "answers")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "runs on a stock TF Serving" in done.stdout
    assert (tmp_path / "answers" / "1" / "assets" / "labels.txt").exists()
