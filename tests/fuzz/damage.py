"""Ways to damage a file: in its bytes, in the values of its JSON or YAML, and in the order of its records."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import yaml
from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]
Step = str | int

STRANGE_BYTES = [
    *(b"", b"\0", b"\n", b"\r", b"\r\n", b"\n\n", b"\t", b" ", b'"', b"'", b"\\", b"\\u0000", b"\\ud800"),
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"#",
        b"&a ",
        b"*a",
        b"!!python/object:x ",
        b"<<: ",
        b"- ",
        b"|",
        b"%",
    ),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xe2\x80\xa8", b"\xf0\x9f\x98\x80"),
    *(
        b"NaN",
        b"Infinity",
        b"-",
        b"1e999",
        b"0x10",
        b"null",
        b"true",
        b"[" * 2000,
        b'{"a":' * 1500,
        b"9" * 5000,
    ),
]
"""What parsers trip over."""

NUMBERS = [0, 1, -1, 2, 3, 10, 2**31, 2**32, -(2**31), 2**63, 2**64, -(2**63), 10**30, 10**400]
FLOATS = [0.0, -0.0, 0.5, 1.0, 1.5, -1.5, 1e-320, 1e308, -1e308, 3.0]
TEXTS = [
    *("", " ", "x", "\n", "\0", "\r", "a\tb", "\u2028", "\x1b[31m", "\u202e", "\ufeff", "😀", "é", "ß", "İ"),
    *(
        "I10",
        "i10",
        "R07.9",
        "none",
        "null",
        "true",
        "1",
        "../x",
        "/dev/null",
        "~",
        ".",
        "a" * 300,
        "{{ x }}",
    ),
    *("{text}", "<script>", "${env:HOME}", "${env:NOT_SET}", "%s", "d1", "ICD-10-CM", "\ud800"),
]
OTHERS: list[Any] = [None, True, False, [], {}, [[]], [None], {"a": 1}, [0, 1], [1, 0], [[0, 1]], [[[0, 2]]]]


def strange() -> st.SearchStrategy[Any]:
    """A value that should not stand there, whatever stands there."""
    plain = st.one_of(*(st.sampled_from(values) for values in (NUMBERS, FLOATS, TEXTS, OTHERS)))
    more = st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
        max_leaves=6,
    )
    return st.one_of(plain, plain, more)


def damaged_bytes(draw: Draw, content: bytes) -> bytes:
    """Bytes with pieces cut, repeated, moved, changed, or strange ones put in."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(content)))
        until = min(len(content), at + draw(st.sampled_from([0, 1, 1, 2, 5, 30, 10**6])))
        how = draw(st.sampled_from(["replace", "cut", "twice", "move", "flip"]))
        piece = content[at:until]
        if how == "replace":
            content = content[:at] + draw(st.sampled_from(STRANGE_BYTES)) + content[until:]
        elif how == "cut":
            content = content[:at] + content[until:]
        elif how == "twice":
            content = content[:until] + piece + content[until:]
        elif how == "move":
            rest = content[:at] + content[until:]
            to = draw(st.integers(0, len(rest)))
            content = rest[:to] + piece + rest[to:]
        elif piece:
            content = content[:at] + bytes([piece[0] ^ (1 << draw(st.integers(0, 7)))]) + content[at + 1 :]
    return content


def damaged_tree(draw: Draw, tree: Any) -> Any:
    """A value with one to three of those in it changed, renamed, dropped or moved; changed in place."""
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(tree))
        if not places:
            return tree
        holder, key = draw(st.sampled_from(places))
        how = draw(
            st.sampled_from(["strange", "strange", "strange", "near", "drop", "rename", "swap", "deep"])
        )
        value = holder[key]
        if how == "strange":
            holder[key] = copy.deepcopy(draw(strange()))
        elif how == "near" and isinstance(value, int) and not isinstance(value, bool):
            holder[key] = value + draw(st.sampled_from([-1000, -1, 1, 1000]))
        elif how == "near" and isinstance(value, str) and value:
            holder[key] = draw(st.sampled_from([value + " ", value[:-1], value.upper(), value + "x"]))
        elif how == "near" and isinstance(value, list):
            holder[key] = draw(st.sampled_from([value * 2, value[::-1], value[:-1], [value]]))
        elif how == "drop":
            del holder[key]
        elif how == "rename" and isinstance(holder, dict):
            holder[draw(st.sampled_from([key + "s", key[:-1] or "x", key.upper(), "", "\n", "from"]))] = (
                holder.pop(key)
            )
        elif how == "swap":
            other, at = draw(st.sampled_from(places))
            if (other is holder or not _within(other, value)) and not _within(holder, _get(other, at)):
                holder[key], other[at] = _get(other, at), value
        elif how == "deep":
            for _ in range(draw(st.sampled_from([1, 3, 200]))):
                value = draw(st.sampled_from([{"a": value}, [value]]))
            holder[key] = value
    return tree


def _get(holder: Any, key: Step) -> Any:
    try:
        return holder[key]
    except (KeyError, IndexError):
        return None


def _within(inner: Any, outer: Any) -> bool:
    """Whether a container is another one, or a part of it."""
    parts = outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ()
    return inner is outer or any(_within(inner, part) for part in parts)


def _places(tree: Any) -> Any:
    """Every place in a value, as its container and key."""
    keys = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        yield tree, key
        yield from _places(tree[key])


def jsonl(records: list[Any]) -> bytes:
    """Records as a file."""
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode(
        "utf-8", "surrogatepass"
    )


def damaged_jsonl(draw: Draw, records: list[Any]) -> bytes:
    """A JSONL file with something wrong with it, or not quite."""
    how = draw(st.sampled_from(["bytes", "values", "values", "values", "records", "both"]))
    if how in ("values", "both"):
        number = draw(st.integers(0, len(records) - 1))
        whole = [json.loads(json.dumps(record)) for record in records]
        whole[number] = damaged_tree(draw, [whole[number]])
        whole[number] = whole[number][0] if whole[number] else {}
        records = whole
    if how == "records":
        more = draw(st.lists(st.integers(0, len(records) - 1), max_size=2 * len(records)))
        records = [records[i] for i in more]
        if draw(st.booleans()):
            records.insert(draw(st.integers(0, len(records))), draw(strange()))
    content = jsonl(records)
    return damaged_bytes(draw, content) if how in ("bytes", "both") else content


def damaged_json(draw: Draw, value: Any) -> bytes:
    """A JSON file with something wrong with it."""
    if draw(st.booleans()):
        return damaged_bytes(draw, json.dumps(value).encode())
    holder = damaged_tree(draw, [json.loads(json.dumps(value))])
    return jsonl([holder[0] if holder else None])


def damaged_yaml(draw: Draw, text: str) -> bytes:
    """A YAML file with something wrong with it."""
    if draw(st.booleans()):
        return damaged_bytes(draw, text.encode())
    tree = damaged_tree(draw, yaml.safe_load(text))
    try:
        return yaml.safe_dump(tree, allow_unicode=True, sort_keys=False).encode("utf-8", "surrogatepass")
    except (yaml.YAMLError, ValueError, OverflowError):  # what YAML can't write
        return damaged_bytes(draw, text.encode())
