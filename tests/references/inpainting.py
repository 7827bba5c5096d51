"""The convolutions of inpainting on the authors' parameters."""

import keras
import tensorflow as tf
from harness.golden import reference

from keras_hadamard.layers import GatedConv2D, PartialConv2D


@reference("partial_conv__multi_bias_dil", "partial_conv__nomask_padding")
def partial_conv(c):
    kernel = tf.transpose(c["pc.weight"], (2, 3, 1, 0))
    layer = PartialConv2D(
        c.config["out_channels"],
        c.config["kernel_size"],
        c.config.get("stride", 1),
        dilation_rate=c.config.get("dilation", 1),
        multi_channel=c.config.get("multi_channel", False),
        return_mask=c.config.get("return_mask", False),
        use_bias=c.config.get("bias", True),
        data_format="channels_first",
    )
    weights = {"convolution/kernel": kernel}
    if layer.use_bias:
        weights["bias"] = c["pc.bias"]
    return layer, weights


@reference("gated_conv__elu_s1", "gated_conv__cnum3_nogate")
def gated_conv(c):
    filters, kernel_size, strides, rate = (c.config[k] for k in ("cnum", "ksize", "stride", "rate"))
    if filters == 3:
        # The authors' output layer, which their function leaves without a gate.
        layer = keras.layers.Conv2D(filters, kernel_size, strides, "same", dilation_rate=rate)
        return layer, {"kernel": c["kernel"], "bias": c["bias"]}
    layer = GatedConv2D(
        filters // 2,
        kernel_size,
        strides,
        c.config["padding"].lower(),
        rate,
        activation=c.config["activation"],
    )
    weights = {}
    for name in ("kernel", "bias"):
        value, gate = tf.split(c[name], 2, -1)
        weights |= {f"value_convolution/{name}": value, f"gate_convolution/{name}": gate}
    return layer, weights
