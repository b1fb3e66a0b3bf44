"""The compact tables: as the package has them, kept, and made anew when they are damaged."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from scl_rl.icd.codes import (
    billable_codes,
    children,
    distance,
    inclusion_terms,
    is_billable,
    is_valid,
    retired,
    seventh_characters,
    siblings,
)
from scl_rl.icd.normalise import normalised, system_name
from scl_rl.icd.tables import EXTENDED, tables


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a cache that nothing is in."""
    monkeypatch.setenv("SCL_RL_CACHE", str(tmp_path))
    tables.cache_clear()
    yield tmp_path / "icd"
    tables.cache_clear()


def test_the_file_is_kept_for_its_owner_and_says_the_same(kept: Path):
    first = list(tables())
    (file,) = kept.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(kept.stat().st_mode) == 0o700
    tables.cache_clear()
    assert list(tables()) == first
    look_up = "from scl_rl.icd.codes import title; title('I10')"
    code = f"import sys; {look_up}; print('simple_icd_10_cm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "foreign"])
def test_a_damaged_file_is_made_anew(kept: Path, damage: str):
    expected = tables()["I10"]
    (file,) = kept.iterdir()
    whole = file.read_bytes()
    other = {
        "cut": whole[: len(whole) // 2],
        "changed": whole.replace(b"Essential", b"Potential", 1),
        "empty": b"",
        "foreign": b"\xff\xfe\x00" * 100,
    }
    file.write_bytes(other[damage])
    tables.cache_clear()
    assert tables()["I10"] == expected
    assert file.read_bytes() == whole


def test_without_a_place_to_keep_it_the_tables_are_still_there(kept: Path):
    kept.parent.chmod(0o755)
    kept.write_text("a file where the folder should be")
    assert "I10" in {entry.code for entry in tables()}
    assert kept.read_text().startswith("a file")


def test_no_code_is_there_twice_even_if_a_block_has_its_name():
    codes = billable_codes()
    assert len(set(codes)) == len(codes) and "B20" in codes
    assert siblings("B99") == [] and siblings("E11.9")[:2] == ["E11.0", "E11.1"]


@pytest.mark.parametrize(
    ("written", "system", "expected"),
    [
        ("e119", "ICD-10-CM", "E11.9"),
        (" E11.9 ", "icd10cm", "E11.9"),
        ("E11.-", "ICD-10-CM", "E11"),
        ("c7a.00", "ICD-10-CM", "C7A.00"),
        ("s52501a", "CIE-10-ES", "S52.501A"),
        ("t36.0x1a", "ICD-10-CM", "T36.0X1A"),
        ("bw24zzz", "ICD-10-PCS", "BW24ZZZ"),
        ("0FT4.4ZZ", "ICD-10-PCS", "0FT44ZZ"),
        ("25000", "ICD-9-CM", "250.00"),
        ("v5867", "ICD-9-CM", "V58.67"),
        ("e8859", "ICD-9-CM", "E885.9"),
        ("3601", "ICD-9-PCS", "36.01"),
        ("99213", "CPT", "99213"),
        ("no code", "ICD-10-CM", "NO CODE"),
        ("e119", "mine", "E119"),
        ("", "ICD-10-CM", ""),
    ],
)
def test_codes_are_written_in_one_way(written: str, system: str, expected: str):
    assert normalised(written, system) == expected
    assert normalised(expected, system) == expected


def test_every_code_of_the_tables_is_in_that_way_and_found_without_its_dot():
    for entry in tables():
        if entry.is_code:
            assert normalised(entry.code) == entry.code == normalised(entry.code.replace(".", "").lower())


def test_names_of_systems():
    assert system_name("icd-10-cm") == system_name("ICD10CM") == "ICD-10-CM"
    assert system_name("CIE10ES") == "CIE-10-ES" and system_name("SNOMED CT") == "SNOMED CT"


def test_seventh_characters_are_those_that_make_a_code_complete():
    assert seventh_characters("V00.01") == {
        "A": "initial encounter",
        "D": "subsequent encounter",
        "S": "sequela",
    }
    assert "sequela" in seventh_characters("s52.501")["S"]
    assert seventh_characters("S52") == seventh_characters("S52.501A") == seventh_characters("I10") == {}
    assert seventh_characters("C44.102") == {}  # four more characters, and none of them says which encounter
    table = tables()
    for entry in table:
        if any(table[child].kind == EXTENDED for child in entry.children):
            assert all(seventh_characters(entry.code).values())


def test_distance_counts_steps_in_the_tree():
    assert distance("E11.9", "e119") == 0
    assert distance("E11", "E11.9") == distance("E11.9", "E11") == 1
    assert distance("E11.8", "E11.9") == 2
    assert distance("E10.9", "E11.9") == 4
    assert distance("A00.0", "E11.9") == 8  # by way of the root
    assert distance("E11.99999", "E11.9") == 1  # below the longest code that there is


def test_retired_codes_are_billable_no_longer():
    assert retired("R05") == "2021-01" and retired("E11.9") is None
    assert is_valid("R05") and not is_billable("R05") and "R05.9" in children("R05")
    from scl_rl.icd.codes import _retired

    assert len(_retired()) > 400 and not any(is_billable(code) for code in _retired())


def test_inclusion_terms():
    assert "Depression NOS" in inclusion_terms("F32.A") and inclusion_terms("I10") == ()
    with pytest.raises(ValueError, match="does not exist"):
        inclusion_terms("nonsense")
