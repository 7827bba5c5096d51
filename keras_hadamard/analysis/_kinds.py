"""What is known of operations: which are linear, which are products, and what to use in place."""

# Linear in all floating operands together; where the coefficients are not negative, the second
# member of the pair is True, and bounds follow from it.
LINEAR = {
    "Identity": True,
    "EnsureShape": True,
    "Snapshot": True,
    "Cast": True,
    "Reshape": True,
    "Squeeze": True,
    "ExpandDims": True,
    "Transpose": True,
    "Sum": True,
    "Mean": True,
    "Cumsum": True,
    "AddV2": True,
    "Add": True,
    "AddN": True,
    "BiasAdd": True,
    "ConcatV2": True,
    "Pack": True,
    "Unpack": True,
    "Split": True,
    "SplitV": True,
    "Slice": True,
    "StridedSlice": True,
    "GatherV2": True,
    "GatherNd": True,
    "ScatterNd": True,
    "TensorScatterAdd": True,
    "TensorScatterUpdate": True,
    "UnsortedSegmentSum": True,
    "SegmentSum": True,
    "SegmentMean": True,
    "Pad": True,
    "PadV2": True,
    "MirrorPad": True,
    "AvgPool": True,
    "AvgPool3D": True,
    "Tile": True,
    "Fill": True,
    "BroadcastTo": True,
    "ReverseV2": True,
    "ReverseSequence": True,
    "Roll": True,
    "SelectV2": True,
    "Select": True,
    "SpaceToDepth": True,
    "DepthToSpace": True,
    "SpaceToBatchND": True,
    "BatchToSpaceND": True,
    "ResizeBilinear": True,
    "ResizeNearestNeighbor": True,
    "MatrixDiagV3": True,
    "MatrixDiagPartV3": True,
    "MatrixBandPart": True,
    "Sub": False,
    "Neg": False,
    "ResizeBicubic": False,
    "FFT": False,
    "IFFT": False,
    "RFFT": False,
    "IRFFT": False,
    "FFT2D": False,
    "IFFT2D": False,
    "RFFT2D": False,
    "IRFFT2D": False,
    "Complex": False,
    "Real": False,
    "Imag": False,
    "Conj": False,
}

# Linear in each of the first two operands.
PRODUCTS = {
    "Mul",
    "MatMul",
    "BatchMatMul",
    "BatchMatMulV2",
    "BatchMatMulV3",
    "Einsum",
    "Conv2D",
    "Conv3D",
    "DepthwiseConv2dNative",
}

# They read a shape, not numbers.
SHAPES = {"Shape", "ShapeN", "Size", "Rank", "ZerosLike", "OnesLike"}

# They run a function or a loop of their own, which is not looked into.
CALLS = {
    "While",
    "StatelessWhile",
    "If",
    "StatelessIf",
    "Case",
    "StatelessCase",
    "PartitionedCall",
    "StatefulPartitionedCall",
    "XlaLaunch",
}

# The last operation of a classifier, behind which the logits are.
HEADS = {"Softmax", "LogSoftmax", "Sigmoid"}

_ACTIVATION = "an activation: pass `activation=None`"
HINTS = {
    "Rsqrt": "a normalisation by the data: pass `normalization='batch'` or `normalize=False`",
    "Sqrt": "a root of the data: leave the normalisation out",
    "MaxPool": "pass average pooling in place of maximum pooling",
    "Max": "a maximum: pass average pooling, or take the logits in place of a softmax",
    "Maximum": _ACTIVATION,
    "Minimum": _ACTIVATION,
    "Softmax": "take the scores before the softmax",
    "LogSoftmax": "take the scores before the softmax",
    "Sigmoid": "take the scores before the sigmoid, or pass `activation=None`",
    "Exp": "a softmax or an activation: pass `activation=None`, or take the scores before it",
    "Abs": "an absolute value: leave out the signed root, or the norm",
    "Sign": "a sign: leave out the signed root",
    "Round": "a quantised layer: dequantise the model",
    "RealDiv": "a division by the data: leave the normalisation out",
    "While": "a loop: take the model of one step, or the layer's parallel form",
    "StatelessWhile": "a loop: take the model of one step, or the layer's parallel form",
    "TensorListFromTensor": "a loop: take the model of one step, or the layer's parallel form",
    "If": "a choice made by the data: leave it out",
    "StatelessIf": "a choice made by the data: leave it out",
    "NotEqual": "a mask made of the data: leave out the Masking layer",
    "SelectV2": "a choice made by the data: leave out the mask or the activation",
    "Select": "a choice made by the data: leave out the mask or the activation",
    "Input": "an input of integers: take the model behind the embedding",
    "PartitionedCall": "a compiled function: call the model without it",
    "StatefulPartitionedCall": "a compiled function: call the model without it",
}


def hint(op: str) -> str:
    """What to do about an operation that is no polynomial."""
    return HINTS.get(op, _ACTIVATION)
