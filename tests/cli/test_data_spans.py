"""``scl-rl data spans``"""

import json

from click.testing import CliRunner

from scl_rl.cli.main import main
from scl_rl.corpus.jsonl import read_spans, write_jsonl
from scl_rl.corpus.types import Annotation, Document

NOTE = Document(
    id="n", text="Has a kidney stone.", annotations=[Annotation(code="N20.0", mentions=[[(6, 18)]])]
)
OFF = ("--set", "filters.ambiguous=false")  # the whole list takes seconds to read


def scl_rl(*arguments):
    return CliRunner().invoke(main, ["data", "spans", *map(str, arguments)])


def test_mentions_with_context_and_spans_of_the_tables(tmp_path):
    write_jsonl(tmp_path / "d.jsonl", [NOTE])
    out = tmp_path / "s.jsonl"
    done = scl_rl(
        "--documents", tmp_path / "d.jsonl", "--context", 1, "--how", "tabular", *OFF, "--out", out, "--json"
    )
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    first, *others = read_spans(out)
    assert (first.text, first.evidence, first.source) == ("a kidney stone.", "kidney stone", "annotated")
    assert {span.source for span in others} == {"tabular"} and {span.code for span in others} == {"N20.0"}
    assert report["extracted"] == 1 and report["synthesized"]["spans"] == len(others) == 16
    assert "kidney stone" not in {span.text for span in others}


def test_codes_and_settings_are_those_asked_for(tmp_path):
    out = tmp_path / "s.jsonl"
    done = scl_rl("--how", "tabular", "--codes", "N20", "--max-spans", 6, "--out", out, *OFF)
    assert done.exit_code == 0, done.output
    assert "0 extracted, 6 synthesised for 4 codes" in done.output
    assert {span.code for span in read_spans(out)} == {"N20.0", "N20.1", "N20.2", "N20.9"}


def test_mistakes_are_named_in_one_line_each(tmp_path):
    out = tmp_path / "s.jsonl"
    for arguments, message in [
        ((), "there is nothing to do"),
        (("--how", "tabular", "--how", "tabular"), "each can stand there once"),
        (("--how", "tabular", "--set", "tabular.typo=false"), "did you mean 'typos'?"),
        (("--how", "tabular", "--max-spans", "0"), "--max-spans: "),
        (("--how", "tabular", "--codes", "data", "--codes", "I10"), "--codes data stands alone"),
    ]:
        done = scl_rl(*arguments, "--out", out)
        assert (done.exit_code, message in done.output) == (2, True), done.output
        assert "Traceback" not in done.output and not out.exists()
