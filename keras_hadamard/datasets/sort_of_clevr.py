"""Sort-of-CLEVR: relational and non-relational questions about six coloured shapes."""

import dataclasses
import io
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from keras_hadamard._core.extras import missing
from keras_hadamard.datasets import _scenes as scenes

try:
    import tensorflow_datasets as tfds
except ImportError as error:
    raise missing("tensorflow-datasets", error, "keras_hadamard.datasets") from error

SPLITS = ("train", "validation", "test")

_DESCRIPTION = """
Sort-of-CLEVR: 75x75 pictures of six shapes, each of another colour, each a rectangle or a circle,
with questions that concern one object and questions that relate several.

Non-relational: the shape of an object; is it on the left; is it in the upper half. Relational: the
shape of the object closest to it; the shape of the object furthest from it; how many objects have
its shape, itself included. Ten answers: yes, no, rectangle, circle, 1 to 6.

A question is eleven bits: the colour (red, green, blue, orange, gray, yellow), then non-relational
or relational, then the subtype in the order above. Colour and subtype are drawn uniformly.

Every picture is drawn here from the benchmark's definition; no picture is in two splits. The words
alone answer about half of the questions, as all but the counts have two answers.
"""

_CITATION = """
@inproceedings{santoro2017simple,
  title={A simple neural network module for relational reasoning},
  author={Santoro, Adam and Raposo, David and Barrett, David G. T. and Malinowski, Mateusz and
          Pascanu, Razvan and Battaglia, Peter and Lillicrap, Timothy},
  booktitle={Advances in Neural Information Processing Systems},
  year={2017}
}
"""


@dataclasses.dataclass(kw_only=True, eq=False)
class SortOfClevrConfig(tfds.core.BuilderConfig):
    """The number of pictures of each split, and of questions of each kind per picture.

    Args:
        train: Positive integer. Defaults to `3000`.
        validation: Positive integer. Defaults to `500`.
        test: Positive integer. Defaults to `500`.
        questions: Positive integer, of each of the two kinds. Defaults to `2`.
    """

    train: int = 3_000
    validation: int = 500
    test: int = 500
    questions: int = 2


class SortOfClevr(tfds.core.GeneratorBasedBuilder):
    """TFDS builder of `sort_of_clevr`, drawn from the benchmark's definition.

    An example is one question about one picture. Features: `image` (75, 75, 3) uint8; `question`,
    eleven floats (six colour bits, non-relational and relational, three subtype bits);
    `question_text`, the same in words; `relational`, `"no"` or `"yes"`; `answer`, one of ten; and
    `objects`, for each colour the centre's x and y and 1 for a rectangle; `picture`, its number.

    Configurations: `default` has 3,000 / 500 / 500 pictures with 2 + 2 questions each, so 12,000 /
    2,000 / 2,000 examples: more pictures teach more than more questions about the same one. `full`
    has the public benchmark's 9,800 training and 200 test pictures with 10 + 10 questions each, and
    200 further pictures to validate on; as floats in memory its train split takes 13 GB, so read it
    through `tf.data`, or with a `limit`. `tiny` has a few to try things out. A configuration and
    version always give the same bytes.

    Args:
        data_dir: String or path. Where TFDS keeps prepared data. Defaults to `None`, TFDS's own.
        config: String. `"default"`, `"full"` or `"tiny"`. Defaults to `None`, which is `"default"`.
        **kwargs: Further arguments of `tfds.core.GeneratorBasedBuilder`.

    Example:

    >>> import keras_hadamard
    >>> sorted(keras_hadamard.datasets.SortOfClevr.builder_configs)
    ['default', 'full', 'tiny']

    Reference:
        Santoro et al., "A simple neural network module for relational reasoning", 2017,
        https://arxiv.org/abs/1706.01427
    """

    name = "sort_of_clevr"
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "First release."}
    BUILDER_CONFIGS: ClassVar[list[tfds.core.BuilderConfig]] = [
        SortOfClevrConfig(name="default", description="More pictures, fewer questions each."),
        SortOfClevrConfig(
            name="full",
            description="The size of the public benchmark.",
            train=9_800,
            validation=200,
            test=200,
            questions=10,
        ),
        SortOfClevrConfig(name="tiny", description="For a try.", train=60, validation=30, test=30),
    ]

    def _info(self) -> Any:
        features = tfds.features
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            features=features.FeaturesDict(
                {
                    "image": features.Image(
                        shape=(scenes.SIZE, scenes.SIZE, 3), encoding_format="png"
                    ),
                    "question": features.Tensor(shape=(scenes.QUESTION_SIZE,), dtype=np.float32),
                    "question_text": features.Text(),
                    "relational": features.ClassLabel(names=("no", "yes")),
                    "answer": features.ClassLabel(names=scenes.ANSWERS),
                    "objects": features.Tensor(shape=(len(scenes.NAMES), 3), dtype=np.int32),
                    "picture": np.int32,
                }
            ),
            homepage="https://github.com/kimhc6028/relational-networks",
            citation=_CITATION,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        del dl_manager  # nothing to download
        return {split: self._generate_examples(split) for split in SPLITS}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
        config = self.builder_config
        yield from enumerate(generate(split, getattr(config, split), config.questions))


def generate(split: str, pictures: int, questions: int) -> Iterator[dict[str, Any]]:
    """The examples of a split, as `SortOfClevr` stores them; the picture comes as a PNG file."""
    # RandomState and not a Generator: numpy promises that its stream never changes, which is what
    # "the same bytes" rests on.
    rng = np.random.RandomState(1 + SPLITS.index(split))
    for picture in range(pictures):
        scene = scenes.draw_scene(rng)
        png = scenes.encode_png(scenes.render(scene))
        objects = np.column_stack([scene.centers, scene.rectangles]).astype("int32")
        for relational in [False] * questions + [True] * questions:
            color, subtype = rng.randint(len(scenes.NAMES)), rng.randint(3)
            wording = scenes.WORDINGS[relational, subtype]
            yield {
                "image": io.BytesIO(png),
                "question": scenes.encode(color, relational, subtype),
                "question_text": wording.format(scenes.NAMES[color]),
                "relational": "yes" if relational else "no",
                "answer": scenes.answer(scene, color, relational, subtype),
                "objects": objects,
                "picture": picture,
            }
