"""The table of CONTRIBUTING.md: who may import whom, imports for types included."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
HOUSE = ROOT / "tfmat"


def table():
    """Returns the table's rows: which of tfmat's rooms and files may import which others."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    rows = re.findall(r"^\| (`tfmat/[^|]*) \|[^|]*\| ([^|]*) \|$", text, re.MULTILINE)
    allowed = {}
    for names, others in rows:
        for name in re.findall(r"`tfmat/(\w+)(?:\.py)?`", names):
            allowed[name] = set(re.findall(r"`(\w+)`", others))
    shared = re.findall(r"^\| (`tfmat/\w+\.py`[^|]*)\|[^|]*\| - \|$", text, re.MULTILINE)
    return allowed, set(re.findall(r"`tfmat/(\w+)\.py`", " ".join(shared)))


def imports(file):
    """Returns the rooms and files of tfmat that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "tfmat":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tfmat."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("tfmat.")}
    return found - {"__version__"}


def test_every_import_is_in_the_table():
    allowed, shared = table()
    wrong = []
    for file in sorted(HOUSE.rglob("*.py")):
        room = file.relative_to(HOUSE).parts[0].removesuffix(".py")
        if room in ("__init__", "__main__"):
            continue
        may = allowed[room] | {room} | shared
        wrong += [f"{file.relative_to(ROOT)}: {name}" for name in sorted(imports(file) - may)]
    assert not wrong


def test_the_table_has_every_room_and_no_other():
    allowed, _ = table()
    rooms = {path.stem for path in HOUSE.iterdir() if path.suffix == ".py" or _is_package(path)}
    assert set(allowed) == rooms - {"__init__", "__main__"}


def test_what_may_be_imported_is_imported():
    # A permission that nobody uses would let a circle begin.
    allowed, _ = table()
    unused = []
    for room, others in allowed.items():
        files = list((HOUSE / room).rglob("*.py")) or [HOUSE / f"{room}.py"]
        used = set().union(*map(imports, files))
        unused += [f"{room}: {name}" for name in sorted(others - used)]
    assert not unused


def test_there_is_no_circle():
    allowed, _ = table()
    done = set()
    while todo := {room for room in allowed if room not in done and allowed[room] <= done}:
        done |= todo
    assert done == set(allowed)


def _is_package(path):
    return (path / "__init__.py").is_file()


def test_what_mutes_tensorflow_is_taken_from_where_it_is():
    for file in HOUSE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "tfmat.training.quiet":
                assert "muted_stderr" not in {alias.name for alias in node.names}, file
