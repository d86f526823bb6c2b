"""What the documents name exists: commands, flags, files, links, functions."""

import ast
import importlib
import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest

from models.gan import PoseGAN
from utils.command_line import build_parser
from utils.demo.options import DemoOptions
from utils.demo.options import build_parser as build_demo_parser

ROOT = Path(__file__).parents[1]
NAMES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "test/checkpoints/README.md")
DOCUMENTS = [*(ROOT / name for name in NAMES), *sorted((ROOT / "docs").glob("*.md"))]
SOURCES = [path for path in sorted(ROOT.rglob("*.py")) if ".venv" not in path.parts]
FLAGS = {
    "main.py": {flag for action in build_parser()._actions for flag in action.option_strings},
    "demo.py": {flag for action in build_demo_parser()._actions for flag in action.option_strings},
}


def text_of(path: Path) -> str:
    """A document, with commands that go on over several lines in one."""
    return path.read_text(encoding="utf-8").replace("\\\n", " ")


@pytest.fixture(params=DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def document(request):
    return request.param


def test_commands_and_their_flags_exist(document):
    for script, rest in re.findall(r"python3? ([\w/]+\.py)([^`\n#|]*)", text_of(document)):
        source = (ROOT / script).read_text(encoding="utf-8")
        known = FLAGS.get(script) or set(re.findall(r'"(--\w+)"', source))
        if "parse_config(" in source:
            known = known | FLAGS["main.py"]
        flags = {word.split("=")[0] for word in shlex.split(rest) if re.match(r"--\S+$", word)}
        assert flags <= known, f"{script}{rest}"
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", text_of(document), re.MULTILINE)) <= targets


def test_links_lead_to_files_and_headings(document):
    text = text_of(document)
    links = re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", text)
    links += [(image, "") for image in re.findall(r'src="([^"]+)"', text)]
    for link, heading in links:
        target = document.parent / link if link else document
        assert target.exists(), link
        assert not heading or heading in headings_of(target), f"{link}#{heading}"


def headings_of(path: Path) -> set[str]:
    """The anchors that GitHub makes of a document's headings."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_reached_from_the_readme():
    text = text_of(ROOT / "README.md")
    assert [page.name for page in (ROOT / "docs").glob("*.*") if f"(docs/{page.name})" not in text] == []


def test_the_readmes_figures_are_in_the_results():
    rows = re.findall(r"^\| `(\w+)` \|(.*)$", text_of(ROOT / "README.md"), re.MULTILINE)
    assert {name for name, _ in rows} == {path.stem for path in (ROOT / "test" / "checkpoints").glob("*.ckpt")}
    lines = text_of(ROOT / "docs" / "results.md").splitlines()
    for name, row in rows:
        known = {figure for line in lines if f"`{name}`" in line for figure in re.findall(r"\d+\.\d", line)}
        assert set(re.findall(r"\d+\.\d", row)) <= known, name


def test_files_and_what_they_define_exist(document):
    """`utils/geometry.py: lift_to_camera`, `body.py`, `models/detectors/` and `PoseGAN.training_step`."""
    text = text_of(document)
    for path, names in re.findall(r"`([\w/]+\.py)(?:: ([\w, ]+))?`", text):
        files = [file for file in SOURCES if file.relative_to(ROOT).as_posix().endswith(path)]
        assert files, path
        assert set(filter(None, names.split(", "))) <= names_in(files[0]), path
    for folder in re.findall(r"`((?:datasets|losses|models|test|utils)/[\w/]*)`", text):
        assert (ROOT / folder).exists(), folder
    assert all(hasattr(PoseGAN, name) for name in re.findall(r"`PoseGAN\.(\w+)`", text))


def names_in(path: Path) -> set[str]:
    """What a module defines at its top level."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    targets = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    targets += [node.target for node in body if isinstance(node, ast.AnnAssign)]
    return {getattr(node, "name", "") for node in body} | {getattr(target, "id", "") for target in targets}


def test_imports_in_the_examples_work(document):
    for example in re.findall(r"```python\n(.*?)```", text_of(document), re.DOTALL):
        for node in ast.walk(ast.parse(example)):
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(node.module)
                assert all(hasattr(module, alias.name) for alias in node.names), ast.unparse(node)


def test_flags_in_the_text_exist(document):
    """One of main.py, of demo.py, or of a tool that the document names."""
    text = text_of(document)
    tools = [ROOT / path for path in re.findall(r"(test/tools/\w+\.py)", text)]
    known = set.union(*FLAGS.values(), *(set(re.findall(r'"(--\w+)"', tool.read_text("utf-8"))) for tool in tools))
    assert set(re.findall(r"`(--[a-z0-9_-]+)", text)) <= known


def test_the_demo_s_options_in_the_documents_are_all_there_with_their_defaults():
    text, shown = (ROOT / "docs" / "demo.md").read_text(encoding="utf-8"), {}
    for flags, values in re.findall(r"^\| (`--.*`) \|.*\| ?([^|]*?) ?\|$", text, re.MULTILINE):
        shown |= zip(re.findall(r"--\w+", flags), values.replace("`", "").split(", "), strict=True)
    defaults = {f"--{item.name}": item.default for item in fields(DemoOptions)}
    assert shown == {
        flag: "" if default is None else f"{default}".removesuffix(".0") for flag, default in defaults.items()
    }
