"""The shell scripts and the container's files, with a stand-in for Docker."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
SCRIPTS = sorted(ROOT.glob("*.sh"))
TOOLS = ("bash", "dirname", "id", "mkdir", "git", "cat", "env")
FAKE_DOCKER = """#!/usr/bin/env bash
# Answers as an engine with (or without) what the environment says.
case "$1 $2" in
    "compose version") [ -z "${NO_COMPOSE:-}" ] ;;
    "info "* | "info ") [ -z "${NO_ENGINE:-}" ] && echo "{\\"runc\\":{}${RUNTIMES:-}}" ;;
    *) printf '%s\\n' "$@" > "$LOG"; env > "$LOG.env"; exit "${STATUS:-0}" ;;
esac
"""


@pytest.fixture
def run(tmp_path):
    """Runs a copy of a script where Docker is a stand-in and nothing else of the machine is seen."""
    folder, tools = tmp_path / "a clone", tmp_path / "bin"
    folder.mkdir()
    tools.mkdir()
    for tool in TOOLS:
        if found := shutil.which(tool):
            (tools / tool).symlink_to(found)
    docker = tools / "docker"
    docker.write_text(FAKE_DOCKER)
    docker.chmod(0o755)

    def call(script, *arguments, programs=(), without=(), **variables):
        for name in programs:
            shutil.copy(docker, tools / name)
        for name in without:
            (tools / name).unlink()
        shutil.copy(ROOT / script, folder)
        environment = {"PATH": str(tools), "LOG": str(tmp_path / "log"), **variables}
        done = subprocess.run([folder / script, *arguments], env=environment, cwd=tmp_path, capture_output=True,
                              text=True, timeout=20, check=False)  # fmt: skip
        done.folder, done.log = folder, tmp_path / "log"
        return done

    return call


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_parse_stop_at_errors_and_can_be_executed(script):
    subprocess.run(["bash", "-n", script], check=True, timeout=20)
    assert "set -euo pipefail" in script.read_text(encoding="utf-8")
    assert script.read_text(encoding="utf-8").startswith("#!/usr/bin/env bash\n")
    assert os.access(script, os.X_OK)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_has_nothing_to_say():
    done = subprocess.run(["shellcheck", *SCRIPTS], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


MISSING = {
    "Docker is not installed": {"without": ["docker"]},
    "compose plugin is missing": {"NO_COMPOSE": "1"},
    "engine does not answer": {"NO_ENGINE": "1"},
}


@pytest.mark.parametrize("script", ["build.sh", "run.sh"])
@pytest.mark.parametrize("message", MISSING)
def test_what_is_missing_is_named_in_one_line(run, script, message):
    done = run(script, **MISSING[message])
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1 and not done.stdout
    assert not done.log.exists()


def test_build_passes_options_and_the_commit(run):
    done = run("build.sh", "--no-cache")
    assert done.returncode == 0, done.stderr
    assert done.log.read_text().splitlines() == ["compose", "build", "--no-cache", "train-cpu"]
    assert "POSE_COMMIT=unknown\n" in done.log.with_name("log.env").read_text()


def test_run_passes_a_command_through_unchanged_with_its_status(run):
    command = ["python", "main.py", "--data_dir", "my data", "*", ""]
    done = run("run.sh", *command, STATUS="7")
    assert done.returncode == 7
    assert done.log.read_text().split("\n")[:-1] == ["compose", "run", "--rm", "train-cpu", *command]
    assert "no NVIDIA driver" in done.stderr


def test_run_without_a_command_shows_the_flags(run):
    assert run("run.sh").log.read_text().splitlines()[-3:] == ["python", "main.py", "--help"]


def test_run_keeps_file_ownership_and_makes_the_mounted_folders(run):
    done = run("run.sh")
    environment = done.log.with_name("log.env").read_text().splitlines()
    assert f"POSE_UID={os.getuid()}" in environment and f"POSE_GID={os.getgid()}" in environment
    sources = {Path(volume["source"]).name for volume in compose()["services"]["train"]["volumes"][1:]}
    assert {path.name for path in done.folder.iterdir() if path.is_dir()} == {"data"} | sources


@pytest.mark.parametrize("viewer", ["tensorboard", "mlflow"])
def test_viewers_are_started_with_their_ports_as_the_caller(run, viewer):
    done = run("run.sh", viewer, programs=["nvidia-smi"])
    assert done.log.read_text().splitlines() == ["compose", "up", viewer]
    assert f"POSE_UID={os.getuid()}" in done.log.with_name("log.env").read_text().splitlines()
    assert (done.folder / "lightning_logs").is_dir()
    assert run("run.sh", viewer, "--help", POSE_DEVICE="cpu").log.read_text().splitlines()[-2:] == [viewer, "--help"]


def test_data_folder_is_named_from_where_the_caller_stands(run, tmp_path):
    (tmp_path / "poses").mkdir()
    done = run("run.sh", POSE_DATA_DIR="poses")
    assert f"POSE_DATA_DIR={tmp_path / 'poses'}" in done.log.with_name("log.env").read_text().splitlines()
    done = run("run.sh", POSE_DATA_DIR="nowhere")
    assert done.returncode == 1 and done.stderr == "run.sh: there is no folder POSE_DATA_DIR=nowhere\n"


def test_gpu_is_used_where_driver_and_runtime_are(run):
    assert run("run.sh", programs=["nvidia-smi"], RUNTIMES=',"nvidia":{}').log.read_text().splitlines()[3] == "train"


def test_driver_without_runtime_is_named_and_the_cpu_still_serves(run):
    done = run("run.sh", programs=["nvidia-smi"])
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "NVIDIA container toolkit" in done.stderr and "POSE_DEVICE=cpu" in done.stderr
    done = run("run.sh", POSE_DEVICE="cpu")
    assert done.returncode == 0 and done.stderr == ""
    assert run("run.sh", POSE_DEVICE="tpu").returncode == 1


def compose() -> dict:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))


def test_services_share_the_volumes_and_the_viewers_stay_on_this_machine():
    services = compose()["services"]
    assert set(services) == {"train", "train-cpu", "tensorboard", "mlflow"}
    for service in services.values():
        assert service["volumes"] == services["train"]["volumes"]
        assert all(volume["bind"] == {"create_host_path": False} for volume in service["volumes"]), "made as root"
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    device = services["train"]["deploy"]["resources"]["reservations"]["devices"][0]
    assert device["driver"] == "nvidia" and device["capabilities"] == ["gpu"]
    assert "deploy" not in services["train-cpu"]


def test_mounted_folders_are_made_in_the_image():
    made = (ROOT / "Dockerfile").read_text(encoding="utf-8").split("RUN mkdir ")[1].split("\\")[0].split()
    targets = {volume["target"] for volume in compose()["services"]["train"]["volumes"]}
    assert {f"/workspace/{name}" for name in made} == targets


def test_actions_and_the_base_image_cannot_change_under_their_name():
    workflows = "".join(path.read_text(encoding="utf-8") for path in (ROOT / ".github" / "workflows").iterdir())
    used = re.findall(r"uses: (\S+)", workflows)
    assert used and all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action) for action in used)
    assert workflows.count("actions/checkout@") == workflows.count("persist-credentials: false")
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert bases and all(re.search("@sha256:[0-9a-f]{64}$", base) for base in bases)


def test_what_the_image_takes_exists():
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines
    for line in lines:
        if line.startswith("!") and line != "!test/checkpoints":
            assert any(ROOT.glob(line[1:])), line


def test_docker_accepts_the_compose_file():
    """The client alone can tell; it needs no engine."""
    if not shutil.which("docker") or subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        pytest.skip("Docker's compose plugin is not installed")
    subprocess.run(["docker", "compose", "--profile", "*", "config", "--quiet"], cwd=ROOT, check=True, timeout=30)


FAKE_PYTHON = """#!/bin/bash
# Stands in for main.py, which a signal stops: it leaves a checkpoint, unless this is what the environment says.
echo "python $*" >> "$LOG"
while [ $# -gt 0 ]; do
    folder=lightning_logs/${2:-}/checkpoints
    [ "$1" = --run_name ] && mkdir -p "$folder" && ${CHECKPOINT:-touch} "$folder/last.ckpt"
    shift
done
exit "${STATUS:-75}"
"""


@pytest.fixture
def job(tmp_path):
    """Runs the script for SLURM that docs/clusters.md prints, as a job would, with stand-ins for SLURM and main.py."""
    script = (
        (ROOT / "docs" / "clusters.md").read_text(encoding="utf-8").split("```bash\n#!/bin/bash")[1].split("```")[0]
    )
    (tmp_path / "train.sh").write_text(f"#!/bin/bash{script}")
    fakes = {
        "python": FAKE_PYTHON,
        "srun": '#!/bin/bash\n"$@"\n',
        "scontrol": '#!/bin/bash\necho "scontrol $*" >> "$LOG"\n',
    }
    (tmp_path / "bin").mkdir()
    for name, text in fakes.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)

    def start(job_id, restarts, *flags, **variables):
        (tmp_path / "log").unlink(missing_ok=True)
        slurm = {"SLURM_JOB_ID": str(job_id), "SLURM_NNODES": "1"} | (
            {"SLURM_RESTART_COUNT": str(restarts)} if restarts else {}
        )
        environment = {
            **os.environ,
            "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "LOG": str(tmp_path / "log"),
        }
        done = subprocess.run(
            ["bash", "train.sh", *flags], env={**environment, **slurm, **variables}, cwd=tmp_path, timeout=20
        )
        return done.returncode, (tmp_path / "log").read_text().splitlines()

    return start


def test_a_slurm_job_that_is_requeued_goes_on_with_its_own_run_alone(job):
    begins = "python main.py --run_name slurm_{} --gpus 2 --num_nodes 1 --recipe both"
    assert job(12, 0, "--recipe", "both") == (75, [begins.format("12_0"), "scontrol requeue 12"])
    goes_on = "python main.py --resume lightning_logs/slurm_12_0/checkpoints/last.ckpt"
    assert job(12, 1, "--recipe", "both") == (75, [goes_on, "scontrol requeue 12"])
    # Another job, whose number begins alike, was killed before its first checkpoint.
    assert job(1, 0, "--recipe", "both", CHECKPOINT=":") == (75, [begins.format("1_0"), "scontrol requeue 1"])
    assert job(1, 1, "--recipe", "both") == (75, [begins.format("1_1"), "scontrol requeue 1"])


@pytest.mark.parametrize("status", ["0", "1", "2"])
def test_a_slurm_job_that_ended_or_failed_is_not_requeued(job, status):
    code, log = job(3, 0, STATUS=status)
    assert code == int(status) and len(log) == 1
