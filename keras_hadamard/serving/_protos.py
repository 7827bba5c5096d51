"""The few messages of TF Serving's files, by its field numbers, with protobuf's own reader.

Defined here rather than taken from `tensorflow-serving-api`, which has no batching parameters and
is an optional package. Their names differ from the server's, so both may be loaded.
"""

import functools
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2
from tensorflow.core.framework import tensor_pb2

_PACKAGE = "keras_hadamard.serving"
_FIELD = descriptor_pb2.FieldDescriptorProto
_TENSOR = "tensorflow.TensorProto"
_INT64 = "google.protobuf.Int64Value"
_BOOL = "google.protobuf.BoolValue"
_STRING = "google.protobuf.StringValue"
_IMPORTED = (_TENSOR, _INT64, _BOOL, _STRING)
# Field: its number and its type, with a star where it repeats.
_MESSAGES = {
    "ModelSpec": {"name": (1, "string"), "signature_name": (3, "string")},
    "PredictRequest.InputsEntry": {"key": (1, "string"), "value": (2, _TENSOR)},
    "PredictRequest": {
        "model_spec": (1, "ModelSpec"),
        "inputs": (2, "PredictRequest.InputsEntry*"),
    },
    "PredictLog": {"request": (1, "PredictRequest")},
    "PredictionLog": {"predict_log": (6, "PredictLog")},
    "BatchingParameters": {
        "max_batch_size": (1, _INT64),
        "batch_timeout_micros": (2, _INT64),
        "max_enqueued_batches": (3, _INT64),
        "num_batch_threads": (4, _INT64),
        "thread_pool_name": (5, _STRING),
        "allowed_batch_sizes": (6, "int64*"),
        "pad_variable_length_inputs": (7, "bool"),
        "enable_large_batch_splitting": (8, _BOOL),
        "max_execution_batch_size": (9, _INT64),
    },
    "ModelServerConfig": {"model_config_list": (1, "ModelConfigList")},
    "ModelConfigList": {"config": (1, "ModelConfig*")},
    "ModelConfig": {
        "name": (1, "string"),
        "base_path": (2, "string"),
        "model_platform": (4, "string"),
        "model_version_policy": (7, "ServableVersionPolicy"),
    },
    "ServableVersionPolicy": {"specific": (102, "Specific")},
    "Specific": {"versions": (1, "int64*")},
}
_SCALARS = {"string": _FIELD.TYPE_STRING, "int64": _FIELD.TYPE_INT64, "bool": _FIELD.TYPE_BOOL}


def message(name: str) -> Any:
    """A new, empty message."""
    return _classes()[f"{_PACKAGE}.{name}"]()


@functools.cache
def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="keras_hadamard/serving.proto",
        package=_PACKAGE,
        syntax="proto3",
        dependency=[tensor_pb2.DESCRIPTOR.name, wrappers_pb2.DESCRIPTOR.name],
    )
    made: dict[str, Any] = {}
    for name, fields in _MESSAGES.items():
        outer, _, inner = name.partition(".")
        if inner:
            made[outer] = file.message_type.add(name=outer)
            entry = made[outer].nested_type.add(name=inner)
            entry.options.map_entry = True
        else:
            entry = made.get(name) or file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            _add(entry, field, number, kind)
    descriptor_pool.Default().Add(file)
    found: dict[str, Any] = message_factory.GetMessageClassesForFiles(
        [file.name], descriptor_pool.Default()
    )
    return found


def _add(entry: Any, field: str, number: int, kind: str) -> None:
    name = kind.removesuffix("*")
    label = _FIELD.LABEL_REPEATED if kind.endswith("*") else _FIELD.LABEL_OPTIONAL
    added = entry.field.add(name=field, number=number, label=label)
    if name in _SCALARS:
        added.type = _SCALARS[name]
    else:
        added.type = _FIELD.TYPE_MESSAGE
        added.type_name = f".{name}" if name in _IMPORTED else f".{_PACKAGE}.{name}"
