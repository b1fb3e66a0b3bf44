"""Commands with their files, one of which is damaged."""

from __future__ import annotations

import contextlib
import functools
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from scl_rl.cli.main import main

from .damage import TEXTS, Draw, damaged_bytes, damaged_json, damaged_jsonl, damaged_yaml, jsonl, strange
from .oracle import CANARY, Case

Maker = Callable[[Draw], Case]


def _words(*names: str) -> str:
    return " ".join(CANARY + name for name in names)


NOTES = {
    "d1": _words("mother", "asthma", "he", "asthma") + ".\n" + _words("no", "fever") + ".",
    "d2": _words("chest", "pain", "é", "😀") + "; " + _words("htn") + "\u2028" + _words("weak"),
    "d3": _words("nothing") + "\r\n",
    "d4": _words("gout", "cough"),
}


def _place(note: str, word: str, nth: int = 1) -> list[int]:
    at = -1
    for _ in range(nth):
        at = NOTES[note].index(CANARY + word, at + 1)
    return [at, at + len(CANARY + word)]


DOCUMENTS: list[dict[str, Any]] = [
    {
        "id": "d1",
        "text": NOTES["d1"],
        "annotations": [
            {"code": "J45.909", "system": "ICD-10-CM", "mentions": [[_place("d1", "asthma", 2)]]},
            {
                "code": "R50.9",
                "mentions": [[_place("d1", "fever")], [_place("d1", "he"), _place("d1", "no")]],
            },
        ],
    },
    {
        "id": "d2",
        "text": NOTES["d2"],
        "annotations": [
            {"code": "R07.9", "mentions": [[_place("d2", "chest"), _place("d2", "pain")]]},
            {"code": "I10", "mentions": [[_place("d2", "htn")]]},
        ],
        "source": "made up",
    },
    {"id": "d3", "text": NOTES["d3"], "annotations": []},
    {"id": "d4", "text": NOTES["d4"], "annotations": [{"code": "M10.9", "mentions": None}]},
]
SPANS = [
    {"text": _words("high", "blood"), "code": "I10", "source": "made up"},
    {"text": _words("asthma"), "code": "J45.909"},
]


def _mention(note: str, *words: str) -> dict[str, Any]:
    return {"quotes": [CANARY + word for word in words], "fragments": [_place(note, word) for word in words]}


PREDICTIONS = [
    {
        "id": "d1",
        "codes": [
            {"code": "J45.909", "mentions": [_mention("d1", "asthma")]},
            {"code": "I10", "mentions": []},
        ],
        "malformed": 1,
    },
    {
        "id": "d2",
        "codes": [
            {"code": "R07.9", "mentions": [_mention("d2", "chest", "pain")]},
            {"code": "I10", "mentions": [{"quotes": [_words("blood")], "fragments": None}]},
        ],
    },
    {"id": "d3", "codes": []},
]
_ANSWERS = [f'"{CANARY}asthma"#2 => J45.909', f'"{CANARY}chest" + "{CANARY}pain" => R07.9\nI10', "none", ""]
COMPLETIONS = [
    {"id": note, "completion": text, "reward": reward, "step": 1, "group": note}
    for note, texts in (("d1", _ANSWERS), ("d2", _ANSWERS[1:]))
    for reward, text in enumerate(texts)
]
GOLD = [document for document in DOCUMENTS if document["id"] != "d4"]

