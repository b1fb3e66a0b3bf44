"""Code systems: what a claim makes of a code, and code sets from files in their authors' layouts."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from scl_rl.errors import UserError
from scl_rl.icd.files import code_systems, read_code_list
from scl_rl.icd.systems import Icd10Cm, Status


def order_line(number: int, code: str, billable: int, title: str) -> str:
    return f"{number:05} {code:<7} {billable} {title[:60]:<60} {title}"


ORDER = "\r\n".join(
    [
        order_line(1, "001", 0, "Central Nervous System and Cranial Nerves, Bypass"),
        order_line(2, "0016070", 1, "Bypass Cerebral Ventricle to Nasopharynx with Autol Sub, Open"),
        order_line(3, "0016071", 1, "Bypass Cerebral Ventricle to Mastoid Sinus"),
        "",
    ]
)
CODES = "0010  Cholera due to vibrio cholerae\n00845 Intestinal infection due to Clostridium difficile\n"
MENIERE = "38600 Ménière's disease, unspecified\n"
MIMIC = 'icd_code,icd_version,long_title\n"25000",9,"Diabetes, type II"\n"E119 ",10,"Type 2 diabetes"\n'


@pytest.mark.parametrize(
    ("code", "status", "in_spain"),
    [
        ("e119", Status.BILLABLE, Status.BILLABLE),
        ("E11", Status.NOT_BILLABLE, Status.NOT_BILLABLE),
        ("S52.501", Status.CUT, Status.BILLABLE),
        ("W19", Status.CUT, Status.BILLABLE),
        ("w19xxx", Status.CUT, Status.BILLABLE),  # as CodiEsp writes it
        ("W19.X", Status.UNKNOWN, Status.UNKNOWN),
        ("S52.501A", Status.BILLABLE, Status.BILLABLE),
        ("S52", Status.NOT_BILLABLE, Status.NOT_BILLABLE),
        ("R05", Status.RETIRED, Status.RETIRED),
        ("E11.99", Status.UNKNOWN, Status.UNKNOWN),
        ("I10-I1A", Status.UNKNOWN, Status.UNKNOWN),
    ],
)
def test_what_a_claim_makes_of_a_code(code: str, status: Status, in_spain: Status):
    systems = code_systems({})
    assert systems["ICD-10-CM"].status(code) is status
    assert systems["CIE-10-ES"].status(code) is in_spain


def test_icd_10_cm_behind_the_interface():
    system = Icd10Cm()
    assert system.parents("e119") == ["E11", "E08-E13", "4"] and system.parents("nonsense") == []
    assert system.title("nonsense") is None and system.children("nonsense") == []
    assert "E11.9" in set(system.codes()) and "E11" not in set(system.codes())


def test_an_order_file_of_cms(tmp_path: Path):
    path = tmp_path / "icd10pcs_order.txt"
    path.write_text(ORDER, encoding="utf-8", newline="")
    pcs = read_code_list(path, "ICD-10-PCS")
    assert len(pcs) == 3
    assert pcs.title("0016070") == "Bypass Cerebral Ventricle to Nasopharynx with Autol Sub, Open"
    assert [pcs.status(code) for code in ("001607o", "0016070", "001", "00160", "0016079")] == [
        Status.UNKNOWN,
        Status.BILLABLE,
        Status.NOT_BILLABLE,
        Status.NOT_BILLABLE,  # no row of the file, but codes begin so
        Status.UNKNOWN,
    ]
    assert pcs.parents("0016070") == ["001"] and pcs.children("001") == ["0016070", "0016071"]
    assert list(pcs.codes()) == ["0016070", "0016071"]


def test_lists_of_codes_and_titles(tmp_path: Path):
    path = tmp_path / "CMS32_DESC_LONG_DX.txt"
    path.write_text(CODES + MENIERE, encoding="latin-1")
    nine = read_code_list(path, "ICD-9-CM")
    assert nine.title("008.45") == nine.title("00845") == "Intestinal infection due to Clostridium difficile"
    assert nine.title("386.00") == "Ménière's disease, unspecified"
    assert nine.status("386.00") is Status.BILLABLE and nine.status("386") is Status.NOT_BILLABLE
    path.write_text("250\tDiabetes\n250.0\tWithout complication\n250.00\tType II\n250.1\tWith acidosis\n")
    nine = read_code_list(path, "ICD-9-CM")
    assert nine.parents("250.00") == ["250.0", "250"] and nine.children("250") == ["250.0", "250.1"]
    assert [nine.status(code) for code in ("250", "250.1")] == [Status.NOT_BILLABLE, Status.BILLABLE]


def test_a_dictionary_of_mimic_gives_the_codes_of_one_version(tmp_path: Path):
    path = tmp_path / "d_icd_diagnoses.csv.gz"
    path.write_bytes(gzip.compress(MIMIC.encode()))
    systems = code_systems({"icd9": path, "icd10cm": path})
    assert list(systems["ICD-9-CM"].codes()) == ["250.00"]
    assert systems["ICD-9-CM"].title("25000") == "Diabetes, type II"
    assert list(systems["ICD-10-CM"].codes()) == ["E11.9"]  # the file's instead of ours


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("none.tsv", b"", "has no codes of ICD-9-CM"),
        ("odd.tsv", b"250.00\tDiabetes\nDiabetes\n\t\n", "odd.tsv:2: is not a code and its title"),
        ("other.csv", b"icd_code,icd_version\nE119,10\n", "has no codes of ICD-9-CM"),
        ("short.csv", b"code,title\n25000\n", "short.csv:2: 1 fields instead of 2"),
        ("bad.csv.gz", b"not gzip", "can't be read"),
    ],
)
def test_malformed_files_are_named(tmp_path: Path, name: str, content: bytes, expected: str):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=expected):
        read_code_list(tmp_path / name, "ICD-9-CM")
    with pytest.raises(UserError, match="can't be read"):
        read_code_list(tmp_path / "nowhere.txt", "ICD-9-CM")
