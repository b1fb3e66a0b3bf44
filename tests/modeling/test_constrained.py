"""Constrained decoding: what it lets through is well-formed, located and in the list; gold gets through."""

import random
import re
import sys
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("llguidance")

import yaml  # noqa: E402
from click.testing import CliRunner  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

from scl_rl.answer.grammar import render  # noqa: E402
from scl_rl.answer.parse import parse  # noqa: E402
from scl_rl.cli.main import main  # noqa: E402
from scl_rl.corpus.jsonl import read_predictions, write_jsonl  # noqa: E402
from scl_rl.corpus.readers.codiesp import read_codiesp  # noqa: E402
from scl_rl.corpus.synthetic.sets import generate as synthetic  # noqa: E402
from scl_rl.corpus.synthetic.settings import SyntheticSettings  # noqa: E402
from scl_rl.corpus.types import Annotation, Document, Span  # noqa: E402
from scl_rl.errors import UserError  # noqa: E402
from scl_rl.icd.codes import billable_codes  # noqa: E402
from scl_rl.modeling.constrained.codes import CodeList, read_codes  # noqa: E402
from scl_rl.modeling.constrained.decoder import Constraint  # noqa: E402
from scl_rl.modeling.constrained.grammar import chunks_of  # noqa: E402
from scl_rl.modeling.load import Loaded, ModelCard, load_base, save_trained  # noqa: E402
from scl_rl.recipe.load import load_recipe  # noqa: E402
from scl_rl.reporter import QUIET  # noqa: E402
from scl_rl.runner.folder import RunFolder  # noqa: E402
from scl_rl.runner.plan import make_plan  # noqa: E402
from scl_rl.scoring import GoldDocument, NoteText  # noqa: E402
from scl_rl.stages.contract import DataFiles  # noqa: E402
from scl_rl.stages.predict.settings import PredictSettings  # noqa: E402
from scl_rl.stages.predict.work import allowed_codes  # noqa: E402
from scl_rl.stages.shared.prompting import Prompting, predict_documents  # noqa: E402
from tests.runner.test_run import RECIPE  # noqa: E402
from tests.stages.test_training import context, finished  # noqa: E402
from tests.support.tiny import make_tiny_model  # noqa: E402

CODES = ["I10", "I10.1", "R07.9", "bw24zzz", "C50†"]
NOTE = 'Painful pain, "HTN\\old"; no  pain.\nNiño: tos\t😀 pain. pain'
FORMS = ("lines", "json")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tiny_model(tmp_path_factory.mktemp("constrained") / "tiny")


@pytest.fixture(scope="module")
def constraints(folder):
    """One for each format, over the bytes of the tiny tokenizer."""
    loaded = Loaded(SimpleNamespace(generation_config=None), AutoTokenizer.from_pretrained(folder))
    return {form: Constraint(loaded, CODES, form) for form in FORMS}


def refused_at(constraint, text, answer, tokenizer=None):
    """How much of an answer may be written, None if all of it and its end."""
    row = constraint.row(text)
    written = b""
    tokens = (
        tokenizer(answer)["input_ids"]
        if tokenizer
        else [constraint.bytes.index(bytes([b])) for b in answer.encode()]
    )
    for token in tokens:
        if not row.allowed()[token]:
            return written.decode(errors="replace")
        row.take(token)
        written += constraint.bytes[token]
    return None if row.allowed()[list(constraint.ends)].all() else written.decode()


@pytest.mark.parametrize(
    "answer",
    [
        "none",
        '"tos" => I10',
        '"Painful pain" => I10.1\n"tos" => R07.9',
        '"no pain"; "\\"HTN\\\\old\\"" => bw24zzz',
        '"Niño" + "😀" => C50†',
        '"pain"#2 => I10',
        '"pain"#4; "pain"#5 => I10',
        '"pain. pain" => I10',
        '"pain. Niño" => I10',
    ],
)
def test_what_may_be_written(constraints, answer):
    assert refused_at(constraints["lines"], NOTE, answer) is None
    both = render(parse(answer), "json")
    assert refused_at(constraints["json"], NOTE, both) is None