REWARD = """\
def f(completions, text, annotations, **_):
    return [float(len(c)) for c in completions]

def g(completions, scale=2, **_):
    return [scale] * len(completions)
"""
RECIPE = """\
name: toy
seed: 1
model: {name: smollm2-135m, dtype: float32}
prompt: {template: "Note:\\n{text}\\n\\nCodes:\\n", chat: false}
answer: lines
window: {tokens: 256}
data: {source: synthetic, codes: 6, documents: 4, spans: 8, code_only: 3, dev: 2, test: 2, seed: 3}
stages:
  scl:
    kind: sft
    tokens: 4000
    mixture: {documents: 1, spans: 0.5}
    seeds: [1, 2]
    peft: {r: 8, target_modules: [q_proj, v_proj], lora_dropout: 0.1}
    trainer: {learning_rate: 1.0e-3, per_device_train_batch_size: 2, lr_scheduler_type: cosine}
  pairs: {kind: pairs, from: scl, samples: 2, negatives: [dropped, sibling], temperature: 0.7}
  dpo: {kind: dpo, from: pairs, num_train_epochs: 0.5, trainer: {beta: 0.2}}
  grpo:
    kind: grpo
    from: scl
    max_steps: 2
    max_code_only: 2
    rewards: [evidence, {name: "./reward.py:f", weight: 0.5}, {name: "./reward.py:g", args: {scale: 3}}]
    trainer: {num_generations: 4, max_completion_length: 256}
  fill: {kind: fill, from: scl, samples: 2, batch_size: 8}
  predict:
    {kind: predict, from: [scl, dpo, grpo], max_new_tokens: 256, decoding: constrained, codes: training}
  words: {kind: dictionary}
  evaluate: {kind: evaluate, from: [predict, words]}
  compare: {kind: compare, from: evaluate, against: [words], resamples: 200}
"""
FILES_RECIPE = """\
name: toy
model: smollm2-135m
data: {source: files, annotated: annotated.jsonl, spans: spans.jsonl, test: test.jsonl}
stages:
  words: {kind: dictionary}
  evaluate: {kind: evaluate, from: words}
"""
CODIESP = {
    "S1": NOTES["d1"],
    "S2": NOTES["d2"],
}
CODIESP_ROWS = [
    ("S1", "DIAGNOSTICO", "j45.909", CANARY + "asthma", "{} {}".format(*_place("d1", "asthma"))),
    ("S1", "PROCEDIMIENTO", "bw24zzz", CANARY + "fever", "{} {}".format(*_place("d1", "fever"))),
    (
        "S2",
        "DIAGNOSTICO",
        "r07.9",
        f"{CANARY}pain {CANARY}chest",
        "{} {};{} {}".format(*_place("d2", "pain"), *_place("d2", "chest")),
    ),
]


def _one_of(draw: Draw, files: Mapping[str, list[Any]], broken: bool = True) -> tuple[dict[str, bytes], str]:
    """JSONL files, one of them damaged, and which one."""
    name = draw(st.sampled_from(sorted(files))) if broken else ""
    return {n: damaged_jsonl(draw, r) if n == name else jsonl(r) for n, r in files.items()}, name


def _maybe_json(draw: Draw) -> list[str]:
    return ["--json"] if draw(st.booleans()) else []


def evaluate(draw: Draw) -> Case:
    """``evaluate``"""
    files, name = _one_of(draw, {"p.jsonl": PREDICTIONS, "d.jsonl": DOCUMENTS})
    args = ["evaluate", "--predictions", "p.jsonl", "--documents", "d.jsonl", *_maybe_json(draw)]
    return Case(args, files, damaged=name)


def compare(draw: Draw) -> Case:
    """``compare``"""
    sets = {"p.jsonl": PREDICTIONS, "q.jsonl": PREDICTIONS[:2], "d.jsonl": DOCUMENTS, "t.jsonl": SPANS}
    files, name = _one_of(draw, {**sets, "u.jsonl": DOCUMENTS})
    args = ["compare", "p.jsonl", "q.jsonl", "--documents", "d.jsonl", "--resamples", "100"]
    args += ["--training", "t.jsonl", "--training", "u.jsonl", *_maybe_json(draw)]
    return Case(args, files, damaged=name)


def score(draw: Draw) -> Case:
    """``reward score``"""
    files, name = _one_of(draw, {"c.jsonl": COMPLETIONS, "d.jsonl": DOCUMENTS})
    reward = draw(
        st.sampled_from(["evidence", "hierarchy", "all_cited", "code_f1", "grounded", "format", "span"])
    )
    form = draw(st.sampled_from(["lines", "json"]))
    args = ["reward", "score", "--reward", reward, "--documents", "d.jsonl", "--completions", "c.jsonl"]
    return Case([*args, "--answer", form, *_maybe_json(draw)], files, damaged=name)


def rescore(draw: Draw) -> Case:
    """``reward rescore``"""
    files, name = _one_of(draw, {"c.jsonl": COMPLETIONS, "d.jsonl": DOCUMENTS})
    args = ["reward", "rescore", "--reward", "evidence*0.5", "--reward", "code_f1"]
    args += ["--documents", "d.jsonl", "--completions", "c.jsonl", *_maybe_json(draw)]
    return Case(args, files, damaged=name)


