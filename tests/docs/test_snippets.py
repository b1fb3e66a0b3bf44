"""What the pages tell readers to type and to write: the commands, options, targets and settings exist."""

import json
import re
import shlex
import textwrap

import pytest

from scl_rl.recipe.schema import Head
from scl_rl.recipe.yaml12 import Loader
from scl_rl.stages.registry import stage_kinds
from tests.support import HOME
from tests.support.commands import refusal

PAGES = sorted([HOME / "README.md", HOME / "CONTRIBUTING.md", *(HOME / "docs").rglob("*.md")])
_BLOCK = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.M | re.S)
_INDENTED = re.compile(r"(?:(?<=\n\n)|\A)(?: {4}[^\n]+\n)+", re.M)
_TEMPLATE = re.compile(r"<!--.*?-->", re.S)
_SHELL = ("", "bash", "sh", "console", "console figures differ")


def page_name(page):
    return page.relative_to(HOME).as_posix()


def blocks(page, *languages):
    text = _TEMPLATE.sub("", page.read_text(encoding="utf-8"))
    found = [content for language, content in _BLOCK.findall(text) if language.strip() in languages]
    if "" in languages:
        found += [textwrap.dedent(one) for one in _INDENTED.findall(_BLOCK.sub("", text))]
    return found


def typed(page):
    """The commands of a page, each as its words; what a pipe or a redirection leads to is another one."""
    for block in blocks(page, *_SHELL):
        for line in block.replace("\\\n", " ").splitlines():
            line = line.removeprefix("$ ")
            if not re.match(r"(?:scl-rl|make|\w+=\S+ scl-rl) ", line) or "[OPTIONS]" in line:
                continue
            words = shlex.shlex(line, posix=True, punctuation_chars="|&<>")
            words.whitespace_split, words.commenters = True, "#"
            command = []
            for word in words:
                if re.fullmatch(r"[|&<>]+", word):
                    break
                command.append(word)
            yield command[1:] if "=" in command[0] else command


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_commands_exist_with_their_options(page):
    wrong = {shlex.join(words): said for words in typed(page) if (said := refusal(words))}
    assert wrong == {}


def test_commands_that_are_wrong_are_found(tmp_path):
    assert refusal(["scl-rl", "run", "quickstart", "--onyl", "x"]) is not None
    assert refusal(["scl-rl", "predict", "--documents", "d"]) is not None
    assert refusal(["scl-rl", "trian"]) == "no command trian"
    assert refusal(["make", "quikstart"]) == "no target quikstart"
    assert refusal(["scl-rl", "predict", "--model", "m", "--documents", "d", "--format", "xml"]) is not None
    page = tmp_path / "x.md"
    indented = "    scl-rl evaluate --x \\\n      --y > z  # c\n"
    page.write_text(f"A\n\n{indented}\n```console\n$ scl-rl plan 'a b' | tail\nout\n```\n")
    assert sorted(typed(page)) == [["scl-rl", "evaluate", "--x", "--y"], ["scl-rl", "plan", "a b"]]
    assert sum(len(list(typed(page))) for page in PAGES) > 60


def stages_in(value):
    """The stages of a recipe or of a part of one: what names a kind."""
    if isinstance(value, dict):
        if "kind" in value:
            yield value
        for part in value.values():
            yield from stages_in(part)


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_settings_exist(page):
    top = {*Head.model_fields, "data", "stages"}
    for block in blocks(page, "yaml"):
        loader = Loader(textwrap.dedent(block))
        value = loader.get_single_data()
        if "stages" in value:
            assert set(value) <= top, block
        for stage in stages_in(value):
            kind = stage_kinds().get(stage["kind"])
            if kind is None:
                assert page.name == "architecture.md"  # the kind that the page adds
                continue
            kind.model_validate(stage)


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_json_and_python_can_be_read(page):
    for block in blocks(page, "json"):
        for line in block.splitlines():
            json.loads(line)
    for block in blocks(page, "python"):
        compile(block, str(page), "exec")
