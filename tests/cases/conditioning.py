"""Configurations of the layers that a condition or a map modulates."""

from harness.layer_cases import IMAGE, SEQUENCE, VECTOR, LayerCase

from keras_hadamard.layers import SPADE, ConditionalBatchNormalization, FiLMResidualBlock2D

CONDITION, MAPS = (7,), (4, 3, 2)
WRONG = ((), (7,))
FIRST = {"data_format": "channels_first"}


def _block(*more: tuple[int, ...], **kwargs: object) -> LayerCase:
    shapes = (IMAGE, *(more or (CONDITION,)))
    return LayerCase(
        FiLMResidualBlock2D, shapes, {"filters": 4, **kwargs}, wrong_ranks=WRONG, empty=False
    )


def _normalization(*shapes: tuple[int, ...], **kwargs: object) -> LayerCase:
    return LayerCase(ConditionalBatchNormalization, shapes, kwargs, wrong_ranks=WRONG)


def _spade(shape: tuple[int, ...], **kwargs: object) -> LayerCase:
    return LayerCase(
        SPADE, (IMAGE, shape), {"hidden_units": 6, **kwargs}, wrong_ranks=WRONG, empty=False
    )


CASES = {
    "FiLMResidualBlock2D": _block(),
    "FiLMResidualBlock2D-input": _block(film_position="input", input_kernel_size=3),
    "FiLMResidualBlock2D-convolution": _block(
        film_position="convolution", use_batch_normalization=False, gamma_offset=0.0
    ),
    "FiLMResidualBlock2D-relu": _block((4, 3, 7), film_position="relu", kernel_size=1),
    "FiLMResidualBlock2D-output": _block((7,), (2, 3, 5), film_position="output", **FIRST),
    "FiLMResidualBlock2D-maps": _block(CONDITION, MAPS),
    "ConditionalBatchNormalization": _normalization(VECTOR, CONDITION),
    "ConditionalBatchNormalization-hidden": _normalization(
        IMAGE, CONDITION, hidden_units=3, momentum=0.5, epsilon=1e-3, **FIRST
    ),
    "ConditionalBatchNormalization-positions": _normalization(SEQUENCE, (6, 7)),
    "SPADE": _spade((3, 2, 7)),
    "SPADE-batch": _spade((4, 3, 2), normalization="batch", kernel_size=1),
    "SPADE-vector": _spade((7,)),
    "SPADE-first": _spade((7, 3, 2), **FIRST),
}