def probe(draw: Draw) -> Case:
    """``reward probe``; its code is 1 where a reward can be gamed, or fails on odd notes."""
    files, name = _one_of(draw, {"d.jsonl": GOLD})
    html = draw(st.booleans())
    args = ["reward", "probe", "format", "--documents", "d.jsonl", "--limit", "2", *_maybe_json(draw)]
    args += ["--html", "page.html"] if html else []
    return Case(args, files, {"page.html"} if html else set(), name, codes=(0, 1, 2))


def reward_file(draw: Draw) -> Case:
    """``reward score`` with a damaged reward file: whatever it does, nothing but a line comes of it."""
    bodies = [
        *(
            "return [1] * len(completions)",
            "return []",
            "return None",
            "return completions",
            "return text",
            "yield 1",
        ),
        *(
            "raise ValueError(text[0])",
            "raise KeyError(text)",
            "import sys; sys.exit(0)",
            "raise GeneratorExit",
        ),
        *("import os; os._exit(0)", "print(text); return [0] * len(completions)", "return [float('nan')]"),
        *(
            "import sys; print(text, file=sys.stderr); assert not text, text",
            "return [10 ** 400] * len(text)",
        ),
        *(
            "text.clear(); return [1] * 9",
            "return {i: 1 for i in range(len(text))}",
            "def",
            "return [text[0]] * 7",
        ),
        *("raise BaseException(text)", "raise SystemExit(text[0])", "return 1/0", "raise StopIteration"),
        *(
            "import warnings; warnings.warn(text[0]); return [0.5 for _ in completions]",
            "return f(completions)",
        ),
    ]
    body = draw(st.sampled_from(bodies))
    parameters = draw(
        st.sampled_from(["completions, text, **_"] * 6 + ["completions", "", "text, /, **_", "*a"])
    )
    source = f"def f({parameters}):\n    {body}\n".encode()
    if draw(st.integers(0, 3)) == 0:
        source = damaged_bytes(draw, source)
    files = {"r.py": source, "d.jsonl": jsonl(DOCUMENTS), "c.jsonl": jsonl(COMPLETIONS)}
    args = ["reward", "score", "--reward", "./r.py:f", "--documents", "d.jsonl", "--completions", "c.jsonl"]
    return Case([*args, *_maybe_json(draw)], files, damaged="r.py", by_line=False)


def reward_arguments(draw: Draw) -> Case:
    """``reward score`` with strange names and arguments."""
    names = [
        "evidence",
        "evidense",
        "./r.py:g",
        "r.py:g",
        "./r.py:h",
        "./none.py:f",
        "os:system",
        "a.b:c",
        ":",
        "",
    ]
    name = draw(st.sampled_from(names)) + draw(
        st.sampled_from(["", "", "*2", "*x", "*nan", "*1e999", "*-1", "**"])
    )
    arguments = [
        "scale=3",
        "beta=2",
        "soft=1",
        "beta=x",
        "scale=!!python/object:os.system",
        "=",
        "x",
        "beta=.nan",
    ]
    more = draw(
        st.lists(
            st.sampled_from([*arguments, "beta=[1,2]", "beta={", "1=2", "beta=" + "9" * 5000]), max_size=2
        )
    )
    args = ["reward", "score", "--reward", name, "--documents", "d.jsonl", "--completions", "c.jsonl"]
    args += [part for argument in more for part in ("--arg", argument)]
    files = {"r.py": REWARD.encode(), "d.jsonl": jsonl(DOCUMENTS), "c.jsonl": jsonl(COMPLETIONS)}
    return (
        Case(args, files, damaged="", codes=(0, 2)) if not more and name == "evidence" else _any(args, files)
    )


def _any(args: list[str], files: dict[str, bytes]) -> Case:
    return Case(args, files, damaged=" ", by_line=False)


