"""The direction of imports, what importing costs, and that flags, arguments and README agree."""

import ast
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from models.gan import PoseGAN
from utils.config import build_parser
from utils.demo.options import DemoOptions
from utils.demo.options import build_parser as build_demo_parser

ROOT = Path(__file__).parent.parent
ALLOWED = {
    "utils": {"utils"},
    "losses": {"utils", "losses"},
    "datasets": {"utils", "datasets"},
    "models": {"utils", "losses", "datasets", "models"},
}
SOURCES = [path for path in sorted(ROOT.rglob("*.py")) if ".venv" not in path.parts]
FILES = [path for folder in ALLOWED for path in sorted((ROOT / folder).glob("*.py"))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_imports_run_one_way(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            assert node.level == 1, f"line {node.lineno} leaves the folder by a relative import"
            continue
        names = [node.module] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            top = name.split(".")[0]
            assert top not in ("main", "demo"), f"line {node.lineno}"
            assert top not in ALLOWED or top in ALLOWED[path.parent.name], f"line {node.lineno} imports {name}"
            assert top != path.parent.name, f"line {node.lineno}: {name} is of this folder; import it relatively"


def run_python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_a_lifter_loads_where_there_is_neither_lightning_nor_opencv(tmp_path):
    blocked = ("pytorch_lightning", "lightning_fabric", "cv2", "mlflow", "tensorboard")
    code = f"""
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked}:
            raise ImportError(name + " is not here")
sys.meta_path.insert(0, Blocked())
import torch
from models import Lifter, load_lifter, save_lifter
save_lifter(Lifter(8, 1), {str(tmp_path / "lifter.pt")!r})
print(load_lifter({str(tmp_path / "lifter.pt")!r}).lift(torch.rand(3, 17, 2)).shape)
"""
    assert "torch.Size([3, 17, 3])" in run_python(code)


DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "test/checkpoints/README.md")]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_flags_and_names_in_the_documents_exist(document):
    text = document.read_text(encoding="utf-8").replace("\\\n", " ")
    known = {
        "main.py": {flag for action in build_parser()._actions for flag in action.option_strings},
        "demo.py": {flag for action in build_demo_parser()._actions for flag in action.option_strings},
    }
    for line in re.findall(r"python3? (?:main|demo)\.py[^`\n#|]*", text):
        words = shlex.split(line)
        flags = {word.split("=")[0] for word in words[2:] if word.startswith("--")}
        assert flags <= known[words[1]], line
    assert set(re.findall(r"`(--[a-z0-9_-]+)", text)) <= known["main.py"] | known["demo.py"]
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE)) <= targets
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert (document.parent / link).exists(), link
    # `utils/geometry.py: lift_to_camera`, `body.py` and `PoseGAN.critic_step`.
    for path, names in re.findall(r"`([\w/]+\.py)(?:: ([\w, ]+))?`", text):
        files = [file for file in SOURCES if file.relative_to(ROOT).as_posix().endswith(path)]
        assert files, path
        assert set(filter(None, names.split(", "))) <= names_in(files[0]), path
    assert all(hasattr(PoseGAN, name) for name in re.findall(r"`PoseGAN\.(\w+)`", text))


def names_in(path: Path) -> set[str]:
    """What a module defines at its top level."""
    return {getattr(node, "name", "") for node in ast.parse(path.read_text(encoding="utf-8")).body}


def test_the_demo_s_options_in_the_readme_are_all_there_with_their_defaults():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = {}
    for flags, values in re.findall(r"^\| (`--.*`) \|.*\| ?([^|]*?) ?\|$", text, re.MULTILINE):
        shown |= zip(re.findall(r"--\w+", flags), values.replace("`", "").split(", "), strict=True)
    defaults = {f"--{item.name}": item.default for item in fields(DemoOptions)}
    assert shown == {
        flag: "" if default is None else f"{default}".removesuffix(".0") for flag, default in defaults.items()
    }