@pytest.mark.parametrize(
    ("answer", "until"),
    [
        ("", ""),
        ("none\n", "none"),
        ('"cough" => I10', '"'),
        ('"ainful" => I10', '"'),
        ('"Painf" => I10', '"Painf'),
        ('" tos" => I10', '"'),
        ('"Niño: " => I10', '"Niño: '),
        ('"no  pain" => I10', '"no '),
        ('"HTN\\old" => I10', '"HTN\\'),
        ('"pain" => I10', '"pain"'),  # the first occurrence is a piece of "Painful"
        ('"pain"#1 => I10', '"pain"#'),
        ('"pain"#6 => I10', '"pain"#'),
        ('"pain"#22 => I10', '"pain"#2'),
        ('"tos"#2 => I10', '"tos"'),
        ('"tos" => I11', '"tos" => I1'),
        ('"tos" => R07', '"tos" => R07'),
        ('"tos" => i10', '"tos" => '),
        ('"tos" => I10\n"tos" => I10', '"tos" => I10\n"tos" => I10'),
        ('"tos" => I10\n"tos" => I10.1\n"tos" => I10', '"tos" => I10\n"tos" => I10.1\n"tos" => '),
        ('"tos" => I10\nnone', '"tos" => I10\n'),
    ],
)
def test_what_may_not(constraints, answer, until):
    assert refused_at(constraints["lines"], NOTE, answer) == until


@pytest.mark.parametrize(
    ("answer", "until"),
    [
        ('{"evidence": [["pain"]], "code": "I11"}', '{"evidence": [["pain"]], "code": "I1'),
        ('{"evidence": [["pain"]], "code": "R07"}', '{"evidence": [["pain"]], "code": "R07'),
        ('{"evidence": [[["pain", 1]]], "code": "I10"}', '{"evidence": [[["pain", '),
        ('{"evidence": [[["pain", 22]]], "code": "I10"}', '{"evidence": [[["pain", 2'),
        ('{"evidence": [["code", "pain"]], "code": "I10"}', '{"evidence": [["'),
        ('{"evidence": [], "code": "I10"}', '{"evidence": ['),
    ],
)
def test_what_may_not_in_json(constraints, answer, until):
    assert refused_at(constraints["json"], NOTE, answer) == until


def test_when_all_codes_are_used_the_answer_ends(constraints):
    lines = [f'"tos" => {code}' for code in CODES]
    assert refused_at(constraints["lines"], NOTE, "\n".join(lines)) is None
    assert refused_at(constraints["lines"], NOTE, "\n".join([*lines, ""])) == "\n".join(lines)
    objects = [f'{{"evidence": [["tos"]], "code": "{code}"}}' for code in CODES]
    assert refused_at(constraints["json"], NOTE, "\n".join(objects)) is None
    assert refused_at(constraints["json"], NOTE, "\n".join([*objects, ""])) == "\n".join(objects)


@pytest.mark.parametrize("text", ["", " \n\t", "\ud800", "\ufffe \udfff"])
def test_of_a_note_without_words_nothing_is_cited(constraints, text):
    for form in FORMS:
        assert refused_at(constraints[form], text, "none") is None
        assert refused_at(constraints[form], text, '"') == ""


