"""Names of the open axes of an ONNX model."""

from collections.abc import Iterator
from typing import Any

BATCH = "batch"


def name_axes(onnx: Any, model: Any) -> Any:
    """Names the first axis of inputs and outputs `batch`, and others by their tensor and place.

    An axis of an output that is one of an input has the name of the latter.
    """
    for value in model.graph.input:
        for axis, dim in _open(value):
            dim.dim_param = BATCH if axis == 0 else f"{value.name}_{axis}"
    for value in model.graph.output:
        for axis, dim in _open(value):
            dim.Clear()
            if axis == 0:
                dim.dim_param = BATCH
    for value in model.graph.value_info:
        for _, dim in _open(value):
            dim.Clear()
    known = {dim.dim_param for value in model.graph.input for _, dim in _open(value)}
    inferred = onnx.shape_inference.infer_shapes(model).graph.output
    for value, found in zip(model.graph.output, inferred, strict=True):
        places = found.type.tensor_type.shape.dim
        for axis, dim in _open(value):
            if axis > 0:
                same = places[axis].dim_param in known
                dim.dim_param = places[axis].dim_param if same else f"{value.name}_{axis}"
    return model


def _open(value: Any) -> Iterator[tuple[int, Any]]:
    """The axes of a tensor that have no size, or a name."""
    for axis, dim in enumerate(value.type.tensor_type.shape.dim):
        if not dim.HasField("dim_value") or dim.dim_value < 0:
            yield axis, dim
