"""Trials on a cluster of Ray, whose machines are processes here; and what a trial takes of one."""

import subprocess
import time
from pathlib import Path

import pytest
import yaml
from harness.quick_trials import begun, run_quickly
from harness.small_search import run_trials, small_search

from keras_hadamard.search import SearchError, SearchSettings, ray_runner, ray_session
from keras_hadamard.search.resources import Request, described, request, share
from keras_hadamard.search.runner_of import runner_of
from keras_hadamard.search.runners import LocalRunner

EXAMPLES = Path(__file__).parents[2] / "examples" / "cluster"
BIG, SMALL = {"CPU": 8.0, "GPU": 2.0, "memory": 32e9}, {"CPU": 3.0, "memory": 4e9}


@pytest.mark.parametrize(
    ("nodes", "name", "workers", "wanted"),
    [
        ([BIG], "CPU", 3, 2),
        ([BIG], "CPU", 8, 1),
        ([BIG], "CPU", 9, 0.5),
        ([BIG, SMALL], "CPU", 3, 3),
        ([BIG, SMALL], "CPU", None, 1),
        ([BIG, SMALL], "GPU", None, 1),
        ([BIG], "GPU", 1, 2),
        ([BIG], "GPU", 6, 0.3333),
        ([SMALL], "GPU", 2, 0),
        ([], "CPU", 2, 0),
    ],
)
def test_even_shares(nodes, name, workers, wanted):
    found = share(nodes, name, workers)
    assert found == pytest.approx(wanted, abs=1e-9)
    if wanted and workers:
        assert sum(Request(**{"cpu": 0, name.lower(): found}).fits(n) for n in nodes) >= workers


def test_requests():
    def asks(workers=None, **resources):
        settings = SearchSettings("a.csv", trial_resources=resources or None)
        return request(settings, [BIG, SMALL], workers)

    assert asks(workers=2) == Request(4, 1)
    assert asks(memory=4) == Request(1, 1, 4e9)
    assert asks(cpu=2, gpu=0) == Request(2, 0)
    assert [asks(cpu=2, gpu=0).fits(n) for n in (BIG, SMALL)] == [4, 1]
    assert [asks(cpu=1, gpu=0, memory=5).fits(n) for n in (BIG, SMALL, {})] == [6, 0, 0]
    assert [Request(c).threads for c in (0.5, 1, 3)] == [1, 1, 3]
    with pytest.raises(SearchError, match="trial_resources"):
        asks(cpu=0)
    assert described([SMALL, BIG, SMALL]) == "2 x (3 CPU, 4 GB), 1 x (8 CPU, 2 GPU, 32 GB)"


@pytest.mark.parametrize(
    ("settings", "callbacks", "local"),
    [
        ({"max_trials": 20}, (), True),
        ({"max_trials": 21}, (), False),
        ({"max_trials": 21, "workers": 0}, (), True),
        ({"max_trials": 21, "strategy": "mirrored"}, (), True),
        ({"max_trials": 21}, (object(),), True),
        ({"workers": 1}, (), False),
        ({"cluster": "auto"}, (), False),
    ],
)
def test_who_runs_the_trials(tmp_path, settings, callbacks, local):
    runner = runner_of(small_search(tmp_path / "run", callbacks=callbacks, **settings))
    assert isinstance(runner, LocalRunner) is local
    if not local:
        wanted = None if "cluster" in settings else 1
        assert runner.workers == wanted


