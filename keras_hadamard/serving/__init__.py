"""Models on a stock TF Serving: written where it looks for them, and checked as it runs them."""

from keras_hadamard.serving.check import check as check
from keras_hadamard.serving.export import export as export
from keras_hadamard.serving.report import CheckItem as CheckItem
from keras_hadamard.serving.report import CheckReport as CheckReport
