"""The command line: what it prints and returns, and that bad input is one line and harmless."""

import errno
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import keras_hadamard
from keras_hadamard import layers
from keras_hadamard.cli import main
from keras_hadamard_cli import arguments
from keras_hadamard_cli.quiet import silent_stderr

ROOT = Path(__file__).parents[1]


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 60, 4)).astype("float32")
    return {"a": a, "b": b, "target": (a[:, 0] * b[:, 0] > 0).astype("int32")}


@pytest.fixture
def refused(capsys, tmp_path):
    """Runs a command that must be refused and returns its one line of error."""

    def run(*arguments):
        out = tmp_path / "refused"
        assert main([*map(str, arguments), "--out", str(out)]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1 and captured.err.endswith("\n")
        assert "Traceback" not in captured.err
        assert not out.exists()
        return captured.err

    return run


def saved(tmp_path, **arrays):
    path = tmp_path / "data.npz"
    np.savez(path, **arrays)
    return path


def test_help_names_every_command(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in ("search", "report", "export", "check", "layers"))
    assert main(["search", "--help"]) == 0
    text = capsys.readouterr().out
    for option in (
        "--algorithm",
        "--space",
        "--max-trials",
        "--epochs",
        "--budget",
        "--seed",
        "--out",
    ):
        assert option in text


def test_version(capsys):
    assert main(["--version"]) == 0
    assert keras_hadamard.__version__ in capsys.readouterr().out


def test_no_or_an_unknown_command(capsys):
    for line in ([], ["serach"]):
        assert main(line) == 2
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "serach digits_vqa",
            "keras-hadamard: error: there is no command serach (did you mean search?)",
        ),
        ("pottery", "no command pottery (keras-hadamard --help lists"),
        ("--hlep", "did you mean --help?"),
        ("-v", "keras-hadamard: error: there is no option -v"),
        (
            "search x.npz --bugdet 10m",
            "search: error: there is no option --bugdet (did you mean --budget?)",
        ),
        ("search --max-trails=3", "did you mean --max-trials?"),
        ("layers --domian fusion", "did you mean --domain?"),
    ],
)
def test_a_misspelt_command_or_option_is_one_line_with_what_was_meant(capsys, line, said):
    assert main(line.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1 and said in captured.err


def test_options_may_be_shortened(monkeypatch):
    seen = searched(monkeypatch)
    assert main(["search", "x.npz", "--algo", "grid"]) == 0
    assert seen[0].algorithm == "grid"


def started(*arguments, code=None):
    """A fresh process of the command line, and its seconds."""
    line = ["-m", "keras_hadamard_cli", *arguments] if code is None else ["-c", code]
    start = time.perf_counter()
    done = subprocess.run([sys.executable, *line], capture_output=True, text=True, cwd=ROOT)
    return done, time.perf_counter() - start


@pytest.mark.parametrize("line", ["--help", "search --help", "serach", "search --bugdet"])
def test_help_and_slips_are_answered_before_anything_heavy_is_imported(line):
    def beyond_python():
        bare = started(code="pass")[1]
        done, seconds = started(*line.split())
        assert done.returncode in (0, 2) and len(done.stdout + done.stderr) > 20
        return seconds - bare

    # Once of several tries: the machine does other things too.
    assert any(beyond_python() <= 0.3 for _ in range(5))


def test_the_parser_imports_neither_keras_nor_the_package():
    code = """
import sys
from keras_hadamard_cli.main import parser
parser()
heavy = ("keras", "tensorflow", "numpy", "keras_hadamard")
print([name for name in sys.modules if name.partition(".")[0] in heavy])
"""
    assert started(code=code)[0].stdout.strip() == "[]"


@pytest.mark.parametrize("module", ["keras_hadamard", "keras_hadamard.cli", "keras_hadamard_cli"])
def test_every_way_to_start_it_without_a_script(module):
    line = [sys.executable, "-m", module, "layers", "--names", "--domain", "shared"]
    done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout) == (0, "HadamardProduct\n")


def test_an_unknown_algorithm(refused):
    error = refused("search", "digits_vqa", "--algorithm", "annealing")
    assert "annealing" in error and "hyperband" in error


@pytest.mark.parametrize("trials", ["0", "-1", "many"])
def test_zero_negative_or_no_number_of_trials(refused, trials):
    assert trials in refused("search", "digits_vqa", "--max-trials", trials)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--space", "pooling"),
        ("--space", ","),
        ("--budget", "soon"),
        ("--epochs", "0"),
        ("--latency-weight", "-0.1"),
    ],
)
def test_other_wrong_options(refused, option, value):
    assert "Received" in refused("search", "digits_vqa", option, value)


