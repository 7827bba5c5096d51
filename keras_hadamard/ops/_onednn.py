"""Whether TensorFlow computes with oneDNN, of which it says nothing in public."""

from tensorflow.python.util import _pywrap_util_port

# Read when TensorFlow is imported. Without it, processors without AVX-512 go without oneDNN.
SWITCH = "TF_ENABLE_ONEDNN_OPTS"


def onednn_is_on() -> bool:
    """Whether the kernels of this process for a CPU are oneDNN's, where there are such."""
    return bool(_pywrap_util_port.IsMklEnabled())
