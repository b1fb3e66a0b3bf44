"""Pages: what comes from outside can't become markup, and the policy fits the script."""

import base64
import hashlib
import json
import re

import pytest

from scl_rl.pages import Asset, data_block, render_page
from scl_rl.pages.page import _joined, _raw


def test_no_text_can_end_the_data_element():
    block = data_block("data", {"note": "</script><script>alert(1)</script><!--"})
    assert block.count("<") == 2
    value = json.loads(re.fullmatch(r"<script[^>]*>(.*)</script>", block, re.S)[1])
    assert value["note"] == "</script><script>alert(1)</script><!--"


def test_the_policy_names_the_script_and_the_style_by_their_hashes():
    page = render_page(
        Asset("scl_rl.review", "static/review.html"),
        {
            "name": "<b>",
            "keys": [],
            "labelled": False,
            "sampled": "",
            "table": "",
            "data": data_block("data", {}),
        },
        styles=[Asset("scl_rl.pages", "base.css")],
        scripts=[Asset("scl_rl.pages", "dom.js")],
    )
    assert "<b>" not in page and "&lt;b&gt;" in page
    for tag, source in (("style", "style-src"), ('script type="module"', "script-src")):
        text = re.search(rf"<{tag}>(.*?)</", page, re.S)[1]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{source} &#39;sha256-{digest}&#39;" in page or f"{source} 'sha256-{digest}'" in page
    assert "unsafe" not in page


def test_modules_become_one_script_that_shares_only_what_is_exported():
    module = (
        'import { a, b } from "./x.js";\nlet own = a;\nexport function c() {}\nexport async function d() {}\n'
    )
    script = "let own = a;\nfunction c() {}\nasync function d() {}\n"
    assert _joined(module) == f"const {{ c, d }} = (() => {{\n{script}return {{ c, d }};\n}})();\n"


def test_a_script_of_ours_that_would_end_itself_is_refused():
    with pytest.raises(ValueError, match="end its own element"):
        _raw("const x = '</script>';")
