"""Questions in words about images: an encoder for each, a fusion by name, a classifier."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from keras_hadamard._core.checks import fraction, positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers import MinGRU, get_fusion
from keras_hadamard.models._published import PublishedModel, float_policy, image_shape, model_input
from keras_hadamard.models._region_positions import RegionPositions


@serializable
class VisualQuestionAnswering(PublishedModel):
    """Classifier of the answer to a question in words about an image.

    Convolutions encode the image, an embedding and `MinGRU` the question, a fusion joins them, and
    a hidden layer and a classifier follow. Only `fusion` changes when methods are compared;
    `max_fusion_parameters` gives them equal sizes too. The structure is that of the papers on
    fusions, with small encoders that are trained with the rest; no checkpoints were published.

    The inputs are a dict: `"image"`, `(batch, height, width, channels)` of any scale, as a
    normalisation follows the first convolution; and `"question"`, `(batch, steps)` of word numbers,
    0 after the end.

    Args:
        input_shape: Shape of the image, `(height, width, channels)`. Sides may be `None` with
            `regions`.
        vocabulary_size: Integer, the number of words, the 0 of the padding included.
        classes: Integer, the number of answers, or `None` for the fused vector as the output.
        fusion: String, the name of a fusion, see `keras_hadamard.layers.get_fusion`; those of
            `register_fusion` have to be registered again before a saved model is loaded. Defaults
            to `"mlb"`.
        fusion_arguments: Dict of arguments of the fusion. Defaults to `None`, its own defaults.
        max_fusion_parameters: Integer: the fusion is as wide as this limit allows. Defaults to
            `None`: its arguments set the width.
        units: Integer, the width of the fused vector, of the encoded image and question and of the
            hidden layer. Defaults to `128`.
        filters: Sequence of integers, the channels of the convolutions, each of which halves the
            sides. Defaults to `(24, 32, 48, 64)`.
        embedding_dim: Integer, the width of the embedded words. Defaults to `64`.
        regions: Boolean, whether the question is fused with each region of the image and its row
            and column, and the fused regions are averaged, instead of a fusion with one vector of
            the whole image. Defaults to `False`.
        dropout: Float in [0, 1), dropout of the hidden layer. Defaults to `0.0`.
        classifier_activation: Name or function of the output's activation, `None` for logits.
            Defaults to `"softmax"`.
        weights: Path of a weights file to load. Defaults to `None`.
        name: String, the name of the model. Defaults to `"visual_question_answering"`.

    Raises:
        ValueError: If an argument is out of range, there is no such fusion, or none that small.

    Example:

    >>> model = keras_hadamard.models.VisualQuestionAnswering(
    ...     (12, 32, 1), vocabulary_size=60, classes=24, fusion="mfb", max_fusion_parameters=50_000
    ... )
    >>> image, question = keras.ops.zeros((2, 12, 32, 1)), keras.ops.ones((2, 7), "int32")
    >>> model({"image": image, "question": question}).shape
    TensorShape([2, 24])

    Reference:
        - [VQA: Visual Question Answering (Antol et al., 2015)](https://arxiv.org/abs/1505.00468)
        - [BLOCK: Bilinear Superdiagonal Fusion for Visual Question Answering (Ben-younes et al.,
          2019)](https://arxiv.org/abs/1902.00038)
    """

    def __init__(
        self,
        input_shape: Shape,
        vocabulary_size: int,
        classes: int | None,
        fusion: str = "mlb",
        fusion_arguments: Mapping[str, Any] | None = None,
        max_fusion_parameters: int | None = None,
        units: int = 128,
        filters: Sequence[int] = (24, 32, 48, 64),
        embedding_dim: int = 64,
        regions: bool = False,
        dropout: float = 0.0,
        classifier_activation: Activation = "softmax",
        weights: str | Path | None = None,
        name: str | None = "visual_question_answering",
    ) -> None:
        input_shape = image_shape(input_shape)
        if not regions and None in input_shape:
            raise received("sides that are known, unless `regions`", input_shape=input_shape)
        if not isinstance(filters, list | tuple) or not filters:
            raise received("`filters` to be a sequence of integers", filters=filters)
        filters = tuple(positive_int("filters", f) for f in filters)
        vocabulary_size = positive_int("vocabulary_size", vocabulary_size)
        units = positive_int("units", units)
        dropout = fraction("dropout", dropout)
        classifier_activation = get_activation(classifier_activation)

        image = model_input(input_shape, "image")
        question = keras.Input((None,), dtype="int32", name="question")
        encoded = [
            _see(image, filters, None if regions else units),
            _read(question, vocabulary_size, positive_int("embedding_dim", embedding_dim), units),
        ]
        joined = get_fusion(
            fusion,
            units,
            input_shape=[x.shape for x in encoded],
            max_parameters=max_fusion_parameters,
            name="fusion",
            **(fusion_arguments or {}),
        )(encoded)
        if len(joined.shape) == 3:
            joined = keras.layers.GlobalAveragePooling1D(name="mean_of_regions")(joined)
        y = joined
        if classes is not None:
            # A fusion may end in a product or a projection, so an activation follows it.
            y = keras.layers.Dense(units, activation="relu", name="hidden")(y)
            y = keras.layers.Dropout(dropout, name="dropout")(y) if dropout else y
            # Scores are float32 under every policy, so that clients of a server can read them.
            y = keras.layers.Dense(
                positive_int("classes", classes),
                activation=get_activation(classifier_activation),
                dtype=float_policy(),
                name="predictions",
            )(y)
        super().__init__(
            {"image": image, "question": question},
            y,
            arguments={
                "input_shape": input_shape,
                "vocabulary_size": vocabulary_size,
                "classes": classes,
                "fusion": fusion,
                "fusion_arguments": dict(fusion_arguments or {}),
                "max_fusion_parameters": max_fusion_parameters,
                "units": units,
                "filters": filters,
                "embedding_dim": embedding_dim,
                "regions": bool(regions),
                "dropout": dropout,
                "classifier_activation": serialize_activation(classifier_activation),
            },
            weights=weights,
            name=name,
        )


def _see(x: Tensor, filters: Sequence[int], units: int | None) -> Tensor:
    """The image as a vector of `units`, or its regions `(batch, regions, channels + 2)`."""
    for n, channels in enumerate(filters):
        x = keras.layers.Conv2D(
            channels, 3, strides=2, padding="same", use_bias=False, name=f"convolution_{n}"
        )(x)
        x = keras.layers.BatchNormalization(name=f"normalization_{n}")(x)
        x = keras.layers.ReLU(name=f"relu_{n}")(x)
    if units is None:
        return RegionPositions(name="regions")(x)
    x = keras.layers.Dense(units, use_bias=False, name="summary")(keras.layers.Flatten()(x))
    # Normalised and with both signs: products do not vanish as they would after ReLUs.
    return keras.layers.BatchNormalization(name="picture")(x)


def _read(x: Tensor, vocabulary_size: int, embedding_dim: int, units: int) -> Tensor:
    x = keras.layers.Embedding(vocabulary_size, embedding_dim, mask_zero=True, name="words")(x)
    return MinGRU(units, name="question_encoder")(x)
