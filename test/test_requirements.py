"""The lists of packages: which command needs which, and a lock file that holds them all with their sums."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PLATFORMS = ("linux", "darwin", "win32")
PYTHONS = ("3.10", "3.11", "3.12", "3.13")


def required(name: str) -> list[Requirement]:
    """What a requirements file asks for, with what the files that it includes ask for."""
    found = []
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        line = line.split("#")[0].strip()
        found += required(line[3:]) if line.startswith("-r ") else [Requirement(line)] if line else []
    return found


def locked() -> list[tuple[Requirement, list[str]]]:
    """The lock file's entries, each with its sums."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    entries = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    return [(Requirement(line.split("--hash")[0]), re.findall(r"--hash=(\S+)", line)) for line in entries]


def applies(entry: Requirement, where: dict[str, str]) -> bool:
    return entry.marker is None or entry.marker.evaluate(where)


def same(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_lock_has_one_allowed_version_of_each_package_for_every_python_and_platform(python, platform):
    where = {"python_version": python, "python_full_version": f"{python}.1", "sys_platform": platform}
    here = [entry for entry, _ in locked() if applies(entry, where)]
    names = [same(entry.name) for entry in here]
    assert len(names) == len(set(names))
    for wanted in (entry for entry in required("requirements-dev.txt") if applies(entry, where)):
        (entry,) = [entry for entry in here if same(entry.name) == same(wanted.name)]
        (pin,) = entry.specifier
        assert pin.operator == "==" and wanted.specifier.contains(pin.version), f"make lock: {wanted}"


def test_every_file_in_the_lock_has_its_sum_and_comes_from_the_index():
    for entry, sums in locked():
        assert sums and all(re.fullmatch("sha256:[0-9a-f]{64}", digest) for digest in sums), entry
        assert entry.url is None and "+" not in str(entry.specifier), entry


def test_the_lock_knows_every_platform_s_build_of_torch():
    (sums,) = [sums for entry, sums in locked() if entry.name == "torch"]
    assert len(sums) >= len(PYTHONS) * len(PLATFORMS)
    assert any(entry.name.startswith("nvidia-") for entry, _ in locked()), "CUDA's libraries belong to it"


def test_training_needs_all_that_the_demo_needs_and_the_demo_neither_mlflow_nor_pandas():
    demo = {same(wanted.name) for wanted in required("requirements-demo.txt")}
    assert demo < {same(wanted.name) for wanted in required("requirements.txt")}
    assert not demo & {"mlflow", "pandas", "pyarrow", "tensorboard", "pytorch-lightning"}


@pytest.mark.parametrize(("command", "file"), [("main.py", "requirements.txt"), ("demo.py", "requirements-demo.txt")])
def test_a_python_without_packages_is_told_what_to_install(command, file):
    done = subprocess.run([sys.executable, "-S", ROOT / command], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and not done.stdout
    assert re.fullmatch(
        rf"{command}: \w+ is not installed; get all packages with: pip install -r .*{file}\n", done.stderr
    )