def plan(draw: Draw) -> Case:
    """``plan`` of a damaged recipe, with strange overrides."""
    text = draw(st.sampled_from([RECIPE, RECIPE, FILES_RECIPE]))
    overrides: list[str] = []
    content = text.encode()
    how = draw(st.sampled_from(["recipe", "recipe", "recipe", "override", "both"]))
    if how != "override":
        content = damaged_yaml(draw, text)
    if how != "recipe":
        keys = [
            "seed",
            "name",
            "model",
            "model.name",
            "data.codes",
            "data.source",
            "scl.tokens",
            "scl.trainer",
            "scl",
        ]
        keys += [
            "scl.trainer.learning_rate",
            "scl.peft.r",
            "scl.seeds.0",
            "grpo.rewards.1.weight",
            "grpo.rewards",
        ]
        keys += [
            "predict.from",
            "compare.against",
            "stages",
            "stages.new.kind",
            "words.kind",
            "window.tokens",
            "data",
        ]
        keys += [
            "x",
            "",
            "scl..r",
            "scl.trainer.x.y",
            "answer",
            "prompt.template",
            "dpo.num_train_epochs",
            "pairs.samples",
        ]
        for _ in range(draw(st.integers(1, 2))):
            value = draw(st.one_of(st.sampled_from(TEXTS), strange().map(_yaml_text)))
            overrides.append(draw(st.sampled_from(keys)) + draw(st.sampled_from(["=", "=", "=", ""])) + value)
    args = ["plan", "r.yaml", *_maybe_json(draw)]
    args += [part for override in overrides for part in ("--set", override.replace("\0", ""))]
    files = {"r.yaml": content, "reward.py": REWARD.encode()}
    files |= {"annotated.jsonl": jsonl(DOCUMENTS[:3]), "spans.jsonl": jsonl(SPANS), "test.jsonl": jsonl(TEST)}
    return Case(args, files, damaged="r.yaml", named=("annotated.jsonl", "spans.jsonl", "test.jsonl"))


TEST = [{**DOCUMENTS[0], "id": "t1", "text": NOTES["d1"] + " " + _words("other")}]


def _yaml_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if not isinstance(value, int) else hex(value)


def plan_files(draw: Draw) -> Case:
    """``plan`` of a recipe whose data is damaged."""
    sets = {"annotated.jsonl": DOCUMENTS[:3], "spans.jsonl": SPANS, "test.jsonl": TEST}
    files, name = _one_of(draw, sets)
    return Case(
        ["plan", "r.yaml", *_maybe_json(draw)], {**files, "r.yaml": FILES_RECIPE.encode()}, damaged=name
    )


def run_light(draw: Draw) -> Case:
    """``run`` of a recipe without a model, whose data is damaged."""
    sets = {"annotated.jsonl": DOCUMENTS[:3], "spans.jsonl": SPANS, "test.jsonl": TEST}
    files, name = _one_of(draw, sets)
    return Case(["run", "r.yaml"], {**files, "r.yaml": FILES_RECIPE.encode()}, {"runs"}, name, keeps=True)


def codiesp(draw: Draw) -> Case:
    """``data import codiesp``"""
    rows = "".join("\t".join(row) + "\n" for row in CODIESP_ROWS).encode()
    files = {f"c/text_files/{name}.txt": text.encode() for name, text in CODIESP.items()} | {
        "c/trainX.tsv": rows
    }
    name = draw(st.sampled_from(["c/trainX.tsv"] * 3 + ["c/text_files/S1.txt"]))
    files[name] = damaged_bytes(draw, files[name])
    args = ["data", "import", "codiesp", "c", "--out", "out.jsonl", "--spans", "spans.jsonl"]
    kinds = draw(st.sampled_from(["diagnoses", "procedures", "both"]))
    return Case([*args, "--kinds", kinds], files, {"out.jsonl", "spans.jsonl"}, name, ("c/",), by_line=False)


MDACE = {
    "hadm_id": 1,
    "comment": "",
    "notes": [
        {
            "note_id": 11,
            "category": "Discharge summary",
            "annotations": [
                {
                    "begin": _place("d1", "asthma")[0],
                    "end": _place("d1", "asthma")[1],
                    "code": "J45.909",
                    "code_system": "ICD-10-CM",
                    "type": "x",
                },
                {"begin": 0, "end": 3, "code": "I10", "code_system": "ICD-10-CM", "type": "x"},
            ],
        }
    ],
}
NOTEEVENTS = (
    '"ROW_ID","SUBJECT_ID","HADM_ID","CATEGORY","TEXT"\n'
    f'5,1,1,"Discharge summary","{_words("other")}"\n11,1,1,"Discharge summary","{NOTES["d1"]}"\n'
)