def test_what_a_library_writes_past_python_is_dropped_for_a_while(capfd):
    os.write(2, b"before ")
    with silent_stderr():
        os.write(2, b"during ")
    os.write(2, b"after")
    assert capfd.readouterr().err == "before after"


def test_an_error_while_it_is_silent_gives_stderr_back(capfd):
    with pytest.raises(ImportError), silent_stderr():
        raise ImportError
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("600", 600), ("90s", 90), ("10m", 600), ("1.5h", 5400), ("2 min", 120)],
)
def test_times(monkeypatch, text, seconds):
    seen = searched(monkeypatch)
    assert main(["search", "x.npz", "--budget", text]) == 0
    assert seen[0].budget == seconds


@pytest.mark.parametrize("text", ["", "0", "-5", "ten", "1d"])
def test_what_is_no_time(refused, text):
    assert "time" in refused("search", "digits_vqa", f"--budget={text}")


def test_an_unknown_data_set(refused):
    assert "no_such_data" in refused("search", "no_such_data")


def test_a_missing_file(refused, tmp_path):
    assert "nothing.npz" in refused("search", tmp_path / "nothing.npz")


def test_an_unreadable_file(refused, tmp_path):
    path = tmp_path / "data.npz"
    path.write_bytes(b"PK\x03\x04 and then nothing of use")
    assert "data.npz" in refused("search", path)


def test_a_target_that_is_missing(refused, tmp_path, arrays):
    path = saved(tmp_path, **{**arrays, "target": np.full(60, np.nan)})
    assert "target" in refused("search", path)


def test_inputs_of_unequal_batch(refused, tmp_path, arrays):
    refused("search", saved(tmp_path, **{**arrays, "b": arrays["b"][:-3]}))


def test_a_misshapen_input(refused, tmp_path, arrays):
    refused("search", saved(tmp_path, **{**arrays, "b": np.zeros((60, 2, 2, 2, 2), "float32")}))


def test_infinity_in_the_data(refused, tmp_path, arrays):
    arrays["a"][3, 1] = np.inf
    assert "`a`" in refused("search", saved(tmp_path, **arrays))


def test_a_missing_extra_is_named(refused, monkeypatch, tmp_path, arrays):
    path = saved(tmp_path, **arrays)
    monkeypatch.setitem(sys.modules, "plotly", None)
    assert 'pip install "keras-hadamard[search]"' in refused("search", path)