def test_where_no_token_goes_on_the_answer_ends(constraints):
    """As with a tokenizer that lacks a letter of the note."""
    constraint = constraints["lines"]
    t, o, s = (constraint.bytes.index(letter) for letter in (b"t", b"o", b"s"))
    row = constraint.row("tos")
    matcher = row._matcher
    bits = matcher.compute_bitmask

    def without_s():
        mask = bytearray(bits())
        mask[s // 8] &= ~(1 << s % 8) & 0xFF
        return bytes(mask)

    row._matcher = SimpleNamespace(compute_bitmask=without_s, consume_token=matcher.consume_token)
    for token in (constraint.bytes.index(b'"'), t, o):
        assert row.allowed()[token]
        row.take(token)
    assert set(row.allowed().nonzero()[0]) == set(constraint.ends)
    row.take(next(iter(constraint.ends)))
    assert row.ended and set(row.allowed().nonzero()[0]) == set(constraint.ends)


def wander(constraint, text, rng, most=250):
    """An answer chosen at random among what may be written, and whether it came to its end."""
    row, written = constraint.row(text), b""
    for _ in range(most):
        allowed = row.allowed()
        tokens = [int(token) for token in allowed.nonzero()[0]]
        closing = [token for token in tokens if b'"' in constraint.bytes[token]]
        token = rng.choice(closing if closing and rng.random() < 0.3 else tokens)
        if token in constraint.ends:
            return written.decode(), True
        row.take(token)
        written += constraint.bytes[token]
    return written.decode(errors="replace"), False


pieces = st.one_of(
    st.sampled_from(
        ["pain", "painful", "Pain", " ", "  ", "\n", '"', "\\", ".", "#2", " => ", "ß", "İ", "\u0301"]
    ),
    st.text(max_size=3),
    st.sampled_from(["\ud800", "\x00", "\x85", "\u2028", "\ufffe", "\ufeff"]),
)


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None, max_examples=120)
@given(text=st.lists(pieces, max_size=12).map("".join), seed=st.integers(0, 2**32))
def test_whatever_is_written_reads_well_and_is_in_the_note(constraints, form, text, seed):
    written, whole = wander(constraints[form], text, random.Random(seed))
    answer = parse(constraints[form].finished(written, text), form)
    note = NoteText(text)
    assert len(answer.malformed) <= (not whole), written
    assert len({line.code for line in answer.lines}) == len(answer.lines)
    for line in answer.lines:
        assert line.code in CODES
        for mention in line.mentions:
            fragments = note.locate(mention)
            assert fragments is not None, written
            assert form == "json" or not note.tokens.torn(fragments), written


def gold_is_let_through(loaded, documents, form, tokenizer=None):
    codes = {a.code for d in documents for a in d.annotations or ()}
    constraint = Constraint(loaded, codes, form)
    for document in documents:
        answer = render(GoldDocument.of(document).gold_answer(), form)
        assert refused_at(constraint, document.text, answer, tokenizer) is None, document.id


@pytest.mark.parametrize("form", FORMS)
def test_gold_is_let_through(folder, small_codiesp, form):
    loaded = Loaded(SimpleNamespace(generation_config=None), AutoTokenizer.from_pretrained(folder))
    made = synthetic(SyntheticSettings(documents=0, spans=0, code_only=0, dev=0, test=40))
    gold_is_let_through(loaded, made.test, form)
    gold_is_let_through(loaded, read_codiesp(small_codiesp).documents, form)


@pytest.mark.model
@pytest.mark.parametrize("form", FORMS)
def test_gold_is_let_through_in_the_tokens_of_a_real_model(tmp_path, form):
    loaded = load_base("smollm2-135m", tmp_path, "float32", reporter=QUIET)
    made = synthetic(SyntheticSettings(documents=0, spans=0, code_only=0, dev=0, test=40))
    gold_is_let_through(loaded, made.test, form, loaded.tokenizer)


def test_every_billable_code_can_be_written():
    codes = CodeList(billable_codes())
    assert len(codes) == len(set(billable_codes())) > 74_000
    shape = re.compile(codes.shape)
    for code in set(billable_codes()):
        assert shape.fullmatch(code) and code.encode() in codes
    assert codes.beginning(b"I1") > codes.beginning(b"I10") == 1
    assert not codes.goes_on(b"I10", [b"I10"]) and codes.goes_on(b"I1", [b"I10"])


def test_chunks_are_words_and_no_escape_is_split():
    assert chunks_of('a\n b"\\\x01\ud800é') == ["a", " ", "b", '\\"', "\\\\", "\\u0001", "\ufffe", "é"]


