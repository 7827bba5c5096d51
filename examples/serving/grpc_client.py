"""Asks a server a question about three digits, over gRPC.

pip install "keras-hadamard[serving]"
python examples/serving/grpc_client.py "What is the left digit?" --digits 3 1 4
"""

import sys
from collections.abc import Mapping

import grpc
import numpy as np
import tensorflow as tf
from question import ServerError, asked, picture, show
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc


def predict(
    server: str,
    model: str,
    signature: str,
    inputs: Mapping[str, np.ndarray],
    timeout: float = 10.0,
) -> dict[str, np.ndarray]:
    """Outputs by name, for inputs by name; all begin with the axis of the batch."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    with grpc.insecure_channel(server) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        try:
            response = stub.Predict(request, timeout=timeout)
        except grpc.RpcError as error:
            raise ServerError(f"{server} answers {error.code().name}: {error.details()}") from error
    return {name: tf.make_ndarray(value) for name, value in response.outputs.items()}


def main() -> int:
    options = asked("by gRPC", "localhost:8500")
    inputs = {
        "image": picture(options.digits)[None],
        "question": np.array([options.question.encode()], object),
    }
    try:
        best = predict(options.server, options.model, "classify", inputs, options.timeout)
    except ServerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    show([label.decode() for label in best["labels"][0]], best["scores"][0])
    return 0


if __name__ == "__main__":
    sys.exit(main())
