"""Builders and `load_arrays` through TFDS, all without a network."""

import hashlib
import pathlib
import socket
import sys
import time

import numpy as np
import pytest
import tensorflow_datasets as tfds

import keras_hadamard.datasets as datasets
from keras_hadamard.datasets import _network, _tfds


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a data set asked for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(tfds.core.utils.gcs_utils, "exists", refuse)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("tfds")


def test_available_and_registered():
    assert datasets.available() == ["digits_vqa", "sort_of_clevr"]
    assert set(datasets.available()) <= set(tfds.list_builders(with_community_datasets=False))
    for name, cls in zip(datasets.available(), ["DigitsVQA", "SortOfClevr"], strict=True):
        assert tfds.builder_cls(name) is getattr(datasets, cls)
        assert cls in dir(datasets)
    with pytest.raises(AttributeError, match="no attribute 'Clevr'"):
        _ = datasets.Clevr


@pytest.mark.parametrize("name", ["digits_vqa/tiny", "sort_of_clevr/tiny"])
def test_prepared_twice_the_same_bytes(tmp_path, name):
    digests = []
    for run in ("one", "two"):
        built = datasets.builder(name, tmp_path / run)
        files = sorted(built.data_path.glob("*.tfrecord*")) + [built.data_path / "features.json"]
        assert len(files) == 4
        digests.append([hashlib.sha256(file.read_bytes()).hexdigest() for file in files])
    assert digests[0] == digests[1] and len(set(digests[0])) == 4


def test_prepared_once(data_dir):
    first = datasets.builder("sort_of_clevr/tiny", data_dir)
    folder = pathlib.Path(first.data_path)
    written = {file: file.stat().st_mtime_ns for file in folder.iterdir()}
    again = datasets.builder("sort_of_clevr/tiny", data_dir)
    assert again.data_path == first.data_path
    assert {file: file.stat().st_mtime_ns for file in folder.iterdir()} == written


def test_tfds_load_by_name(data_dir):
    for name, size in [("digits_vqa/tiny", 120), ("sort_of_clevr/tiny", 120)]:
        rows = list(tfds.as_numpy(tfds.load(name, split="test", data_dir=str(data_dir))))
        mine = list(tfds.as_numpy(datasets.load(name, "test", data_dir)))
        assert len(rows) == len(mine) == size
        np.testing.assert_array_equal(rows[5]["image"], mine[5]["image"])


def test_progress_shows_on_stderr_alone(tmp_path, capsys):
    datasets.builder("sort_of_clevr/tiny", tmp_path)
    shown = capsys.readouterr()
    assert shown.out == "" and "Generating splits" in shown.err


def test_another_process_prepared_it_first(tmp_path, monkeypatch):
    cls = datasets.SortOfClevr
    prepare = cls.download_and_prepare

    def late(self, **options):
        prepare(self, **options)
        raise OSError("Directory not empty")

    monkeypatch.setattr(cls, "download_and_prepare", late)
    assert datasets.builder("sort_of_clevr/tiny", tmp_path).is_prepared()


def test_digits_vqa_as_arrays(data_dir):
    data = datasets.load_arrays("digits_vqa/tiny", data_dir=data_dir)
    assert data.name == "digits_vqa" and len(data.classes) == 24
    assert data.inputs == {
        "image": datasets.InputSpec("image", (12, 32, 1)),
        "question": datasets.InputSpec("tokens", (11,), len(datasets.VOCABULARY)),
    }
    assert [len(s) for s in (data.train, data.validation, data.test)] == [240, 120, 120]
    stored = list(tfds.as_numpy(datasets.load("digits_vqa/tiny", "train", data_dir)))
    for i in (0, 100, 239):
        assert data.train.targets[i] == stored[i]["answer"]
        np.testing.assert_array_equal(
            data.train.inputs["question"][i], stored[i]["question_tokens"]
        )
        np.testing.assert_array_equal(
            np.round(data.train.inputs["image"][i] * 255), stored[i]["image"]
        )


