"""Eight bits: what is refused, what is held out, and which ops stay in floats."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_hadamard import layers, serving
from keras_hadamard.serving._litert_int8 import fewest_in_floats
from keras_hadamard.serving._litert_ops import Op, in_floats, ops_of
from keras_hadamard.serving._litert_trials import Trials


def answers(path, examples):
    """By TensorFlow's own interpreter, one row at a time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = tf.lite.Interpreter(str(path)).get_signature_runner("serving_default")
    (name,) = examples
    rows = [run(**{name: x[None]}) for x in examples[name]]
    return np.concatenate([next(iter(row.values())) for row in rows])


def classifier():
    inputs = keras.Input((8, 8, 1), name="pixels")
    x = keras.layers.Flatten()(inputs)
    x = layers.GatedDense(16)(x)
    return keras.Model(inputs, keras.layers.Dense(4, "softmax", name="y")(x))


def pixels(count=100, seed=0):
    """Pictures whose class is the bright quarter."""
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 100, (count, 8, 8, 1)).astype("uint8")
    classes = generator.integers(0, 4, count)
    for image, c in zip(images, classes, strict=True):
        image[4 * (c // 2) : 4 * (c // 2) + 4, 4 * (c % 2) : 4 * (c % 2) + 4] += 100
    return images, classes


@pytest.fixture(scope="module")
def trained():
    keras.utils.set_random_seed(0)
    model = classifier()
    images, classes = pixels(400)
    model.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy")
    model.fit(images / 255, classes, epochs=8, verbose=0)
    return model


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_unsigned_integers_for_a_float_input_are_refused(trained, tmp_path, precision, kind):
    images, _ = pixels()
    with pytest.raises(ValueError, match=r"`examples\['pixels'\]` as the floats .*255") as error:
        serving.export_litert(
            trained, tmp_path / "m.tflite", precision, examples={"pixels": images.astype(kind)}
        )
    assert f"dtype='{kind}', largest=1" in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_unsigned_integers_for_an_integer_input_are_taken(tmp_path):
    inputs = keras.Input((5,), dtype="int32", name="tokens")
    x = keras.layers.Flatten()(keras.layers.Embedding(9, 3)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2)(x))
    tokens = np.random.default_rng(0).integers(0, 9, (60, 5)).astype("uint8")
    made = serving.export_litert(model, tmp_path / "m.tflite", "int8", examples={"tokens": tokens})
    assert made.ok, str(made)


def test_accuracy_is_of_rows_that_were_held_out(trained, tmp_path):
    images, classes = pixels(100, seed=1)
    x = images.astype("float32") / 255
    path = tmp_path / "m.tflite"
    made = serving.export_litert(trained, path, "int8", examples={"pixels": x}, targets=classes)
    assert made.rows == 20 and made.held_out and made.ok
    expected = float(np.mean(answers(path, {"pixels": x[80:]}).argmax(-1) == classes[80:]))
    of_keras = float(np.mean(np.asarray(trained(x[80:])).argmax(-1) == classes[80:]))
    assert (made.metric.name, made.metric.rows) == ("accuracy", 20)
    assert made.metric.value == expected and made.metric.keras_value == of_keras > 0.9
    assert f"on 20 held-out rows, accuracy {expected:.4g} (Keras {of_keras:.4g})" in str(made)


def test_the_last_fifth_is_not_calibrated_with(tmp_path):
    """A value that only a held-out row has is beyond the measured range."""
    inputs = keras.Input((3,), name="x")
    model = keras.Model(inputs, keras.layers.Dense(2, name="y")(inputs))
    x = np.random.default_rng(0).uniform(-1, 1, (10, 3)).astype("float32")
    x[9] = 50
    made = serving.export_litert(model, tmp_path / "m.tflite", "int8", examples={"x": x})
    assert made.rows == 2
    # Eight bits would clip the row, so that the only op stays in floats.
    assert made.format == "LiteRT int8, 1 of 1 ops in float" and made.difference < 1e-5
    inside = x[np.arange(10) % 8]
    made = serving.export_litert(model, tmp_path / "m.tflite", "int8", examples={"x": inside})
    assert made.format == "LiteRT int8"


@pytest.mark.parametrize(("rows", "said"), [(1, "1 calibration row,"), (4, "4 calibration rows,")])
def test_few_rows_are_compared_on_as_the_report_says(tmp_path, rows, said):
    inputs = keras.Input((3,), name="x")
    model = keras.Model(inputs, keras.layers.Dense(2, name="y")(inputs))
    x = np.random.default_rng(0).normal(size=(rows, 3)).astype("float32")
    made = serving.export_litert(model, tmp_path / "m.tflite", "int8", examples={"x": x})
    assert not made.held_out and said in str(made)


@pytest.mark.parametrize(
    ("shape", "targets", "name"),
    [
        ((3,), np.arange(60) % 3, "accuracy"),
        ((1,), np.arange(60) % 2, "accuracy"),
        ((3,), np.eye(3, dtype=int)[np.arange(60) % 3], "accuracy"),
        ((1,), np.arange(60.0), "RMSE"),
        ((1,), np.arange(60), "RMSE"),
        ((2,), np.ones((60, 2)), "RMSE"),
    ],
)
def test_the_metric_of_a_task(tmp_path, shape, targets, name):
    inputs = keras.Input((4,), name="x")
    model = keras.Model(inputs, keras.layers.Dense(shape[0], name="y")(inputs))
    x = np.random.default_rng(0).normal(size=(60, 4)).astype("float32")
    made = serving.export_litert(model, tmp_path / "m.tflite", examples={"x": x}, targets=targets)
    assert made.rows == 60 and made.metric.name == name
    y = np.asarray(model(x))
    if name == "RMSE":
        expected = np.sqrt(np.mean((y - targets.reshape(60, -1)) ** 2))
    elif targets.ndim == 2:
        expected = np.mean((y > 0.5) == targets)
    else:
        expected = np.mean((y.argmax(-1) if shape[0] > 1 else y[:, 0] > 0.5) == targets)
    assert made.metric.keras_value == pytest.approx(expected, rel=1e-6)
    assert made.metric.value == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (np.zeros(9, int), r"`targets` of integers or numbers for the 10 rows"),
        (np.full(10, 2), r"`targets` below the 2 scores of the output 'y'.*largest=2"),
        (np.full(10, "a"), r"`targets` of integers or numbers"),
        (np.zeros((10, 3)), r"`targets` of classes or numbers of the output 'y'"),
    ],
)
def test_targets_that_do_not_fit(tmp_path, targets, message):
    inputs = keras.Input((4,), name="x")
    model = keras.Model(inputs, keras.layers.Dense(2, name="y")(inputs))
    x = np.zeros((10, 4), "float32")
    with pytest.raises(ValueError, match=message):
        serving.export_litert(model, tmp_path / "m.tflite", examples={"x": x}, targets=targets)
    with pytest.raises(ValueError, match="`examples` that the `targets` are of"):
        serving.export_litert(model, tmp_path / "m.tflite", targets=targets)