def test_without_ray_many_trials_run_here(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert isinstance(runner_of(small_search(tmp_path / "run", max_trials=99)), LocalRunner)


def test_without_ray_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(ImportError, match=r"keras-hadamard\[cluster\]"):
        runner_of(small_search(tmp_path / "run", workers=1))


def test_an_address_where_nobody_is(tmp_path):
    start = time.monotonic()
    search = small_search(tmp_path / "run", cluster="127.0.0.1:9")
    with pytest.raises(SearchError, match=r"No Ray cluster answers at 127\.0\.0\.1:9.*refused"):
        run_trials(search)
    assert time.monotonic() - start < 20
    assert search.records.trials == []


def test_a_ray_that_leaves_the_process_is_an_error(tmp_path, monkeypatch):
    """As it does with an address at which something else listens."""
    session = ray_session.RaySession(SearchSettings("a.csv", workers=1))

    def leave(*arguments, **options):
        raise SystemExit(15)

    monkeypatch.setattr(session.ray, "init", leave)
    with pytest.raises(SearchError, match=r"with 0 workers trials run without it.*15"):
        session.begin()


@pytest.fixture(scope="module")
def cluster():
    """Two processors on its first machine."""
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    made = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    yield made
    made.shutdown()


@pytest.fixture
def go(cluster, tmp_path, monkeypatch):
    """Runs trials on the cluster as a plan says; returns the search and the plan."""
    monkeypatch.setattr(ray_runner, "run_remotely", run_quickly)
    monkeypatch.setattr(ray_runner, "PATIENCE", 1.0)
    monkeypatch.setattr(ray_runner, "LOOK", 0.5)

    def prepared(plan=None, **settings):
        plan = {"begun": str(tmp_path / "begun"), **(plan or {})}
        settings = {"cluster": cluster.address, **settings}
        return small_search(tmp_path / "run", callbacks=(plan,), **settings), plan

    return prepared


pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")


@pytest.mark.slow
def test_lost_workers(go, capfd):
    """One that is lost has its trial run again; a trial that kills them all is a failed one."""
    search, plan = go({"kills": {"3": 1, "4": 99}}, workers=2, max_trials=6)
    trials = run_trials(search)
    assert [t.number for t in trials] == [1, 2, 3, 4, 5, 6]
    assert [t.completed for t in trials] == [True, True, True, False, True, True]
    assert trials[3].reason == "its worker was lost 4 times, perhaps out of memory"
    assert trials[3].configuration and trials[3].seconds > 0 and trials[3].epochs == 4
    numbers = [number for number, _ in begun(plan)]
    assert {n: numbers.count(n) for n in "123456"} == {**dict.fromkeys("1256", 1), "3": 2, "4": 4}
    assert search.records.read().trials == trials
    out, _ = capfd.readouterr()
    assert out == ""


@pytest.mark.slow
def test_errors_of_a_trial_end_the_search(go):
    search, _ = go({"fails": {"1": SearchError("The model cannot be exported")}})
    with pytest.raises(SearchError, match=r"^The model cannot be exported$"):
        run_trials(search)
    search, _ = go({"fails": {"2": ModuleNotFoundError("No module named 'mine'")}})
    with pytest.raises(SearchError, match=r"Trial 2 .*ModuleNotFoundError: No module named 'mine'"):
        run_trials(search)
    assert [t.number for t in search.records.trials] == [1]


@pytest.mark.slow
def test_what_never_fits(go):
    search, plan = go(trial_resources={"cpu": 64, "memory": 2})
    with pytest.raises(SearchError, match=r"asks for, 64 CPU, 2 GB; .*There are: 1 x \(2 CPU, "):
        run_trials(search)
    assert begun(plan) == []


def alive(process):
    try:
        return "ray::" in Path(f"/proc/{process}/cmdline").read_text()
    except OSError:
        return False


def parent(process):
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.slow
def test_an_interrupt_ends_what_runs(go):
    search, plan = go({"seconds": 60.0}, workers=2)
    with pytest.raises(KeyboardInterrupt), runner_of(search) as runner:
        for number in (1, 2):
            task = {"number": number, "configuration": {}, "seed": 0, "epochs": 1, "medians": None}
            runner.start(task)
        end = time.monotonic() + 60
        while len(begun(plan)) < 2:
            assert time.monotonic() < end
            time.sleep(0.1)
        raise KeyboardInterrupt
    end = time.monotonic() + 20
    while any(alive(process) for _, process in begun(plan)):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert not runner.session.ray.is_initialized()


@pytest.mark.slow
def test_machines_come_and_go(go, cluster):
    search, plan = go({"seconds": 4.0}, max_trials=10)
    nodes = []

    def there():
        """Trials that run on the machine that came."""
        (raylet,) = nodes[0].all_processes["raylet"]
        ended = {str(t.number) for t in search.records.trials}
        running = [process for number, process in begun(plan) if number not in ended]
        return [p for p in running if alive(p) and parent(p) == raylet.process.pid]

    def end_trial(trial):
        if trial.number == 1:
            nodes.append(cluster.add_node(num_cpus=2))
        elif len(nodes) == 1 and there():
            cluster.remove_node(nodes[0], allow_graceful=False)
            nodes.append(None)

    search.end_trial = end_trial
    assert [t.completed for t in run_trials(search)] == [True] * 10
    # Those that were lost with the machine ran again, on the one that was left.
    numbers = [number for number, _ in begun(plan)]
    assert len(nodes) == 2 and len(numbers) > len(set(numbers)) == 10


@pytest.mark.parametrize("name", ["laptop.sh", "slurm.sbatch"])
def test_scripts_are_scripts(name):
    subprocess.run(["bash", "-n", str(EXAMPLES / name)], check=True)
    text = (EXAMPLES / name).read_text()
    assert "keras-hadamard search" in text and ("--workers" in text or "--cluster auto" in text)


def test_kuberay_has_what_a_ray_job_needs():
    job = yaml.safe_load((EXAMPLES / "kuberay.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    spec = job["spec"]
    assert spec["entrypoint"].startswith("keras-hadamard search /data/table.csv --cluster auto ")
    assert "\n" not in spec["entrypoint"].strip() and spec["shutdownAfterJobFinishes"] is True
    groups = [spec["rayClusterSpec"]["headGroupSpec"], *spec["rayClusterSpec"]["workerGroupSpecs"]]
    for group in groups:
        assert isinstance(group["rayStartParams"], dict)
        (container,) = group["template"]["spec"]["containers"]
        assert container["image"] and container["resources"]["limits"]
    workers = groups[1]
    assert workers["minReplicas"] <= workers["replicas"] <= workers["maxReplicas"]
    # A trial fits into a pod, of whose memory Ray keeps three tenths for its objects.
    given = workers["template"]["spec"]["containers"][0]["resources"]["limits"]
    memory = 0.7 * int(given["memory"].removesuffix("Gi")) * 2**30
    node = {"CPU": float(given["cpu"]), "memory": memory}
    assert Request(4, 0, 6e9).fits(node) == 1
    assert "cpu=4" in spec["entrypoint"] and "memory=6" in spec["entrypoint"]