def test_a_code_that_was_cut_off_is_none(constraints):
    lines = constraints["lines"]
    assert lines.finished('"tos" => R07', NOTE) == '"tos" '
    assert parse(lines.finished('"tos" => I10\n"tos" => R07.', NOTE)).malformed[0].number == 2
    assert lines.finished('"tos" => I10', NOTE) == '"tos" => I10'  # it may be all
    assert lines.finished('"tos" => I10\n"tos" => I10', NOTE) == '"tos" => I10\n"tos" '
    assert lines.finished('"to', NOTE) == '"to'


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    """The tiny model as if a stage had trained it, and documents."""
    place = tmp_path_factory.mktemp("run")
    loaded = load_base(str(folder), place, "float32")
    card = ModelCard(base=str(folder), dtype="float32", template="N:{text}\nC:", chat=False, answer="lines")
    (place / "stages" / "sft").mkdir(parents=True)
    save_trained(loaded, place / "stages" / "sft" / "model", card)
    annotations = [Annotation(code="K35.80", mentions=None)]
    documents = [
        Document(id=str(n), text=f"{NOTE} {n} " * (n + 1), annotations=annotations) for n in range(5)
    ]
    write_jsonl(place / "d.jsonl", documents)
    (place / "codes.txt").write_text("I10\n\n R07.9 \n")
    return place


@pytest.mark.parametrize("form", FORMS)
def test_a_model_of_random_weights_is_grounded(folder, form):
    loaded = load_base(str(folder), folder, "float32")
    documents = [Document(id=str(n), text=f"{NOTE} {n} " * (n + 1)) for n in range(5)]
    prompting = Prompting("N:{text}\nC:", False, form, 90, loaded.tokenizer)
    constraint = Constraint(loaded, CODES, form)
    predictions, windows = predict_documents(loaded, documents, prompting, 80, 4, constraint=constraint)
    assert windows > len(documents)
    codes = [code for prediction in predictions for code in prediction.codes]
    for code in codes:
        assert code.code in CODES and all(mention.fragments for mention in code.mentions)
    assert sum(p.malformed for p in predictions) <= windows
    free, _ = predict_documents(loaded, documents, prompting, 80, 4)
    assert sum(p.malformed for p in free) >= windows  # it has learned nothing


def test_the_rows_of_a_batch_are_those_of_one_at_a_time(folder):
    loaded = load_base(str(folder), folder, "float32")
    texts = [f"{NOTE} {n}" * (1 + n % 3) for n in range(6)]
    constraint = Constraint(loaded, CODES, "lines")
    together = constraint.answers(loaded, texts, list(texts), 40, 6)
    assert together == [constraint.answers(loaded, [text], [text], 40, 1)[0] for text in texts]


def test_the_stage_predicts_constrained(trained):
    stage = context(
        trained, "predict", finished(trained / "stages", "sft"), data=DataFiles(test=trained / "d.jsonl")
    )
    settings = PredictSettings(max_new_tokens=60, decoding="constrained", codes="codes.txt")
    assert settings.run(stage)["documents"] == 5
    predictions = read_predictions(trained / "predict" / "predictions.jsonl")
    assert {c.code for p in predictions for c in p.codes} <= {"I10", "R07.9"}
    assert all(m.fragments for p in predictions for c in p.codes for m in c.mentions)


def test_which_codes_are_allowed(trained, tmp_path):
    write_jsonl(tmp_path / "spans.jsonl", [Span(text="x", code="bw24zzz")])
    data = DataFiles(annotated=trained / "d.jsonl", spans=tmp_path / "spans.jsonl")
    assert sorted(allowed_codes("training", tmp_path, data)) == ["K35.80", "bw24zzz"]
    assert allowed_codes("codes.txt", trained, data) == ["I10", "R07.9"]
    assert "S72.001A" in allowed_codes("icd-10-cm", trained, data)
    with pytest.raises(UserError, match=r"codes: there is no file 'icd10cm' \(did you mean 'icd-10-cm'\?\)"):
        allowed_codes("icd10cm", trained, data)
    recipe = (
        "model: smollm2-135m\ndata: {source: synthetic}\nstages:\n  sft: {kind: sft, tokens: 9}\n"
        "  predict: {kind: predict, from: sft, decoding: constrained, codes: %s}\n"
    )
    (tmp_path / "r.yaml").write_text(recipe % "icd10cm")
    told = r"r.yaml:5:62: at stages.predict.codes: there is no file .*icd10cm \(did you mean 'icd-10-cm'\?\)"
    with pytest.raises(UserError, match=told):
        load_recipe(tmp_path / "r.yaml")
    (tmp_path / "r.yaml").write_text(recipe % (trained / "codes.txt"))
    load_recipe(tmp_path / "r.yaml")
    with pytest.raises(UserError, match="the training sets name no codes"):
        allowed_codes("training", tmp_path, DataFiles())
    with pytest.raises(ValueError, match="only decoding: constrained is held to them"):
        PredictSettings(codes="icd-10-cm")