def test_sort_of_clevr_as_arrays(data_dir):
    data = datasets.load_arrays("sort_of_clevr/tiny", data_dir=data_dir, limit=50)
    assert data.inputs == {
        "image": datasets.InputSpec("image", (75, 75, 3)),
        "question": datasets.InputSpec("vector", (11,), normalized=True),
    }
    assert data.classes[:4] == ("yes", "no", "rectangle", "circle")
    assert [len(s) for s in (data.train, data.validation, data.test)] == [50, 50, 50]


with tfds.core.registered.skip_registration():

    class Reviews(tfds.core.GeneratorBasedBuilder):
        """A data set of someone else: a text, a picture, numbers, and hidden test labels."""

        VERSION = tfds.core.Version("1.0.0")
        WORDS = ("bad", "good", "Fine!")

        def _info(self):
            return tfds.core.DatasetInfo(
                builder=self,
                features=tfds.features.FeaturesDict(
                    {
                        "review": tfds.features.Text(),
                        "photo": tfds.features.Image(shape=(4, 4, 3)),
                        "stars": np.float32,
                        "scores": tfds.features.Tensor(shape=(2, 2), dtype=np.int64),
                        "label": tfds.features.ClassLabel(names=["neg", "pos"]),
                        "tags": tfds.features.Sequence(np.int64),
                    }
                ),
            )

        def _split_generators(self, dl_manager):
            return {
                "train": self._generate_examples(40, True),
                "test": self._generate_examples(10, False),
            }

        def _generate_examples(self, count, labelled):
            for i in range(count):
                yield (
                    i,
                    {
                        "review": f"{self.WORDS[i % 2]} film {'so ' * (i % 3)}number{i}",
                        "photo": np.full((4, 4, 3), i, "uint8"),
                        "stars": np.float32(i),
                        "scores": np.full((2, 2), i),
                        "label": i % 2 if labelled else -1,
                        "tags": [1] * i,
                    },
                )

    class Pair(Reviews):
        """Two class labels, so that no target can be guessed."""

        def _info(self):
            label = tfds.features.ClassLabel(num_classes=2)
            features = tfds.features.FeaturesDict({"a": label, "b": label})
            return tfds.core.DatasetInfo(builder=self, features=features)

        def _generate_examples(self, count, labelled):
            yield from ((i, {"a": i % 2, "b": i % 2}) for i in range(count))

    class Uneven(Reviews):
        """Pictures of no fixed size."""

        def _info(self):
            types = tfds.features
            features = types.FeaturesDict(
                {"photo": types.Image(), "label": types.ClassLabel(num_classes=2)}
            )
            return tfds.core.DatasetInfo(
                builder=self, features=features, supervised_keys=("photo", "label")
            )

        def _generate_examples(self, count, labelled):
            for i in range(1, count):
                yield i, {"photo": np.zeros((i, 2, 3), "uint8"), "label": i % 2}


