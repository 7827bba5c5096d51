"""Whether TensorFlow computes with oneDNN, for which it has no public API."""

from tensorflow.python.util import _pywrap_util_port

# Read when TensorFlow is imported. By default, processors without AVX-512 do not use oneDNN.
SWITCH = "TF_ENABLE_ONEDNN_OPTS"


def onednn_is_on() -> bool:
    """Whether this process uses oneDNN's kernels on a CPU, where they exist."""
    return bool(_pywrap_util_port.IsMklEnabled())
