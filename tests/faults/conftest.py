"""A folder with inputs, and who runs commands in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from faults import Machine
from faults_commands import MODULES, write_structures


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A folder with inputs, and who runs commands in it."""
    root = tmp_path_factory.mktemp("faults") / "root"
    root.mkdir()
    for number in (1, 2):
        write_structures(root / f"structures{number}.extxyz", seed=number)
        lines = [f"Li{count}O{count + number}" for count in range(1, 40)]
        (root / f"formulas{number}.csv").write_text("\n".join(["formula", *lines]) + "\n")
    machine = Machine(root, MODULES)
    assert machine.run(["data", "import", "structures1.extxyz", "--out", "data"]).code == 0
    yield machine
    machine.close()