def mdace(draw: Draw) -> Case:
    """``data import mdace``"""
    files = {"m/1.0/1-ICD-10.json": json.dumps(MDACE).encode(), "n.csv": NOTEEVENTS.encode(), "s.csv": b"1\n"}
    name = draw(st.sampled_from(sorted(files)))
    whole = name.endswith(".json") and draw(st.booleans())
    files[name] = damaged_json(draw, MDACE) if whole else damaged_bytes(draw, files[name])
    args = ["data", "import", "mdace", "m", "--noteevents", "n.csv", "--split", "s.csv", "--out", "out.jsonl"]
    return Case(args, files, {"out.jsonl"}, name, ("m", *files), by_line=False)


BRAT = (
    f"T1\tDisease {{}} {{}}\t{CANARY}asthma\nN1\tReference T1 ICD10:J45.909\ttitle\n"
    f"T2\tSymptom {{}} {{}};{{}} {{}}\t{CANARY}he {CANARY}no\n#1\tAnnotatorNotes T2\tR50.9, I10\n"
    "T3\tE119 0 0\t\nA1\tCode T3 E11.9\n"
).format(*_place("d1", "asthma"), *_place("d1", "he"), *_place("d1", "no"))
_POLICIES = [[], [], ["--strict"], ["--drop"], ["--repair"]]


def brat(draw: Draw) -> Case:
    """``data import brat``"""
    files = {"b/d1.txt": NOTES["d1"].encode(), "b/d1.ann": BRAT.encode(), "b/d2.txt": NOTES["d2"].encode()}
    name = draw(st.sampled_from(["b/d1.ann"] * 3 + ["b/d1.txt"]))
    files[name] = damaged_bytes(draw, files[name])
    args = ["data", "import", "brat", "b", "--out", "out.jsonl", *draw(st.sampled_from(_POLICIES))]
    types = draw(st.sampled_from([[], ["--type", "Disease"]]))
    return Case([*args, *types], files, {"out.jsonl"}, name, ("b/",), by_line=False)


_ROWS = [
    {"id": "d1", "text": NOTES["d1"], "code": ["J45.909"], "at": [_place("d1", "asthma")[0]], "to": [30]},
    {"id": "d2", "text": NOTES["d2"], "code": ["R07.9", "I10"], "at": [0, 5], "to": [7, 9]},
]
_CSV = 'id,text,code,at,to\nd4,"' + NOTES["d4"] + '",M10.9,0,6\nd4,"' + NOTES["d4"] + '",R05.9,,\n'


def dataset(draw: Draw) -> Case:
    """``data import dataset``, of a file of JSON Lines or CSV."""
    name = draw(st.sampled_from(["rows.jsonl", "rows.csv"]))
    content = damaged_jsonl(draw, _ROWS) if name == "rows.jsonl" else damaged_bytes(draw, _CSV.encode())
    args = ["data", "import", "dataset", name, "--out", "out.jsonl", "--code", "code", "--id", "id"]
    args += draw(st.sampled_from([[], ["--start", "at", "--end", "to"], ["--quote", "code"]]))
    args += draw(st.sampled_from(_POLICIES))
    return Case(args, {name: content}, {"out.jsonl"}, name, by_line=False)


def mimic(draw: Draw) -> Case:
    """``data import mimic``"""
    files = {
        "n.csv": NOTEEVENTS.encode(),
        "d.csv": b"ROW_ID,HADM_ID,ICD9_CODE\n1,1,25000\n2,1,V5867\n",
        "p.csv": b"hadm_id,icd_code,icd_version\n1,0FT44ZZ,10\n1,3601,9\n",
    }
    name = draw(st.sampled_from(sorted(files)))
    files[name] = damaged_bytes(draw, files[name])
    args = ["data", "import", "mimic", "n.csv", "--diagnoses", "d.csv", "--procedures", "p.csv"]
    args += ["--out", "out.jsonl", *draw(st.sampled_from(_POLICIES))]
    return Case(args, files, {"out.jsonl"}, name, by_line=False)