def test_any_prepared_data_set(tmp_path):
    Reviews(data_dir=tmp_path).download_and_prepare()
    data = datasets.load_arrays("reviews", data_dir=tmp_path)
    assert data.classes == ("neg", "pos")
    assert {key: spec.kind for key, spec in data.inputs.items()} == {
        "photo": "image",
        "review": "tokens",
        "scores": "vector",
        "stars": "vector",
    }
    assert data.inputs["scores"].shape == (4,) and data.inputs["stars"].shape == (1,)
    # The test labels are all hidden, so both splits come out of train.
    assert [len(s) for s in (data.train, data.validation, data.test)] == [28, 6, 6]
    splits = (data.train, data.validation, data.test)
    rows = [np.rint(s.inputs["photo"][:, 0, 0, 0] * 255) for s in splits]
    assert sorted(np.concatenate(rows)) == list(range(40))
    for split, number in zip(splits, rows, strict=True):
        standard = (number - rows[0].mean()) / rows[0].std()
        np.testing.assert_allclose(split.inputs["stars"][:, 0], standard, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(split.targets, number % 2)
        np.testing.assert_allclose(split.inputs["photo"][:, 0, 0, 0], number / 255, rtol=1e-6)
        np.testing.assert_allclose(split.inputs["scores"][:, 3], standard, rtol=1e-5, atol=1e-6)
    words = data.train.inputs["review"]
    assert words.max() < data.inputs["review"].vocabulary_size == 2 + 4 + 28
    # "film" is in every text, so it is the most frequent word and the second of each.
    assert (words[:, 1] == 2).all() and words.min() == 0
    # A number seen in no training text is unknown.
    last = [row[row > 0][-1] for row in data.test.inputs["review"]]
    assert set(last) == {1}
    limited = datasets.load_arrays("reviews", data_dir=tmp_path, limit=8)
    assert len(limited.train) == 8 and len(limited.test) <= 8


def test_data_sets_that_do_not_fit(tmp_path):
    for builder, message in [
        (Pair, "exactly one ClassLabel"),
        (Uneven, "`photo` with the same shape"),
    ]:
        builder(data_dir=tmp_path).download_and_prepare()
        with pytest.raises(ValueError, match=message):
            datasets.load_arrays(builder.name, data_dir=tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mnits", r"nearest: .*mnist.*Received: name='mnits'"),
        ("digit_vqa", r"nearest: digits_vqa"),
        ("xqzj", r"one of \['digits_vqa', 'sort_of_clevr'\], a TFDS name, .*name='xqzj'"),
        ("huggingface:foo/bar", r"a TFDS name"),
        ("some folder/that is not", r"a TFDS name"),
        ("digits_vqa/huge", r"configuration and version that exist.*digits_vqa/huge"),
        ("digits_vqa:9.9.9", r"configuration and version that exist.*9\.9\.9"),
    ],
)
def test_unknown_names_fail_at_once(tmp_path, name, message):
    start = time.monotonic()
    with pytest.raises(ValueError, match=message) as caught:
        datasets.load_arrays(name, data_dir=tmp_path)
    assert time.monotonic() - start < 5
    assert "\n" not in str(caught.value)


def test_a_download_that_fails_is_one_line(tmp_path, monkeypatch):
    def fail(self, **options):
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(tfds.builder_cls("mnist"), "download_and_prepare", fail)
    monkeypatch.setattr(_tfds, "check_reachable", lambda name: None)
    with pytest.raises(ValueError, match=r"TFDS can prepare.*'mnist'.*no route to host") as caught:
        datasets.load_arrays("mnist", data_dir=tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("hangs", [False, True])
def test_without_a_network_nothing_is_tried(tmp_path, monkeypatch, hangs):
    def no_host(*args, **kwargs):
        if hangs:
            time.sleep(30)
        raise OSError("no such host")

    monkeypatch.setattr(socket, "getaddrinfo", no_host)
    monkeypatch.setattr(tfds.builder_cls("mnist"), "download_and_prepare", None)
    start = time.monotonic()
    with pytest.raises(ValueError, match=r"prepared already.*name='mnist', unreachable='"):
        datasets.load_arrays("mnist", data_dir=tmp_path)
    assert time.monotonic() - start < 6


def test_a_proxy_is_the_way_out(monkeypatch):
    def refuse(place, timeout):
        raise OSError("refused")

    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(ValueError, match=r"unreachable='proxy\.example:3128'"):
        _network.check_reachable("mnist")
    monkeypatch.setattr(socket, "create_connection", lambda *args, **options: socket.socket())
    _network.check_reachable("mnist")


def test_missing_packages_name_the_extra(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "sklearn.datasets", None)
        with pytest.raises(
            ImportError, match=r"scikit-learn: pip install \"keras-hadamard\[search"
        ):
            datasets.builder("digits_vqa/tiny", tmp_path)
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(
        ImportError, match=r"tensorflow-datasets: pip install \"keras-hadamard\[sea"
    ):
        datasets.load_arrays("digits_vqa", data_dir=tmp_path)
    monkeypatch.delitem(sys.modules, "keras_hadamard.datasets.digits_vqa")
    with pytest.raises(ImportError, match=r"tensorflow-datasets: pip install"):
        _ = datasets.DigitsVQA


def test_a_folder_does_not_hide_our_names(tmp_path, monkeypatch, data_dir):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sort_of_clevr" / "tiny").mkdir(parents=True)
    assert datasets.load_arrays("sort_of_clevr/tiny", data_dir=data_dir).name == "sort_of_clevr"
    assert set(_tfds.OURS) == set(datasets.available())
