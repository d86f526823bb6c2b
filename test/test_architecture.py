"""The rules of the house: which room imports which, how large things are, and what importing costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "utils": {"utils"},
    "datasets": {"datasets", "utils"},
    "losses": {"losses", "utils"},
    "models": {"models", "losses", "datasets", "utils"},
}
"""Room -> rooms that its files may import. main.py and demo.py may import all, and nothing imports them."""
TOP_LEVEL = {
    ".ci", ".dockerignore", ".github", ".gitignore", ".pre-commit-config.yaml", "CHANGELOG.md", "CONTRIBUTING.md",
    "Dockerfile", "LICENSE", "Makefile", "README.md", "build.sh", "datasets", "demo.py", "docker-compose.yml", "docs",
    "download_2d_pose_estimator.sh", "hubconf.py", "losses", "main.py", "models", "pyproject.toml",
    "requirements-demo.txt", "requirements-dev.txt", "requirements.lock", "requirements.txt", "run.sh", "test", "utils",
    "web",
}  # fmt: skip
LONGEST_FUNCTION, LONGEST_FILE = 40, 250
LONGEST = {"main.py": 150, "demo.py": 150, "models/gan.py": 160}
"""Lines of the files that everybody reads first: tables of contents, and the training step."""
ROOMS = [path for room in MAY_IMPORT for path in sorted((ROOT / room).rglob("*.py"))]
SOURCES = [*ROOMS, ROOT / "main.py", ROOT / "demo.py", ROOT / "hubconf.py", ROOT / "web" / "prepare.py"]
TESTS = sorted((ROOT / "test").rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(path: Path) -> set[str]:
    """The modules that a file imports, relative names resolved; what a function imports counts too."""
    package, names = path.relative_to(ROOT).parts[:-1], set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            outer = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*outer, *([node.module] if node.module else [])])
            names |= {module} if node.module else {f"{module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", ROOMS, ids=name_of)
def test_imports_run_one_way(path):
    room = path.relative_to(ROOT).parts[0]
    rooms = {name.split(".")[0] for name in imports_of(path)} & {*MAY_IMPORT, "main", "demo", "test"}
    assert rooms <= MAY_IMPORT[room]
    absolute = {node.module.split(".")[0] for node in ast.walk(tree_of(path))
                if isinstance(node, ast.ImportFrom) and not node.level}  # fmt: skip
    assert room not in absolute, "imports within a room are relative"


def test_training_does_not_import_detectors():
    for path in ROOT.glob("models/*.py"):
        used = {name for name in imports_of(path) if name.startswith("models.detectors")}
        assert not used or path.name == "pipeline.py", path


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_functions_and_files_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST.get(name_of(path), LONGEST_FILE)
    functions = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef)]
    long = {node.name: node.end_lineno - node.lineno + 1 for node in functions}
    assert {name: lines for name, lines in long.items() if lines > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize("path", sorted((ROOT / "web").glob("*.js")), ids=name_of)
def test_scripts_of_the_page_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


def test_tests_are_no_package_and_import_no_other_test():
    # test/__init__.py would hide the standard library's package `test`.
    assert not [path for path in TESTS if path.name == "__init__.py"]
    modules = {path.stem for path in TESTS if path.stem.startswith("test_")}
    for path in TESTS:
        assert not {name.split(".")[-1] for name in imports_of(path)} & modules, path


def test_nothing_else_lies_at_the_top():
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listing.returncode:
        pytest.skip("the source is not in a git repository")
    assert {line.split("/")[0] for line in listing.stdout.splitlines()} <= TOP_LEVEL


def test_types_are_right():
    """Here rather than as a command of its own, so that other tests run beside it."""
    pytest.importorskip("mypy")
    done = subprocess.run([sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


WITHOUT = """
import importlib, sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {missing}:
            raise ImportError(name + " is not here")
sys.meta_path.insert(0, Missing())
for name in {modules}:
    importlib.import_module(name)
{then}
"""


def import_without(missing: set[str], modules: list[str], then: str = "") -> str:
    """Imports modules in a new process where some packages are missing; returns what it prints."""
    return run_python(WITHOUT.format(missing=missing, modules=modules, then=then))


def run_python(code: str) -> str:
    """Runs code in a new process; returns what it prints."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_lifter_loads_where_there_is_neither_lightning_nor_opencv(tmp_path):
    then = f"""
import torch
from models import Lifter, load_lifter, save_lifter
save_lifter(Lifter(8, 1), {str(tmp_path / "lifter.pt")!r})
print(load_lifter({str(tmp_path / "lifter.pt")!r}).lift(torch.rand(3, 17, 2)).shape)"""
    missing = {"pytorch_lightning", "lightning_fabric", "cv2", "ai_edge_litert", "mlflow", "tensorboard", "matplotlib"}
    assert "torch.Size([3, 17, 3])" in import_without(missing, ["models"], then)


ON_WINDOWS = f"""
import builtins, importlib, runpy, sys
usual = builtins.__import__
def import_on_windows(name, globals=None, *others, **named):
    # The libraries' own imports are theirs: on Linux they may need what Windows lacks.
    importer = (globals or {{}}).get("__name__", "").split(".")[0]
    if importer in {("main", "demo", "__main__", *MAY_IMPORT)} and name in ("resource", "fcntl", "pwd", "termios"):
        raise ModuleNotFoundError(name + " is not here")
    return usual(name, globals, *others, **named)
builtins.__import__ = import_on_windows
"""


def test_everything_imports_on_windows_as_far_as_its_missing_modules_go():
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in SOURCES]
    run_python(f"{ON_WINDOWS}\nfor name in {modules}: importlib.import_module(name)")


@pytest.mark.parametrize("command", ["main.py", "demo.py"])
def test_help_is_printed_on_windows_and_before_torch_is_imported(command):
    code = f"""{ON_WINDOWS}
sys.argv = [{command!r}, "--help"]
try:
    runpy.run_path({command!r}, run_name="__main__")
finally:
    assert "torch" not in sys.modules"""
    assert run_python(code).startswith(f"usage: {command}")
