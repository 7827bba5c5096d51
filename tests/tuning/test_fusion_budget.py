"""Fusions within a number of parameters, and custom fusions."""

import itertools

import keras
import keras_tuner
import pytest

from keras_hadamard import layers, tuning
from keras_hadamard.layers.registry._parameter_budget import Widths, parameters
from keras_hadamard.layers.registry.fusions import FUSIONS, fewest_parameters
from keras_hadamard.tuning._fusions import MOST_PARAMETERS, Budget, fewest_of, fusion_options

SHAPES = ((None, 24), (None, 16))
LIMIT = 6_000
PAIRS = fusion_options().kinds(None, 2)


def drawn(**values):
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    return hp


@pytest.fixture
def mine():
    """A fusion of a user."""

    class Mine(layers.MLB):
        pass

    layers.register_fusion("mine", Mine, choices={"projection_activation": ("tanh", "relu")})
    return Mine


@pytest.mark.parametrize("kind", FUSIONS.names)
def test_parameters_are_counted_without_building(kind):
    layer = layers.get_fusion(kind, 6)
    shapes = SHAPES if FUSIONS[kind].modalities else (*SHAPES, (None, 9))
    layer.build([tuple(s) for s in shapes])
    counted = parameters(FUSIONS[kind].make, 6, shapes, {})
    assert counted == sum(w.numpy().size for w in layer.trainable_weights)


def test_counting_allocates_nothing():
    before = keras.Variable(0.0).name  # Were a variable kept waiting, the next scope would make it.
    assert before
    shapes = [(None, 2_000_000), (None, 2_000_000)]
    assert parameters(layers.MLB, 4, shapes, {"rank": 60_000}) > 2e11
    with keras.StatelessScope():
        pass


@pytest.mark.parametrize("kind", PAIRS)
def test_every_fusion_is_as_wide_as_the_budget_allows(kind):
    entry = FUSIONS[kind]
    widths = Widths(entry.make, 8, SHAPES, {})
    narrowest, least = widths.narrowest()
    limit = max(LIMIT, least)
    layer = layers.get_fusion(kind, 8, SHAPES, max_parameters=limit)
    layer.build(list(SHAPES))
    assert layer.count_params() - _hashes(layer) <= limit
    if widths.argument:
        width = layer.get_config()[widths.argument]
        width = width[0] if isinstance(width, list | tuple) else width
        assert widths.parameters(width) <= limit < widths.parameters(width + 1)
        assert width >= narrowest
    with pytest.raises(ValueError, match=f"at least {least:,}"):
        layers.get_fusion(kind, 8, SHAPES, max_parameters=least - 1)


def _hashes(layer):
    return sum(w.numpy().size for w in layer.non_trainable_weights)


@pytest.mark.parametrize("kind", PAIRS)
def test_every_candidate_of_the_space_is_within_the_budget(kind):
    hp = drawn(fusion=kind)
    try:
        layer = tuning.fusion_space(hp, units=8, modalities=(24, 16), max_parameters=LIMIT)
    except ValueError as error:
        assert "at least" in str(error)
    if kind not in hp.space[0].values:
        assert fewest_parameters(kind, 8, SHAPES) > LIMIT // 40
        return
    layer.build(list(SHAPES))
    assert layer.count_params() - _hashes(layer) <= LIMIT
    argument = getattr(FUSIONS[kind].make, "width_argument", None)
    assert f"fusion_{argument}" not in {p.name for p in hp.space if hp.is_active(p)}


@pytest.mark.parametrize("kind", FUSIONS.names)
def test_a_fusion_stays_within_the_budget_whatever_it_draws(kind):
    """The largest of what it draws is in the count of what it needs at least."""
    budget = Budget(SHAPES, 10**7)
    fewest = fewest_of(kind, 8, SHAPES)
    space = fusion_options(Budget(SHAPES, fewest))
    option = space.options[kind]
    for pick in (0, -1):
        values = {name: space.parameters[name].values[pick] for name in option.uses}
        layer = option.build(8, name="fusion", **values)
        layer.build(list(SHAPES))
        assert layer.count_params() - _hashes(layer) <= fewest <= budget.limit


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("width", [8, 128, 512])
def test_every_fusion_that_is_offered_can_be_built_whatever_it_draws(count, width):
    hp = drawn()
    tuning.fusion_space(hp, units=width, modalities=[width] * count)
    offered = hp.space[0].values
    space, shapes = fusion_options(), [(None, width)] * count
    sizes = {}
    for kind in space.kinds(None, count):
        entry = FUSIONS[kind]
        names = [name for name in entry.uses if isinstance(entry.uses[name].default, int)]
        combinations = itertools.product(*(entry.uses[name].values for name in names))
        try:
            sizes[kind] = [
                parameters(
                    entry.make,
                    width,
                    shapes,
                    entry.arguments(dict(zip(names, values, strict=True))),
                )
                for values in combinations
            ]
        except ValueError:
            assert kind not in offered
    fitting = [kind for kind, counts in sizes.items() if max(counts) <= MOST_PARAMETERS]
    assert offered == fitting and {"concat", "sum", "mlb"} <= set(offered)
    assert ("tensor" in offered) == ((width + 1) ** count * width < MOST_PARAMETERS)


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 3, 4])
def test_every_fusion_that_is_offered_fuses(count):
    hp = drawn()
    tuning.fusion_space(hp, modalities=[128] * count)
    x = [keras.ops.ones((2, 128))] * count
    for kind in hp.space[0].values:
        largest = {f"fusion_{name}": c.values[-1] for name, c in FUSIONS[kind].uses.items()}
        layer = tuning.fusion_space(drawn(fusion=kind, **largest), modalities=[128] * count)
        assert layer(x).shape == (2, 128)


