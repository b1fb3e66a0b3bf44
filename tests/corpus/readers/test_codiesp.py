"""CodiEsp by a small corpus on disk, invented, and by figures of the real one."""

import shutil
from pathlib import Path

import pytest

from scl_rl.corpus.jsonl import read_documents, write_jsonl
from scl_rl.corpus.readers.codiesp import article_id, read_codiesp
from scl_rl.corpus.spans import spans_of
from scl_rl.errors import UserError
from tests.support import FIXTURES

TRAIN = FIXTURES / "codiesp" / "train"
FIRST = "S9999-00000000000000001-1"


@pytest.fixture
def split(tmp_path: Path) -> Path:
    """The small corpus, to be spoilt."""
    return Path(shutil.copytree(TRAIN, tmp_path / "train"))


def complaints(split: Path) -> list[str]:
    with pytest.raises(UserError) as raised:
        read_codiesp(split)
    return [str(problem).removeprefix(str(split)) for problem in raised.value.problems]


def test_mentions_by_code_in_the_order_annotated():
    first, second, third = read_codiesp(TRAIN).documents
    assert first.id == FIRST
    assert {a.code: a.mentions for a in first.annotations} == {
        "R05": [[(21, 24)], [(114, 117)]],  # the third row repeats the first
        "R50.9": [[(27, 33)]],
        "R91.8": [[(69, 79), (86, 109)]],  # without its empty fragment
    }
    assert {a.code: a.mentions for a in second.annotations} == {
        "M25.569": [[(33, 40), (45, 50)]],
        "M25.469": [[(67, 74)]],
        "R52": None,  # nothing is left of its only mention
    }
    assert third.annotations == []
    assert [a.system for a in read_codiesp(TRAIN, "procedures").documents[0].annotations] == ["ICD-10-PCS"]


def test_a_reference_unlike_the_text_is_told_and_its_offsets_stand():
    misfits = read_codiesp(TRAIN).misfits
    assert [str(misfit).removeprefix(f"{TRAIN}/trainX.tsv") for misfit in misfits] == [
        ":5: one of its fragments is empty, the others stand: kept",
        ":8: reference of 8 characters, 7 others at its offsets: kept",
        ":9: nothing between its offsets: left out",
    ]
    assert (misfits[1].reference, misfits[1].standing) == ("derrame.", "derrame")


def test_what_a_policy_does_with_such_rows(split):
    table = split / "trainX.tsv"
    table.write_text(f"{FIRST}\tDIAGNOSTICO\tr05\ttos\t1 2\n{FIRST}\tDIAGNOSTICO\tr52\tno\t1 20000\nx\n")

    def read(policy):
        found = read_codiesp(split, policy=policy)
        mentions = {a.code: a.mentions for a in found.documents[0].annotations}
        return mentions, [misfit.done for misfit in found.misfits]

    assert complaints(split) == [
        "/trainX.tsv:2: offsets (1, 20000) outside the text of 135 characters",
        "/trainX.tsv:3: 1 tab-separated fields instead of 5",
    ]
    assert read("drop") == ({"R05": None, "R52": None}, ["left out"] * 3)
    assert read("repair") == (
        {"R05": [[(21, 24)]], "R52": None},
        ["repaired", "left out", "left out"],
    )
    with pytest.raises(UserError, match=r"trainX\.tsv:1: reference of 3 characters, 1 others") as raised:
        read("strict")
    assert len(raised.value.problems) == 3


def test_an_article_is_the_group_of_its_cases():
    first, second, _ = read_codiesp(TRAIN).documents
    assert (first.id, first.group) == (FIRST, FIRST[:-2]) and second.group == first.group


def test_spans_are_what_the_text_says():
    spans = [(span.code, span.text) for span in spans_of(read_codiesp(TRAIN).documents, "codiesp")]
    assert spans == [
        ("R05", "tos"),
        ("R05", "tos"),
        ("R50.9", "fiebre"),
        ("R91.8", "infiltrado lóbulo inferior derecho"),
        ("M25.569", "rodilla dolor"),
        ("M25.469", "derrame"),
    ]