def check(draw: Draw) -> Case:
    """``data check``, which tells of malformed lines as it does of all else: 1."""
    files, name = _one_of(draw, {"d.jsonl": DOCUMENTS, "t.jsonl": TEST, "s.jsonl": SPANS})
    files["c.txt"] = b"0FT44ZZ Resection of Gallbladder\n"
    args = ["data", "check", "d.jsonl", "t.jsonl", "s.jsonl", "--code-set", "ICD-10-PCS=c.txt"]
    return Case([*args, *_maybe_json(draw)], files, damaged=name, codes=(0, 1))


def code_set(draw: Draw) -> Case:
    """``data check`` with a damaged file of codes."""
    rows = b"icd_code,icd_version,long_title\n25000,9,Diabetes\nE119,10,Diabetes\n"
    content = damaged_bytes(
        draw, draw(st.sampled_from([rows, b"0010  Cholera\n00845 Other\n", b"I10\tHTN\n"]))
    )
    files = {"d.jsonl": jsonl(DOCUMENTS), "c.csv": content}
    args = ["data", "check", "d.jsonl", "--code-set", "ICD-9-CM=c.csv"]
    return Case([*args, *_maybe_json(draw)], files, damaged="c.csv", by_line=False, codes=(0, 1, 2))


def stats(draw: Draw) -> Case:
    """``data stats``"""
    files, name = _one_of(draw, {"d.jsonl": DOCUMENTS, "s.jsonl": SPANS})
    return Case(["data", "stats", "d.jsonl", "s.jsonl", *_maybe_json(draw)], files, damaged=name)


def export(draw: Draw) -> Case:
    """``data export``"""
    form = draw(st.sampled_from(["codiesp", "codiesp", "mdace"]))
    sets: dict[str, list[Any]] = {"d.jsonl": DOCUMENTS, "p.jsonl": PREDICTIONS}
    if form == "mdace":
        sets = {n: [{**one, "id": one["id"].replace("d", "1-")} for one in some] for n, some in sets.items()}
    files, name = _one_of(draw, sets)
    predictions = draw(st.sampled_from([[], ["--predictions", "p.jsonl"]]))
    args = ["data", "export", form, "d.jsonl", "--out", "out", *predictions]
    return Case(args, files, {"out"}, name)


def make(draw: Draw) -> Case:
    """``data make`` with strange numbers."""
    options = ["--codes", "--documents", "--spans", "--code-only", "--dev", "--test", "--seed"]
    numbers = st.sampled_from(
        ["-1", "0", "1", "2", "7", "x", "", "1.5", "1e3", str(10**12), str(10**30), "²"]
    )
    given = draw(st.dictionaries(st.sampled_from(options), numbers, max_size=3))
    small = {"--documents": "2", "--spans": "2", "--code-only": "2", "--dev": "1", "--test": "1"}
    args = [part for option in ({**small, **given}).items() for part in option]
    return Case(["data", "make", "--out", "corpus", *args], {}, {"corpus"}, " ", by_line=False)


_SPAN_OPTIONS = [
    [],
    ["--context", "2"],
    ["--no-extract", "--how", "tabular"],
    ["--how", "mined", "--max-spans", "5"],
    ["--how", "tabular", "--how", "mined", "--codes", "J45", "--set", "per_code=3"],
]


def spans(draw: Draw) -> Case:
    """``data spans``: extracted, from the tabular list, mined."""
    files, name = _one_of(draw, {"d.jsonl": DOCUMENTS, "t.jsonl": TEST})
    args = ["data", "spans", "--documents", "d.jsonl", "--documents", "t.jsonl", "--out", "s.jsonl"]
    return Case([*args, *draw(st.sampled_from(_SPAN_OPTIONS)), *_maybe_json(draw)], files, {"s.jsonl"}, name)


def review(draw: Draw) -> Case:
    """``review``: the page."""
    sets = {"p.jsonl": PREDICTIONS, "d.jsonl": DOCUMENTS, "t.jsonl": SPANS}
    files, name = _one_of(draw, sets)
    args = ["review", "p.jsonl", "--documents", "d.jsonl", "--out", "page.html", "--training", "t.jsonl"]
    return Case(args, files, {"page.html"}, name)


