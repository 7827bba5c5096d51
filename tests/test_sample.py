"""The cases that a plain `pytest` leaves out: never a whole layer or test."""

from harness.layer_cases import PUBLIC, all_cases
from harness.sample import MIN_SAMPLED, SHARE, one_of_each, share_of


def test_every_layer_is_drawn_and_every_case_in_some_draw():
    cases = all_cases()
    largest = max(sum(n.split("-")[0] == layer for n in cases) for layer in PUBLIC)
    draws = [one_of_each(cases, "a_file.py", n) for n in range(largest)]
    assert all({name.split("-")[0] for name in draw} == set(PUBLIC) for draw in draws)
    assert all(len(draw) == len(PUBLIC) for draw in draws)
    assert set().union(*draws) == set(cases)


def test_other_files_draw_other_cases():
    cases = all_cases()
    draws = [set(one_of_each(cases, f"file_{n}.py", 0)) for n in range(8)]
    assert len(set().union(*draws)) > 0.8 * len(cases)


def test_shares_are_parts_of_the_whole():
    names = [f"case {n}" for n in range(23)]
    shares = [share_of(names, "a_file.py", n) for n in range(SHARE)]
    assert sorted(name for share in shares for name in share) == sorted(names)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert share_of(names[: MIN_SAMPLED - 1], "a_file.py", 0) == names[: MIN_SAMPLED - 1]