def test_keras_tuner_itself_missing():
    code = (
        "import sys; sys.modules['keras_tuner'] = None\n"
        "from keras_hadamard.cli import main\n"
        "sys.exit(main(['search', 'digits_vqa']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert 'pip install "keras-hadamard[search]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_with_other_things(capsys, tmp_path, arrays):
    folder = tmp_path / "full"
    folder.mkdir()
    (folder / "thesis.tex").write_text("mine")
    path = saved(tmp_path, **arrays)
    assert main(["search", str(path), "--out", str(folder)]) == 2
    assert "not empty" in capsys.readouterr().err
    assert [p.name for p in folder.iterdir()] == ["thesis.tex"]


def searched(monkeypatch, error=None, best="a finalist"):
    """Takes the search's place; returns the list of the settings that reach it."""
    from keras_hadamard.search import search

    seen = []

    class Search:
        records = type("Records", (), {"trials": [1, 2]})

        def __init__(self, settings):
            seen.append(settings)

        def run(self):
            if error is not None:
                raise error
            return type("Run", (), {"best": best})

    monkeypatch.setattr(search, "Search", Search)
    return seen


def test_a_full_disk(capsys, monkeypatch):
    searched(monkeypatch, OSError(errno.ENOSPC, "No space left on device", "trials.json"))
    assert main(["search", "digits_vqa"]) == 2
    error = capsys.readouterr().err
    assert "disk is full" in error and "kept" in error and error.count("\n") == 1


def test_an_interrupt_says_what_is_kept_and_how_to_go_on(capsys, monkeypatch):
    searched(monkeypatch, KeyboardInterrupt())
    assert main(["search", "digits_vqa"]) == 130
    error = capsys.readouterr().err
    assert "The 2 finished trials are kept" in error and "same command resumes" in error


def test_a_request_to_end_is_an_interrupt_with_a_code_of_its_own(capsys, monkeypatch):
    import signal

    class Ends(Exception):
        def __init__(self):
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    searched(monkeypatch)
    from keras_hadamard.search import search

    monkeypatch.setattr(search.Search, "run", lambda self: Ends())
    assert main(["search", "digits_vqa"]) == 143
    assert "Terminated. The 2 finished trials are kept" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_search_without_a_success_fails(capsys, monkeypatch):
    from keras_hadamard.search import SearchFailed

    searched(monkeypatch, SearchFailed("No trial succeeded"))
    assert main(["search", "digits_vqa"]) == 1
    assert "No trial succeeded" in capsys.readouterr().err


def test_a_search_of_which_nothing_keeps_to_the_limits(monkeypatch):
    searched(monkeypatch, best=None)
    assert main(["search", "digits_vqa"]) == 3


def test_options_reach_the_search(monkeypatch, tmp_path):
    seen = searched(monkeypatch)
    line = "search x.npz --algorithm grid --space gating --max-trials 3 --epochs 2 --budget 10m"
    assert main([*line.split(), "--seed", "5", "--out", str(tmp_path)]) == 0
    s = seen[0]
    assert (s.dataset, s.algorithm, s.spaces, s.max_trials) == ("x.npz", "grid", ("gating",), 3)
    assert (s.epochs, s.budget, s.seed, s.folder) == (2, 600.0, 5, tmp_path)


def printed(capsys, *arguments):
    assert main(["layers", *arguments]) == 0
    return capsys.readouterr().out


def test_layers_prints_a_block_of_each(capsys):
    blocks = printed(capsys).split("\n\n")
    assert [block.split()[0] for block in blocks] == [row.name for row in layers.catalogue()]
    domains = [re.search(r"\[(\w+)\]$", block.splitlines()[0])[1] for block in blocks]
    assert domains == sorted(domains) and set(domains) == set(arguments.DOMAINS)


def test_a_block_has_summary_equation_parameters_and_paper(capsys):
    assert printed(capsys, "MLB") == (
        "MLB  [fusion]\n"
        "  Multimodal low-rank bilinear fusion (MLB)\n"
        "  equation    y = act(P (a(W_1 x_1 + b_1) * a(W_2 x_2 + b_2)) + b)\n"
        "  parameters  rank * (sum(widths) + modalities) + (rank + 1) * units\n"
        "  paper       Hadamard Product for Low-rank Bilinear Pooling (Kim et al., 2017)"
        "  https://arxiv.org/abs/1610.04325\n"
    )


def test_layers_by_part_of_a_name_in_any_case(capsys):
    names = printed(capsys, "--names", "starb", "GRU").splitlines()
    assert names == ["StarBlock2D", "MinGRU"]


def test_layers_of_a_domain(capsys):
    names = printed(capsys, "--names", "--domain", "modulation").splitlines()
    rows = layers.catalogue()
    assert names == [row.name for row in rows if row.domain == "modulation"]
    assert printed(capsys, "--names", "highw", "--domain", "modulation") == "Highway\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["HadamardFusoin"], "did you mean 'HadamardFusion'"),
        (["mlbb"], "did you mean 'MLB'"),
        (["MLB", "nothing"], "Received: 'nothing'"),
        (["MLB", "--domain", "pairwise"], "Received: 'MLB'"),
        (["--domain", "fusoin"], "'fusion'"),
    ],
)
def test_an_unknown_layer_or_domain_is_one_line(capsys, line, said):
    assert main(["layers", *line]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1 and said in captured.err


def test_export_then_check(capsys, tmp_path):
    import keras

    inputs = keras.Input((4,), name="features")
    model = keras.Model(inputs, keras.layers.Dense(2, name="score")(inputs))
    model.save(tmp_path / "model.keras")
    served = tmp_path / "served"
    assert main(["export", str(tmp_path / "model.keras"), str(served), "--version", "3"]) == 0
    assert (served / "3" / "saved_model.pb").exists()
    assert str(served / "3") in capsys.readouterr().out
    assert main(["export", str(tmp_path / "model.keras"), str(served), "--version", "3"]) == 2
    assert main(["check", str(served)]) == 0
    assert "runs on a stock TF Serving" in capsys.readouterr().out


def test_check_of_what_is_no_model(capsys, tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"no")
    assert main(["check", str(tmp_path)]) == 1
    assert "FAIL" in capsys.readouterr().out
    assert main(["check", str(tmp_path / "nothing")]) == 2
    assert main(["export", str(tmp_path / "no.keras"), str(tmp_path)]) == 2
    (tmp_path / "bad.keras").write_bytes(b"no")
    assert main(["export", str(tmp_path / "bad.keras"), str(tmp_path / "x")]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_the_installed_command_says_one_line_and_nothing_of_tensorflow():
    command = Path(sys.executable).with_name("keras-hadamard")
    result = subprocess.run(
        [command, "search", "digits_vqa", "--max-trials", "0"], capture_output=True, text=True
    )
    assert result.returncode == 2
    assert result.stdout == "" and result.stderr.count("\n") == 1, result.stderr
    assert "max-trials" in result.stderr