def test_a_file_that_loses_accuracy_is_not_ok(tmp_path):
    def made(value, difference=0.01):
        metric = serving._metrics.Metric("accuracy", value, 0.99, 200, 0.02)
        return serving.Artifact(
            tmp_path, "LiteRT int8", 1, difference, 0.1, 1.0, 1.0, 200, True, metric
        )

    assert made(0.97).ok and not made(0.96).ok and not made(0.99, 0.2).ok
    assert str(made(0.22)).startswith("FAIL") and "accuracy 0.22 (Keras 0.99)" in str(made(0.22))


def test_an_op_that_rounding_breaks_stays_in_floats(tmp_path):
    """A quotient by a small number, which eight bits round to zero or to a few steps."""
    inputs = keras.Input((6,), name="x")
    x = keras.layers.Dense(6)(inputs)
    small = keras.ops.square(inputs) * 1e-2 + 1e-4
    model = keras.Model(inputs, keras.layers.Dense(2, name="y")(x / small))
    x = np.random.default_rng(0).normal(size=(200, 6)).astype("float32")
    path = tmp_path / "m.tflite"
    made = serving.export_litert(model, path, "int8", examples={"x": x})
    floats, ops = in_floats(path.read_bytes())
    assert made.ok and made.format == f"LiteRT int8, {floats} of {ops} ops in float"
    assert 0 < floats < ops
    expected = np.asarray(model(x[160:]))
    off = np.abs(answers(path, {"x": x[160:]}) - expected).max() / np.abs(expected).max()
    assert off == pytest.approx(made.difference, rel=1e-3) and off <= 0.1


def test_a_wider_tolerance_keeps_fewer_ops_in_floats(tmp_path):
    inputs = keras.Input((6,), name="x")
    x = keras.layers.Dense(6)(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2, name="y")(x * keras.ops.square(x)))
    examples = {"x": np.random.default_rng(0).normal(size=(60, 6)).astype("float32")}

    def floats(tolerance):
        path = tmp_path / "m.tflite"
        made = serving.export_litert(model, path, "int8", examples=examples, tolerance=tolerance)
        assert made.ok and made.tolerance == tolerance
        return in_floats(path.read_bytes())[0]

    assert floats(1e-4) > floats(0.5)
    with pytest.raises(ValueError, match="`tolerance` to be a positive number"):
        floats(0.0)


