"""The table of CONTRIBUTING.md: nothing imports upwards, and the families never each other."""

import ast
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1] / "tfmat"
BOTTOM = {"errors", "files", "progress", "quiet"}
LIGHT = {"datasets", "inference"}
FAMILIES = {"ccdcgan", "matgan"}
MIDDLE = {"evaluation", "export", "training"}
MAY_IMPORT = {
    "recipes": {"errors"},
    "networks": set(),
    **dict.fromkeys(LIGHT, BOTTOM | {"recipes"}),
    "relaxation": BOTTOM | {"datasets"},
    **dict.fromkeys(FAMILIES, BOTTOM | {"recipes", "networks"} | LIGHT),
    **dict.fromkeys(
        MIDDLE, BOTTOM | {"recipes", "networks", "relaxation"} | LIGHT | FAMILIES | MIDDLE
    ),
}


class Imports(ast.NodeVisitor):
    """Collects what of tfmat a file imports, but for its types alone."""

    def __init__(self):
        self.found = set()

    def visit_If(self, node):
        if not (isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            self.generic_visit(node)

    def visit_ImportFrom(self, node):
        if node.module == "tfmat":
            self.found |= {alias.name for alias in node.names}
        elif (node.module or "").startswith("tfmat."):
            self.found.add(node.module.split(".")[1])


# Sorted: tests that run two at a time must be in the same order in both processes.
@pytest.mark.parametrize("folder", sorted(MAY_IMPORT))
def test_nothing_imports_upwards(folder):
    for file in (HOUSE / folder).rglob("*.py"):
        imports = Imports()
        imports.visit(ast.parse(file.read_text("utf-8")))
        allowed = MAY_IMPORT[folder] | {folder, "__version__"}
        assert imports.found <= allowed, f"{file}: {imports.found - allowed}"


def test_what_mutes_tensorflow_is_taken_from_where_it_is():
    for file in HOUSE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "tfmat.training.quiet":
                assert "muted_stderr" not in {alias.name for alias in node.names}, file
