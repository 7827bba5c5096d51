"""Models on a stock TF Serving: written where it looks for them, and checked as it runs them."""

from keras_hadamard.serving.artifact import Artifact as Artifact
from keras_hadamard.serving.check import check as check
from keras_hadamard.serving.export import export as export
from keras_hadamard.serving.export_litert import export_litert as export_litert
from keras_hadamard.serving.export_onnx import export_onnx as export_onnx
from keras_hadamard.serving.multiply_accumulates import (
    multiply_accumulates as multiply_accumulates,
)
from keras_hadamard.serving.options import ExportOptions as ExportOptions
from keras_hadamard.serving.preprocessing_of import preprocessing_of as preprocessing_of
from keras_hadamard.serving.report import CheckItem as CheckItem
from keras_hadamard.serving.report import CheckReport as CheckReport
