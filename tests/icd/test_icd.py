"""The ICD layer: what is a code, what it is called, and a lexicon that names each code unmistakably."""

import re
from itertools import permutations

import pytest

from scl_rl.errors import UserError
from scl_rl.icd.advice import code_table, excludes1
from scl_rl.icd.codes import hierarchy, is_billable, is_valid, parents, synonyms, title
from scl_rl.icd.extend import extended
from scl_rl.icd.lexicon import LEXICON, Wording


def test_validity_and_billability() -> None:
    assert is_valid("E11") and not is_billable("E11")
    assert is_valid("E11.9") and is_billable("E11.9")
    assert not is_valid("E11.99999") and not is_billable("E11.99999")
    assert not is_valid("4") and not is_valid("I10-I1A")  # a chapter, a block


def test_titles_synonyms_and_hierarchy() -> None:
    assert title("E11.9") == "Type 2 diabetes mellitus without complications"
    assert synonyms("I10")[0] == title("I10")
    assert "high blood pressure" in synonyms("I10")
    assert "Depression NOS" in synonyms("F32.A")
    assert parents("E11.9") == ["E11", "E08-E13", "4"]
    assert hierarchy("E11.9") == ["4", "E08-E13", "E11", "E11.9"]
    with pytest.raises(ValueError):
        title("nonsense")


def test_notation_of_wordings() -> None:
    assert Wording.parse("HTN") == Wording("HTN")
    assert Wording.parse("a renal stone") == Wording("renal stone", "a")
    torn = Wording.parse("an enlarged[, smooth] prostate")
    assert torn == Wording("enlarged prostate", "an", ("enlarged", ", smooth", " prostate"))
    with pytest.raises(ValueError, match="not a wording"):
        Wording.parse("high[ blood")


def test_lexicon_codes_are_billable_and_have_enough_wordings() -> None:
    assert len(LEXICON) >= 48
    for code, entry in LEXICON.items():
        assert is_billable(code), code
        assert len({wording.text.lower() for wording in entry.wordings}) >= 4, code


def test_no_wording_stands_inside_another() -> None:
    """Not even when the other one is torn apart: a text says at once which code and tier it shows."""
    wordings = [wording for entry in LEXICON.values() for wording in entry.wordings]
    for one, other in permutations(wordings, 2):
        forms = [other.text, "".join(other.split or ())]
        assert not any(one.text.lower() in form.lower() for form in forms), (one.text, other.text)
    for wording in wordings:
        if wording.split:
            assert wording.text not in "".join(wording.split)


def test_more_codes_come_from_the_tables() -> None:
    entries = extended(len(LEXICON) + 60)
    assert len(entries) == len(LEXICON) + 60
    texts = [wording.text.lower() for entry in entries.values() for wording in entry.wordings]
    assert len(set(texts)) == len(texts)
    for code, entry in entries.items():
        assert is_billable(code) and len(entry.wordings) >= 4
    for text in texts:
        assert sum(text in other for other in texts) == 1, text


def test_asking_for_too_many_codes_says_how_many_there_are() -> None:
    with pytest.raises(UserError, match=r"99999 codes were asked for; only \d+ have 4 wordings"):
        extended(99_999)


def test_the_table_of_codes_warns_of_what_no_claim_may_carry():
    rows = {row.code: row for row in code_table()}
    assert rows["I10"].flags == "" and rows["E11"].flags == "b"
    assert set(rows["S52.501"].flags) == {"u", "b", "7"} and rows["S52.501A"].flags == "u"
    assert "1" not in rows and "A00-A09" not in rows


def test_excludes1_names_codes_and_ranges_and_is_inherited_by_categories():
    names = excludes1()
    assert {"P29.2", "O10-O11"} <= set(names["I10"])
    assert "P70-P74" in names["E11"]  # the chapter's
    assert all(re.fullmatch(r"[A-Z0-9.]+(-[A-Z0-9.]+)?", name) for some in names.values() for name in some)
