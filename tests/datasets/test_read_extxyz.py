"""Importing extended XYZ, against ASE as the judge."""

import gzip

import ase
import ase.io
import numpy as np
import pytest

from tfmat.errors import InputError

FRAME = """2
Lattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3 id={} e_form=-1.5 pbc="T T T"
Na 0 0 0
Cl 2 2 2
"""


def test_the_same_as_ase_reads(tmp_path, load):
    random = np.random.default_rng(2)
    frames = []
    for index in range(30):
        atoms = int(random.integers(1, 12))
        frames.append(
            ase.Atoms(
                random.integers(1, 119, atoms),
                positions=random.uniform(-5, 9, (atoms, 3)),
                cell=np.eye(3) * 6 + random.uniform(-1, 1, (3, 3)),
                pbc=True,
            )
        )
        frames[-1].info = {
            "material_id": f"id {index} 'x' = y",
            "band_gap": index / 7,
            "vector": np.arange(3),
            "flag": bool(index % 2),
        }
        # More columns than species and positions, before and after them.
        frames[-1].set_array("forces", random.normal(size=(atoms, 3)))
        frames[-1].set_array("magmom", random.normal(size=atoms))
    columns = ["magmom", "symbols", "forces", "positions"]
    ase.io.write(tmp_path / "a.extxyz", frames, format="extxyz", columns=columns)
    dataset, summary, _ = load(tmp_path / "a.extxyz", properties={"flag": "flag"})
    again = ase.io.read(tmp_path / "a.extxyz", index=":", format="extxyz")
    assert summary["kept"] == 30
    for index, (found, frame) in enumerate(zip(dataset, again, strict=True)):
        np.testing.assert_allclose(found.lattice, frame.cell.array, atol=1e-12)
        np.testing.assert_allclose(found.positions, frame.positions, atol=1e-12)
        np.testing.assert_array_equal(found.numbers, frame.numbers)
        assert dataset.ids[index] == frame.info["material_id"]
    np.testing.assert_allclose(dataset.property("band_gap"), np.arange(30) / 7, atol=1e-8)
    np.testing.assert_array_equal(dataset.property("flag"), np.arange(30) % 2)


def test_broken_frames_are_skipped_and_the_next_is_found(tmp_path, load):
    good = FRAME.format
    parts = [
        good("first"),
        good("unknown").replace("Na", "Xx"),
        good("numbers").replace("Cl 2 2 2", "Cl 2 two 2"),
        good("nan").replace("Cl 2 2 2", "Cl 2 nan 2"),
        good("short").replace("2\n", "3\n", 1),
        good("after-short"),
        good("long") + "Cl 1 1 1\nCl 2 1 1\n",
        good("after-long"),
        good("no-lattice").replace("Lattice", "Cell"),
        good("bad-lattice").replace("4 0 0 0 4 0 0 0 4", "4 4 4"),
        good("flat").replace("4 0 0 0 4 0 0 0 4", "4 0 0 4 0 0 0 0 4"),
        good("slab").replace("T T T", "T T F"),
        good("narrow").replace("Cl 2 2 2", "Cl 2 2"),
        good("bad-columns").replace("pos:R:3", "pos:R:x"),
        good("no-columns").replace("pos:R:3", "place:R:3"),
        good("text").replace("-1.5", "low"),
        "9" * 5000 + "\n",
        "0\n" + good("none").splitlines()[1] + "\n",
        "\n\n" + good("deuterium").replace("Na", "D"),
        good("cut").rsplit("Cl", 1)[0],
    ]
    (tmp_path / "a.xyz").write_text("".join(parts))
    named = {"formation_energy_per_atom": "e_form"}
    dataset, summary, rejected = load(tmp_path / "a.xyz", properties=named)
    assert list(dataset.ids) == ["first", "after-short", "after-long", "deuterium"]
    assert dataset[3].numbers.tolist() == [1, 17]
    reasons = {row["id"]: row["reason"] for row in rejected}
    assert reasons == {
        "unknown": "unknown element: 'Xx'",
        "numbers": "broken coordinates: 'two' is no number",
        "nan": "the cell or a position is not a finite number",
        "short": "broken frame: 2 atoms where 3 are announced",
        "long": "broken frame: more atoms than the 2 that are announced",
        "a-8": "broken frame: expected a number of atoms, not 'Cl 1 1 1'",
        "no-lattice": 'no lattice: the comment line has no Lattice="..."',
        "bad-lattice": "broken lattice: 3 numbers, not 9",
        "flat": "the cell has no volume",
        "slab": "not periodic: pbc is 'T T F'",
        "narrow": "broken frame: an atom's line has fewer than 4 columns",
        "bad-columns": "broken Properties: 'species:S:1:pos:R:x'",
        "no-columns": "broken Properties: 'species:S:1:place:R:3' lacks species or pos:R:3",
        "text": "broken formation_energy_per_atom: 'low' is no number",
        "a-18": f"broken frame: expected a number of atoms, not {'9' * 40!r}",
        "none": "the structure has no atoms",
        "cut": "broken frame: 1 atoms where 2 are announced",
    }
    assert summary["read"] == summary["kept"] + summary["rejected"] == 21


def test_numbers_instead_of_symbols_and_windows_line_ends(tmp_path, load):
    text = FRAME.format("a").replace("species:S:1", "Z:I:1").replace("Na", "11").replace("Cl", "17")
    (tmp_path / "a.extxyz").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    dataset, _, _ = load(tmp_path / "a.extxyz")
    assert dataset[0].numbers.tolist() == [11, 17]
    assert dataset.property("formation_energy_per_atom")[0] == -1.5


def test_gzip_cut_off(tmp_path, load):
    packed = gzip.compress("".join(FRAME.format(index) for index in range(500)).encode())
    (tmp_path / "a.extxyz.gz").write_bytes(packed)
    assert load(tmp_path / "a.extxyz.gz", limit=7)[1]["kept"] == 7
    (tmp_path / "b.extxyz.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(InputError, match="cut off"):
        load(tmp_path / "b.extxyz.gz")


def test_a_named_key_that_no_frame_has(tmp_path, load):
    (tmp_path / "a.extxyz").write_text(FRAME.format("a"))
    with pytest.raises(InputError, match="no column 'gap'; there are: e_form, id"):
        load(tmp_path / "a.extxyz", properties={"band_gap": "gap"})
    assert not (tmp_path / "out").exists()


def test_real_frames_against_ase(data_dir, load):
    source = data_dir / "mp_le20.extxyz.gz"
    dataset, _, _ = load(source, limit=200)
    with gzip.open(source, "rt") as stream:
        frames = ase.io.read(stream, index=":200", format="extxyz")
    for index, (found, frame) in enumerate(zip(dataset, frames, strict=True)):
        np.testing.assert_array_equal(found.lattice, frame.cell.array)
        np.testing.assert_array_equal(found.positions, frame.positions)
        np.testing.assert_array_equal(found.numbers, frame.numbers)
        expected = frame.info.get("formation_energy_per_atom", np.nan)
        np.testing.assert_equal(dataset.property("formation_energy_per_atom")[index], expected)
