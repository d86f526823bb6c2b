"""The direction of imports, what importing costs, and that flags, arguments and README agree."""

import ast
import re
import shlex
import subprocess
import sys
from inspect import signature
from pathlib import Path

import pytest

from utils.options import build_parser

ROOT = Path(__file__).parent.parent
ALLOWED = {
    "utils": {"utils"},
    "losses": {"utils", "losses"},
    "datasets": {"utils", "datasets"},
    "models": {"utils", "losses", "datasets", "models"},
}
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


def test_flags_and_arguments_of_the_system_share_names_and_defaults():
    from models.gan import PoseGAN

    parser = build_parser()
    for name, argument in signature(PoseGAN).parameters.items():
        assert parser.get_default(name) == argument.default, name


def test_commands_in_the_readme_can_be_given():
    readme = ROOT / "README.md"
    if not readme.is_file():
        pytest.skip("there is no README.md")
    known = {flag for action in build_parser()._actions for flag in action.option_strings}
    if (ROOT / "demo.py").is_file():
        known_by_demo = set(re.findall(r"--[a-z0-9_]+", run_python("import demo; demo.build_parser().print_help()")))
    text = readme.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in re.findall(r"python3? (?:main|demo)\.py[^`\n#]*", text):
        words = shlex.split(line)
        flags = {word.split("=")[0] for word in words[2:] if word.startswith("--")}
        assert flags <= (known if words[1] == "main.py" else known_by_demo), line
