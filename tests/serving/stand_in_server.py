"""Stands in for `tensorflow_model_server`: its options, its REST and gRPC interfaces, TensorFlow.

It reads configuration and batching parameters by the server's own message definitions, and refuses
what the server refuses. The environment variable STAND_IN makes it fail: `refuses` ends at once,
`hangs` never serves, `lies` answers other numbers, `ignores` does not end when it is told to.
"""

import base64
import http.server
import json
import os
import re
import signal
import sys
import time
from concurrent import futures
from pathlib import Path

MODE = os.environ.get("STAND_IN", "")
OPTIONS = dict(re.fullmatch(r"--([a-z_]+)=(.*)", argument).groups() for argument in sys.argv[1:])
Path(os.environ["STAND_IN_PID"]).write_text(str(os.getpid()))
if MODE == "refuses":
    sys.exit("Failed to start server. Error: INVALID_ARGUMENT: no such thing: é模")
if MODE == "hangs":
    time.sleep(600)
if MODE == "ignores":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

import grpc  # noqa: E402
import tensorflow as tf  # noqa: E402
from google.protobuf import text_format  # noqa: E402
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc  # noqa: E402
from tensorflow_serving.config import model_server_config_pb2  # noqa: E402

assert OPTIONS["enable_batching"] == OPTIONS["enable_per_model_batching_parameters"] == "true"
CONFIG = text_format.Parse(
    Path(OPTIONS["model_config_file"]).read_text("utf-8"),
    model_server_config_pb2.ModelServerConfig(),
)
(MODEL,) = CONFIG.model_config_list.config
(VERSION,) = MODEL.model_version_policy.specific.versions
LOADED = tf.saved_model.load(str(Path(MODEL.base_path, str(VERSION))))
ASKED = Path(os.environ["STAND_IN_PID"]).with_suffix(".asked")


def answer(signature, inputs):
    function = LOADED.signatures[signature]
    specs = function.structured_input_signature[1]
    tensors = {name: tf.constant(value, specs[name].dtype) for name, value in inputs.items()}
    outputs = {name: value.numpy() for name, value in function(**tensors).items()}
    if MODE == "lies":
        outputs = {n: v + 1 if v.dtype.kind == "f" else v for n, v in outputs.items()}
    with ASKED.open("a") as file:
        file.write(f"{signature}\n")
    return outputs


def decoded(value):
    if isinstance(value, list):
        return [decoded(part) for part in value]
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value


def encoded(value):
    if isinstance(value, list):
        return [encoded(part) for part in value]
    return value.decode() if isinstance(value, bytes) else value


class Rest(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        assert self.path == f"/v1/models/{MODEL.name}"
        self.say(200, {"model_version_status": [{"version": str(VERSION), "state": "AVAILABLE"}]})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.path == f"/v1/models/{MODEL.name}:predict"
        try:
            inputs = {name: decoded(value) for name, value in asked["inputs"].items()}
            outputs = answer(asked["signature_name"], inputs)
        except tf.errors.OpError as error:
            return self.say(400, {"error": error.message})
        said = {name: encoded(value.tolist()) for name, value in outputs.items()}
        # The server sends only the values of a single output.
        return self.say(200, {"outputs": said if len(said) > 1 else next(iter(said.values()))})

    def say(self, code, value):
        self.send_response(code)
        self.end_headers()
        self.wfile.write(json.dumps(value).encode())

    def log_message(self, *_):
        pass


class Predictions(prediction_service_pb2_grpc.PredictionServiceServicer):
    def Predict(self, request, context):
        inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
        response = predict_pb2.PredictResponse()
        try:
            outputs = answer(request.model_spec.signature_name, inputs)
        except tf.errors.OpError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message)
        for name, value in outputs.items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
        return response


SERVER = grpc.server(futures.ThreadPoolExecutor(1))
prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Predictions(), SERVER)
assert SERVER.add_insecure_port(f"localhost:{OPTIONS['port']}")
SERVER.start()
REST = http.server.ThreadingHTTPServer(("localhost", int(OPTIONS["rest_api_port"])), Rest)
REST.serve_forever()