def test_offsets_count_the_characters_of_the_file(split):
    """Line ends and a byte-order mark count as they are, and what UTF-8 writes in four bytes counts one."""
    text = "\ufeffTos 😀.\r\nFiebre\u2028alta.\r\n"
    (split / "text_files" / f"{FIRST}.txt").write_bytes(text.encode())
    start = text.index("Fiebre")
    row = f"{FIRST}\tDIAGNOSTICO\tr50.9\tFiebre\t{start} {start + 6}\r\n"
    (split / "trainX.tsv").write_bytes(row.encode())
    read = read_codiesp(split)
    assert read.documents[0].text == text
    assert read.documents[0].annotations[0].mentions == [[(start, start + 6)]]
    assert not read.misfits


def test_every_text_that_is_not_utf8_is_told(split):
    for name in ("b", "a"):
        (split / "text_files" / f"{name}.txt").write_bytes(b"fi\xe9bre")
    assert complaints(split) == [
        "/text_files/a.txt: not UTF-8 at byte 3",
        "/text_files/b.txt: not UTF-8 at byte 3",
    ]


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("{id}\tDIAGNOSTICO\t\ttos\t21 24", "'' is not a code"),
        ("{id}\tDIAGNOSTICO\tr 05\ttos\t21 24", "'r 05' is not a code"),
        ("{id}\tDIAGNOSTICO\ttos seca\ttos\t21 24", "a text of 8 characters is not a code"),
        ("{id}\tDIAGNOSTICO\tr05\ttos\t24 21", "the offsets '24 21' run backwards"),
        ("{id}\tDIAGNOSTICO\tr05\ttos\t-1 3", "the offsets are '-1 3' (expected 'start end[;start end]')"),
        ("{id}\tDIAGNOSTICO\tr05\ttos\t", "the offsets are '' (expected 'start end[;start end]')"),
        (
            "{id}\tDIAGNOSTICO\tr05\ttos\t1 " + "9" * 5000,
            f"the offsets are '1 {'9' * 131} … {'9' * 149}' (expected 'start end[;start end]')",
        ),
    ],
)
def test_a_malformed_row_says_where_it_is(split, row, complaint):
    (split / "trainX.tsv").write_text("\n" + row.format(id=FIRST), encoding="utf-8")
    assert complaints(split) == [f"/trainX.tsv:2: {complaint}"]


def test_a_folder_without_its_table(split):
    (split / "trainX.tsv").unlink()
    assert complaints(split) == [": has 0 files *X.tsv instead of one"]


@pytest.mark.codiesp
@pytest.mark.parametrize(
    ("split_name", "kinds", "annotations", "mentions"),
    [
        ("train", "diagnoses", 5639, 7209),
        ("train", "procedures", 1550, 1972),
        ("dev", "diagnoses", 2677, 3431),
        ("dev", "procedures", 817, 1046),
    ],
)
def test_the_real_corpus_in_figures(codiesp_dir, tmp_path, split_name, kinds, annotations, mentions):
    """The pairs of document and code are those of the corpus's own trainD.tsv, trainP.tsv and so on."""
    documents = read_codiesp(codiesp_dir / split_name, kinds).documents
    found = [(document.id, a) for document in documents for a in document.annotations]
    assert len(found) == annotations
    assert len(spans_of(documents, "codiesp")) == sum(len(a.mentions) for _, a in found) == mentions
    table = codiesp_dir / split_name / f"{split_name}{kinds[0].upper()}.tsv"
    rows = [line.split("\t") for line in table.read_text(encoding="utf-8").splitlines()]
    assert {(row[0], row[1].upper()) for row in rows} == {(document, a.code) for document, a in found}
    write_jsonl(tmp_path / "d.jsonl", documents)
    assert read_documents(tmp_path / "d.jsonl") == documents


@pytest.mark.codiesp
def test_articles_with_cases_in_train_and_dev(codiesp_dir):
    train, dev = (read_codiesp(codiesp_dir / name).documents for name in ("train", "dev"))
    assert len({article_id(d.id) for d in train} & {article_id(d.id) for d in dev}) == 15