@functools.cache
def _model() -> dict[str, bytes]:
    """The files of a tiny model as a stage would have saved it."""
    from ..support.tiny import make_tiny_model

    with tempfile.TemporaryDirectory() as folder:
        path = make_tiny_model(Path(folder, "m"))
        card = {"base": "./m", "dtype": "float32", "template": "{text}\n", "chat": False, "answer": "lines"}
        (path / "scl_rl.json").write_text(json.dumps(card))
        return {f"m/{file.name}": file.read_bytes() for file in path.iterdir()}


def predict(draw: Draw) -> Case:
    """``predict`` with a tiny model, which or whose documents are damaged."""
    files = {**_model(), "d.jsonl": jsonl(DOCUMENTS), "c.txt": b"I10\nJ45.909\n"}
    name = draw(st.sampled_from(["d.jsonl"] * len(files) + ["c.txt", *sorted(_model())]))
    if name == "d.jsonl":
        files[name] = damaged_jsonl(draw, DOCUMENTS)
    elif name.endswith(".json"):
        files[name] = damaged_json(draw, json.loads(files[name]))
    else:
        files[name] = damaged_bytes(draw, files[name])
    args = ["predict", "--model", "m", "--documents", "d.jsonl", "--out", "p.jsonl", "--max-new-tokens", "4"]
    constrained = ["--decoding", "constrained", "--codes", "c.txt"] if draw(st.booleans()) else []
    by_line = name == "d.jsonl"
    return Case(
        [*args, *constrained, *_maybe_json(draw)], files, {"p.jsonl"}, name, ("m",), by_line, (0, 1, 2)
    )


@functools.cache
def _run() -> dict[str, bytes]:
    """The folder of a finished run without a model."""
    from click.testing import CliRunner

    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("r.yaml").write_text(FILES_RECIPE)
        for name, records in (("annotated", DOCUMENTS[:3]), ("spans", SPANS), ("test", TEST)):
            Path(f"{name}.jsonl").write_bytes(jsonl(records))
        done = CliRunner().invoke(main, ["run", "r.yaml"])
        assert done.exit_code == 0, done.output
        return {path.as_posix(): path.read_bytes() for path in Path("runs").rglob("*") if path.is_file()}


def rerun(draw: Draw) -> Case:
    """``run`` and ``report`` in a run folder of which one file is damaged."""
    files = dict(_run())
    told = [name for name in files if name.endswith((".json", ".jsonl", ".yaml")) and "/report" not in name]
    name = draw(st.sampled_from(sorted(told)))
    if name.endswith(".json"):
        files[name] = damaged_json(draw, json.loads(files[name]))
    elif name.endswith(".jsonl"):
        files[name] = damaged_jsonl(draw, [json.loads(line) for line in files[name].splitlines()])
    else:
        files[name] = damaged_yaml(draw, files[name].decode())
    data = {"annotated.jsonl": DOCUMENTS[:3], "spans.jsonl": SPANS, "test.jsonl": TEST}
    files |= {"r.yaml": FILES_RECIPE.encode(), **{file: jsonl(records) for file, records in data.items()}}
    args = draw(st.sampled_from([["run", "r.yaml", "--reuse"], ["plan", "r.yaml"], ["report", "runs/toy"]]))
    return Case(args, files, {"runs"}, name, ("runs/toy",), by_line=False, keeps=True)


COMMANDS: dict[str, tuple[Maker, int]] = {
    "evaluate": (evaluate, 60),
    "compare": (compare, 20),
    "reward score": (score, 40),
    "reward rescore": (rescore, 20),
    "reward probe": (probe, 2),
    "reward file": (reward_file, 30),
    "reward arguments": (reward_arguments, 20),
    "plan": (plan, 40),
    "plan files": (plan_files, 20),
    "run": (run_light, 5),
    "data import codiesp": (codiesp, 30),
    "data import mdace": (mdace, 30),
    "data import brat": (brat, 70),
    "data import dataset": (dataset, 60),
    "data import mimic": (mimic, 70),
    "data export": (export, 20),
    "data check": (check, 30),
    "data check codes": (code_set, 20),
    "data stats": (stats, 20),
    "data make": (make, 10),
    "data spans": (spans, 20),
    "review": (review, 15),
    "predict": (predict, 4),
    "rerun": (rerun, 8),
}
"""Name → how its cases are made, and how many the normal suite tries."""
