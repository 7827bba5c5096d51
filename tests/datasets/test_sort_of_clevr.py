"""sort_of_clevr: pictures, answers and encodings against the benchmark's definition."""

import collections
import hashlib
import io
import math

import numpy as np
import pytest
import tensorflow as tf

from keras_hadamard.datasets import _scenes, sort_of_clevr

COLORS = ["red", "green", "blue", "orange", "gray", "yellow"]
RGB = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 156, 0), (128, 128, 128), (255, 255, 0)]


@pytest.fixture(scope="module")
def examples():
    return list(sort_of_clevr.generate("train", 150, 10))


def expected_answer(question, objects):
    """Straight from the definition, in plain Python."""
    bits = [int(bit) for bit in question]
    color, relational, subtype = bits[:6].index(1), bits[7], bits[8:].index(1)
    x, y, shape = objects[color]
    others = [tuple(other) for i, other in enumerate(objects) if i != color]
    if not relational and subtype == 1:
        return "yes" if x < 37.5 else "no"
    if not relational and subtype == 2:
        return "yes" if y < 37.5 else "no"
    if relational and subtype == 2:
        return str(1 + sum(other[2] == shape for other in others))
    if relational:
        pick = min if subtype == 0 else max
        shape = pick(others, key=lambda other: math.dist((x, y), other[:2]))[2]
    return "rectangle" if shape else "circle"


def test_answers(examples):
    seen = set()
    for example in examples:
        objects = example["objects"].tolist()
        assert example["answer"] == expected_answer(example["question"], objects)
        seen.add((tuple(example["question"]), example["answer"]))
    assert len({question for question, _ in seen}) == 36  # 6 colours x 2 kinds x 3 subtypes
    assert {answer for _, answer in seen} == set(_scenes.ANSWERS)


def test_encoding_and_words_say_the_same(examples):
    start = {
        (0, 0): "what is the shape of the {} object",
        (0, 1): "is the {} object on the left",
        (0, 2): "is the {} object on the upper",
        (1, 0): "what is the shape of the object closest to the {} object",
        (1, 1): "what is the shape of the object furthest from the {} object",
        (1, 2): "how many objects have the shape of the {} object",
    }
    for example in examples:
        bits = example["question"]
        assert bits.shape == (11,) and bits.dtype == np.float32
        assert bits[:6].sum() == bits[6:8].sum() == bits[8:].sum() == 1
        relational, subtype = int(bits[7]), int(bits[8:].argmax())
        assert example["relational"] == ("yes" if relational else "no")
        color = COLORS[int(bits[:6].argmax())]
        assert example["question_text"].startswith(start[relational, subtype].format(color))


def test_ten_questions_of_each_kind_a_picture(examples):
    counts = collections.Counter((e["picture"], e["relational"]) for e in examples)
    assert len(counts) == 300 and set(counts.values()) == {10}


def test_scenes():
    rng = np.random.RandomState(3)
    rectangles = 0
    for _ in range(200):
        scene = _scenes.draw_scene(rng)
        assert scene.centers.shape == (6, 2)
        assert scene.centers.min() >= 5 and scene.centers.max() < 70
        for i in range(6):
            for j in range(i):
                assert math.dist(scene.centers[i], scene.centers[j]) >= 10
        rectangles += int(scene.rectangles.sum())
    assert 500 < rectangles < 700


def test_render():
    centers = np.array([[10, 60], [30, 10], [50, 30], [20, 35], [65, 65], [40, 55]])
    shapes = np.array([True, False, True, False, True, False])
    image = _scenes.render(_scenes.Scene(centers, shapes))
    assert image.shape == (75, 75, 3) and image.dtype == np.uint8
    for (x, y), rectangle, rgb in zip(centers, shapes, RGB, strict=True):
        mask = (image == rgb).all(-1)
        rows, columns = np.nonzero(mask)
        # Eleven pixels wide and high around (column x, row y).
        assert (columns.min(), columns.max()) == (x - 5, x + 5)
        assert (rows.min(), rows.max()) == (y - 5, y + 5)
        assert mask[y, x] and mask[y - 5, x - 5] == rectangle
        assert mask.sum() == 121 if rectangle else abs(mask.sum() - math.pi * 5.5**2) < 6
    white = (image == 255).all(-1).sum()
    assert white == 75 * 75 - 3 * 121 - 3 * ((image == RGB[1]).all(-1).sum())


def test_png_decodes_to_the_picture(examples):
    for seed in range(3):
        image = _scenes.render(_scenes.draw_scene(np.random.RandomState(seed)))
        decoded = tf.io.decode_png(_scenes.encode_png(image)).numpy()
        np.testing.assert_array_equal(decoded, image)
    # Each example has a file object of its own: TFDS reads it to its end.
    sizes = {len(e["image"].getvalue()) for e in examples[:20]}
    assert len(sizes) == 1 and all(isinstance(e["image"], io.BytesIO) for e in examples[:20])


def test_no_picture_serves_two_splits():
    seen = [
        {e["image"].getvalue() for e in sort_of_clevr.generate(split, 200, 1)}
        for split in ("train", "validation", "test")
    ]
    assert [len(pictures) for pictures in seen] == [200, 200, 200]
    assert not seen[0] & seen[1] and not seen[0] & seen[2] and not seen[1] & seen[2]


def test_the_public_size():
    full = sort_of_clevr.SortOfClevr.builder_configs["full"]
    assert (full.train, full.test, full.questions) == (9_800, 200, 10)


def test_the_stream_of_version_1_is_pinned():
    digest = hashlib.sha256()
    for example in sort_of_clevr.generate("train", 60, 2):
        image = tf.io.decode_png(example["image"].getvalue()).numpy()
        digest.update(image.tobytes())
        digest.update(example["question"].astype("<f4").tobytes())
        digest.update(example["answer"].encode())
    # Another digest means other data, which a new VERSION has to announce.
    assert digest.hexdigest() == "941a25fd80c26e4287235aa9a5ad6b7b1bed980ffe89a6e00f45480279e1aeae"