def test_a_bad_list_of_codes_says_where(tmp_path):
    path = tmp_path / "codes.txt"
    path.write_text("I10\nI10 essential hypertension\n=> I11\n")
    with pytest.raises(UserError) as raised:
        read_codes(path)
    told = [str(problem) for problem in raised.value.problems]
    assert [line.startswith(f"{path}:{n}: '") for line, n in zip(told, (2, 3), strict=True)] == [True, True]
    path.write_text("\n\n")
    with pytest.raises(UserError, match=r"codes.txt: has no codes \(write one per line\)"):
        read_codes(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="can't be read: not UTF-8"):
        read_codes(path)


def test_without_llguidance_it_says_what_to_install(folder, monkeypatch):
    loaded = Loaded(SimpleNamespace(generation_config=None), AutoTokenizer.from_pretrained(folder))
    monkeypatch.setitem(sys.modules, "llguidance.hf", None)
    with pytest.raises(UserError, match="pip install llguidance"):
        Constraint(loaded, CODES, "lines")


def call(trained, *options):
    model, out = trained / "stages" / "sft" / "model", trained / "p.jsonl"
    files = ["--model", str(model), "--documents", str(trained / "d.jsonl"), "--out", str(out)]
    return CliRunner().invoke(main, ["predict", *files, "--max-new-tokens", "30", *options])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--decoding", "constrained"], "error: --codes: --decoding constrained needs to know which codes"),
        (["--codes", "icd-10-cm"], "error: --codes: free decoding does not use them"),
        (["--decoding", "constrained", "--codes", "no.txt"], "error: codes: there is no file 'no.txt'"),
        (["--decoding", "constrained", "--codes", "training"], "error: codes: training: the training sets"),
    ],
)
def test_wrong_use_on_the_command_line(trained, options, text):
    done = call(trained, *options)
    assert done.exit_code == 2, done.output
    assert text in done.stderr


def test_on_the_command_line_training_codes_are_those_of_the_run(trained):
    data = trained / "stages" / "data"
    data.mkdir()
    write_jsonl(data / "spans.jsonl", [Span(text="x", code="bw24zzz")])
    done = call(trained, "--decoding", "constrained", "--codes", "training")
    assert done.exit_code == 0, done.output
    assert {c.code for p in read_predictions(trained / "p.jsonl") for c in p.codes} <= {"bw24zzz"}


def test_another_list_of_codes_is_another_stage(tmp_path):
    (tmp_path / "codes.txt").write_text("I10\n")
    predict = {"kind": "predict", "from": "a", "decoding": "constrained", "codes": "codes.txt"}
    stages = {"a": {"kind": "sft", "tokens": 9}, "predict": predict}
    (tmp_path / "r.yaml").write_text(yaml.safe_dump({**RECIPE, "stages": stages}))
    first = make_plan(load_recipe(tmp_path / "r.yaml"), RunFolder(tmp_path / "run")).steps
    (tmp_path / "codes.txt").write_text("I10\nJ11\n")
    second = make_plan(load_recipe(tmp_path / "r.yaml"), RunFolder(tmp_path / "run")).steps
    assert [a.key == b.key for a, b in zip(first, second, strict=True)] == [True, True, False]


def test_a_note_that_is_too_long_is_refused_and_not_shown(constraints):
    with pytest.raises(
        UserError, match=r"a note of 700,000 characters is too long.*\(let the model read"
    ) as raised:
        constraints["lines"].row("secret " * 100_000)
    assert "secret" not in str(raised.value)