def test_what_has_no_op_to_quantize(tmp_path):
    inputs = keras.Input((6,), name="x")
    model = keras.Model(inputs, layers.DropPath(0.1)(inputs))
    x = np.random.default_rng(0).normal(size=(20, 6)).astype("float32")
    made = serving.export_litert(model, tmp_path / "m.tflite", "int8", examples={"x": x})
    assert made.ok and made.difference == 0


@pytest.mark.parametrize("mask", [False, True])
def test_the_steps_of_a_multiplicative_lstm_are_unrolled(tmp_path, mask):
    inputs = keras.Input((7, 4), name="x")
    x = keras.layers.Masking()(inputs) if mask else inputs
    model = keras.Model(inputs, layers.MultiplicativeLSTM(5, return_sequences=True)(x))
    x = np.random.default_rng(0).normal(size=(100, 7, 4)).astype("float32")
    x[::2, 4:] = 0
    for precision in ("float32", "int8"):
        path = tmp_path / f"{precision}.tflite"
        made = serving.export_litert(model, path, precision, examples={"x": x})
        assert made.ok, str(made)
        assert "WHILE" not in {op.kind for op in ops_of(path.read_bytes())}


def test_open_lengths_are_those_of_the_examples(tmp_path):
    inputs = keras.Input((None, 4), name="x")
    model = keras.Model(inputs, layers.MinGRU(5)(inputs))
    x = np.random.default_rng(0).normal(size=(50, 9, 4)).astype("float32")
    made = serving.export_litert(model, tmp_path / "m.tflite", "int8", examples={"x": x})
    assert made.ok, str(made)


@pytest.mark.parametrize("sketch_dim", [12, 500])
def test_sketches_that_few_products_reach_are_as_good_elsewhere(tmp_path, sketch_dim):
    """Where nothing is, a transform leaves its rounding, which the root of it magnifies."""
    branches = [keras.Input((width,)) for width in (9, 11)]
    model = keras.Model(branches, layers.MCB(4, sketch_dim=sketch_dim, seed=3)(branches))
    generator = np.random.default_rng(0)
    examples = {x.name: generator.normal(size=(20, x.shape[1])).astype("float32") for x in branches}
    made = serving.export_litert(model, tmp_path / "m.tflite", examples=examples)
    assert made.difference < 1e-5, str(made)


def test_numbers_that_are_much_worse_are_not_ok():
    def made(value):
        targets = np.array([100.0, 120.0] * 10)
        return serving._metrics.metric(targets, targets + value, targets + 0.5)

    assert made(1.4).ok and not made(1.6).ok and made(0.2).ok
    assert made(1.4).allowed == pytest.approx(1)


def nodes(count):
    return [Op("MUL", (f"op {i}",), False) for i in range(count)]


@pytest.mark.parametrize("count", [1, 2, 14, 100])
@pytest.mark.parametrize("bad", [{0}, {0, 1}, {3, 7, 11}, {97, 98, 99, 50, 10}])
def test_the_fewest_are_found_where_errors_add_up(count, bad):
    every = nodes(count)
    bad = {i for i in bad if i < count}

    def error(floats):
        left = [i for i, op in enumerate(every) if op not in floats]
        return 0.001 * len(left) / count + sum(0.3 if i in bad else 0 for i in left)

    found = fewest_in_floats(every, error, 0.1)
    assert {every.index(op) for op in found} == bad


def test_nothing_helps_where_floats_are_as_bad():
    assert fewest_in_floats(nodes(5), lambda floats: 0.5, 0.1) == []
    assert fewest_in_floats([], lambda floats: 0.5, 0.1) == []


def test_a_file_that_ends_its_process_is_one_that_does_not_run(tmp_path):
    inputs = keras.Input((3,), name="x")
    model = keras.Model(inputs, keras.layers.Dense(2, name="y")(inputs))
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    serving.export_litert(model, tmp_path / "m.tflite")
    content, rows = (tmp_path / "m.tflite").read_bytes(), [{"x": x[i : i + 1]} for i in range(4)]
    trials = Trials()
    try:
        np.testing.assert_allclose(trials.run(content, rows)["y"], model(x), atol=1e-6)
        assert trials.run(b"no file", rows) is None
        # As an assertion of a kernel ends it.
        trials._process.kill()
        trials._process.wait()
        assert trials.run(content, rows) is None
        np.testing.assert_allclose(trials.run(content, rows)["y"], model(x), atol=1e-6)
    finally:
        trials.close()


def test_what_never_runs_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Trials, "run", lambda self, content, rows: None)
    inputs = keras.Input((3,), name="x")
    model = keras.Model(inputs, keras.layers.Dense(2, name="y")(inputs))
    x = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
    with pytest.raises(ValueError, match="does not run in eight bits, whatever stays in floats"):
        serving.export_litert(model, tmp_path / "m.tflite", "int8", examples={"x": x})
    assert not (tmp_path / "m.tflite").exists()