def test_a_fusion_of_ones_own_that_refuses_the_inputs_is_left_out():
    class Narrow(layers.MLB):
        def build(self, input_shape):
            if input_shape[0][-1] > 8:
                raise ValueError("too wide")
            super().build(input_shape)

    layers.register_fusion("narrow", Narrow)
    for width, offered in ((8, True), (9, False)):
        hp = drawn()
        tuning.fusion_space(hp, units=8, modalities=(width, width))
        assert ("narrow" in hp.space[0].values) == offered
    with pytest.raises(ValueError, match=r"a fusion that takes these inputs.*narrow"):
        tuning.fusion_space(drawn(), units=8, modalities=(9, 9), include=("narrow",))


def test_what_cannot_be_small_enough_is_left_out():
    hp = drawn()
    tuning.fusion_space(hp, units=8, modalities=(24, 16), max_parameters=200)
    assert "hadamard" not in hp.space[0].values and "mlb" in hp.space[0].values
    with pytest.raises(ValueError, match="`max_parameters` of at least"):
        tuning.fusion_space(drawn(), units=8, modalities=(24, 16), max_parameters=10)
    with pytest.raises(ValueError, match="widths in `modalities`"):
        tuning.fusion_space(drawn(), units=8, max_parameters=1000)


@pytest.mark.parametrize(
    "modalities",
    [
        (24, 16),
        [(None, 24), (None, 16)],
        [keras.KerasTensor((None, 24)), keras.KerasTensor((None, 16))],
    ],
)
def test_widths_shapes_or_tensors_tell_the_inputs(modalities):
    layer = tuning.fusion_space(
        drawn(fusion="mlb"), units=8, modalities=modalities, max_parameters=LIMIT
    )
    expected = layers.get_fusion("mlb", 8, SHAPES, LIMIT)
    assert layer.rank == expected.rank


@pytest.mark.parametrize("modalities", [1, True, (), (24,), [(None, None), (None, 3)], "two"])
def test_fewer_than_two_are_nothing_to_fuse(modalities):
    with pytest.raises(ValueError, match="`modalities` to be two or more"):
        tuning.fusion_space(drawn(), modalities=modalities)


def test_an_unknown_name_is_told_the_nearest():
    with pytest.raises(ValueError, match=r"did you mean 'mlb'"):
        layers.get_fusion("mlbb", 4)
    with pytest.raises(ValueError, match=r"did you mean 'concat'"):
        tuning.fusion_space(drawn(), include=("concatt",))
    with pytest.raises(ValueError, match=r"to be one of \('concat'"):
        layers.get_fusion("xyzzy", 4)


def test_a_fusion_of_ones_own_joins_the_space(mine):
    hp = drawn(fusion="mine")
    layer = tuning.fusion_space(hp, units=8, modalities=(24, 16), max_parameters=LIMIT)
    assert type(layer) is mine and layer.name == "fusion"
    assert hp.get("fusion_mine_projection_activation") == "tanh"
    assert layer.rank == layers.get_fusion("mlb", 8, SHAPES, LIMIT).rank
    assert layer([keras.ops.ones((2, 24)), keras.ops.ones((2, 16))]).shape == (2, 8)
    both = tuning.fusion_space(drawn(), include=("concat", "mine"))
    assert isinstance(both, layers.ConcatFusion)


def test_a_fusion_may_be_a_function(mine):
    def tower(units, **kwargs):
        return layers.MLB(units, rank=3, **kwargs)

    layers.register_fusion("tower", tower)
    assert layers.get_fusion("tower", 4, name="here").rank == 3
    assert "tower" in fusion_options().kinds(None, 3)


@pytest.mark.parametrize(
    ("name", "layer", "choices", "message"),
    [
        ("mlb", layers.MLB, None, "other than the package's own"),
        ("", layers.MLB, None, "name of a fusion"),
        ("good", 3, None, "a layer class or a function"),
        ("good", layers.MLB, {"rank": ()}, "`choices`"),
        ("good", layers.MLB, {"rank": (None,)}, "`choices`"),
    ],
)
def test_what_cannot_be_registered(name, layer, choices, message):
    with pytest.raises(ValueError, match=message):
        layers.register_fusion(name, layer, choices)
    assert "good" not in FUSIONS.names
