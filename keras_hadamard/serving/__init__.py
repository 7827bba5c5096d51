"""Models on a stock TF Serving: written where it looks for them, and checked as it runs them."""

from keras_hadamard.serving.artifact import Artifact
from keras_hadamard.serving.check import check
from keras_hadamard.serving.export import export
from keras_hadamard.serving.export_litert import export_litert
from keras_hadamard.serving.export_onnx import export_onnx
from keras_hadamard.serving.multiply_accumulates import multiply_accumulates
from keras_hadamard.serving.options import ExportOptions
from keras_hadamard.serving.preprocessing_of import preprocessing_of
from keras_hadamard.serving.report import CheckItem, CheckReport

__all__ = [
    "Artifact",
    "CheckItem",
    "CheckReport",
    "ExportOptions",
    "check",
    "export",
    "export_litert",
    "export_onnx",
    "multiply_accumulates",
    "preprocessing_of",
]


def __dir__() -> list[str]:
    return sorted(__all__)
