"""A `tensorflow_model_server` of this machine, for as long as it is asked."""

import contextlib
import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_hadamard.serving._configs import models_text
from keras_hadamard.serving._metadata import XLA_FLAG

PROGRAM = "tensorflow_model_server"
# The name that it knows the model by.
MODEL = "checked"
# Seconds until it serves, for an answer, and until it has ended.
_READY, _ANSWER, _END = 120.0, 60.0, 10.0
# A proxy that the environment names is not asked for a server of this machine.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ServerError(Exception):
    """What went wrong with the server, in one line."""


@dataclass(frozen=True)
class ModelServer:
    """Addresses of a server that has loaded the model."""

    grpc: str
    rest: str

    def ask_rest(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Outputs by name, as JSON has them; a single output has the name None."""
        body = {
            "signature_name": signature,
            "inputs": {name: _json(value) for name, value in inputs.items()},
        }
        answer = self.get(":predict", json.dumps(body).encode())
        outputs = answer.get("outputs")
        if outputs is None:
            raise ServerError(f"an answer without outputs: {_line(json.dumps(answer))}")
        return outputs if isinstance(outputs, dict) else {"": outputs}

    def get(self, what: str, body: bytes | None = None) -> dict[str, Any]:
        url = f"{self.rest}/v1/models/{MODEL}{what}"
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        try:
            with _DIRECT.open(request, timeout=_ANSWER) as response:
                found = json.load(response)
        except urllib.error.HTTPError as error:
            raise ServerError(
                f"{error.code}: {_line(error.read().decode('utf-8', 'replace'))}"
            ) from error
        except (OSError, ValueError) as error:
            raise ServerError(f"no answer: {_line(str(error))}") from error
        return found if isinstance(found, dict) else {"answer": found}

    def ask_grpc(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs by name. Needs the packages of the extra `serving`."""
        import grpc
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

        request = predict_pb2.PredictRequest()
        request.model_spec.name = MODEL
        request.model_spec.signature_name = signature
        for name, value in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        with grpc.insecure_channel(self.grpc, [("grpc.enable_http_proxy", 0)]) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            try:
                response = stub.Predict(request, timeout=_ANSWER)
            except grpc.RpcError as error:
                raise ServerError(f"{error.code().name}: {_line(error.details())}") from error
        return {name: tf.make_ndarray(value) for name, value in response.outputs.items()}


def _json(value: np.ndarray) -> Any:
    """Strings as base64, which is right for any bytes; numbers as they are."""
    import base64

    def of(one: Any) -> Any:
        if isinstance(one, list):
            return [of(part) for part in one]
        if isinstance(one, bytes):
            return {"b64": base64.b64encode(one).decode()}
        return one

    return of(value.tolist())


@contextlib.contextmanager
def running(base: Path, version: int, xla: bool) -> Iterator[ModelServer]:
    """Starts the server on one version of a model, waits until it serves, and ends it.

    Raises:
        ServerError: If it ends, or does not serve in time.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise ServerError(f"there is no {PROGRAM}")
    with tempfile.TemporaryDirectory() as scratch:
        config, log = Path(scratch, "models.config"), Path(scratch, "log")
        config.write_text(models_text(MODEL, str(base.resolve()), version), encoding="utf-8")
        ports = _free_ports(2)
        command = [
            program,
            f"--port={ports[0]}",
            f"--rest_api_port={ports[1]}",
            f"--model_config_file={config}",
            "--enable_batching=true",
            "--enable_per_model_batching_parameters=true",
            *([f"{XLA_FLAG}=true"] if xla else []),
        ]
        with log.open("wb") as said:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            server = ModelServer(f"localhost:{ports[0]}", f"http://localhost:{ports[1]}")
            _wait(server, process, log)
            yield server
        finally:
            _end(process)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("localhost", 0))
        return [one.getsockname()[1] for one in sockets]


def _wait(server: ModelServer, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline, last = time.monotonic() + _READY, "no answer"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerError(f"ended with {process.returncode}: {_last(log)}")
        try:
            states = server.get("").get("model_version_status", [])
        except ServerError as error:
            last = str(error)
        else:
            if any(one.get("state") == "AVAILABLE" for one in states):
                return
            last = _line(json.dumps(states))
            failed = [o for o in states if o.get("status", {}).get("error_code", "OK") != "OK"]
            if failed and all(one.get("state") == "END" for one in states):
                raise ServerError(f"does not load: {failed[0]['status'].get('error_message')}")
        time.sleep(0.1)
    raise ServerError(f"does not serve within {_READY:g} seconds: {last}; {_last(log)}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last(log: Path) -> str:
    lines = log.read_text("utf-8", errors="replace").strip().splitlines()
    return _line(lines[-1]) if lines else "no message"


def _line(text: str | None) -> str:
    return " ".join((text or "no message").split())[:300]
