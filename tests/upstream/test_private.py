"""Only ``scl_rl/upstream`` uses what a library does not promise, and says for which versions."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("torch")

import scl_rl
import scl_rl.upstream
from tests.support import HOME

LIBRARIES = ("accelerate", "datasets", "evaluate", "huggingface_hub", "llguidance", "peft", "tokenizers")
LIBRARIES += ("torch", "transformers", "trl")
PUBLIC = {"_replace", "_fields", "_asdict", "_exit", "_abc_impl"}  # Python's own
PUBLIC |= {"_info", "_compute"}  # what evaluate documents as the methods of a metric
HOLDS = re.compile(r"Holds for ((?:[a-z_]+ \d+\.\d+(?:, | and )?)+)\.")


def sources() -> dict[Path, ast.Module]:
    """The modules in which private names of libraries have no place."""
    files = [*(HOME / "scl_rl").rglob("*.py"), *(HOME / "reward").rglob("*.py")]
    found = {file: ast.parse(file.read_text()) for file in files}
    return {file: tree for file, tree in found.items() if file.parent.name != "upstream"}


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in PUBLIC


def our_names(trees: dict[Path, ast.Module]) -> set[str]:
    """Every name that our own code gives to something."""
    found = set()
    for node in (node for tree in trees.values() for node in ast.walk(tree)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("self", "cls"):
            found |= {node.attr} if isinstance(node.ctx, ast.Store) else set()
    return found


def uses(tree: ast.Module, ours: set[str]) -> Iterator[tuple[int, str]]:
    """Private names that are not ours, and other ways of leaning on a library's inside."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and private(node.attr) and node.attr not in ours:
            yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            path = (node.module or "").split(".")
            if path[0] in LIBRARIES:
                names = [*path, *(alias.name for alias in node.names)]
                yield from ((node.lineno, name) for name in names if private(name))
        elif isinstance(node, ast.Call):
            called, first = ast.unparse(node.func), node.args[0] if node.args else None
            named = str(first.value) if isinstance(first, ast.Constant) else ""
            inside = called.endswith(("getLogger", "find_spec")) and named.split(".")[0] in LIBRARIES
            if inside or called.endswith("filterwarnings"):
                yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.Constant) and re.match(r"ACCELERATE_|FSDP_", str(node.value)):
            yield node.lineno, ast.unparse(node)


def test_no_other_module_uses_private_names_of_libraries() -> None:
    trees = sources()
    assert len(trees) > 150
    ours = our_names(trees)
    found = [f"{path}:{line}: {what}" for path, tree in trees.items() for line, what in uses(tree, ours)]
    assert found == [], "\n".join(["these belong into scl_rl/upstream:", *found])


@pytest.mark.parametrize(
    "source",
    [
        "from trl.trainer import utils\nutils._use_triton",
        "from trl.kernels.chunked_logprob import _use_triton",
        "from transformers._typing import X",
        "def f(trainer): return trainer._tr_loss",
        "import logging\nlogging.getLogger('trl.trainer.grpo_trainer')",
        "import os\nos.environ['ACCELERATE_USE_FSDP']",
        "import warnings\nwarnings.filterwarnings('ignore', message='x')",
        "import importlib.util\nimportlib.util.find_spec('trl')",
    ],
)
def test_such_uses_are_found(source: str) -> None:
    assert list(uses(ast.parse(source), our_names(sources()))) != []


def modules() -> Iterator[ModuleType]:
    for info in pkgutil.walk_packages(scl_rl.__path__, "scl_rl."):
        if not info.name.endswith("__main__"):
            yield importlib.import_module(info.name)


def test_no_other_class_overrides_a_private_method() -> None:
    found, seen = [], 0
    for module in modules():
        for name, kind in vars(module).items():
            if not inspect.isclass(kind) or kind.__module__ != module.__name__:
                continue
            bases = [base for base in kind.__mro__[1:] if base.__module__.split(".")[0] in LIBRARIES]
            seen += bool(bases)
            if module.__name__.startswith("scl_rl.upstream."):
                continue
            for attribute in filter(private, vars(kind)):
                if any(attribute in vars(base) for base in bases):
                    found.append(f"{module.__name__}.{name}.{attribute}")
    assert seen > 5 and found == [], f"these belong into scl_rl/upstream: {found}"


def documented() -> Iterator[tuple[str, str]]:
    """Everything public in ``scl_rl/upstream``, with its docstring and its module's."""
    for file in sorted((HOME / "scl_rl" / "upstream").glob("[a-z]*.py")):
        tree = ast.parse(file.read_text())
        whole = ast.get_docstring(tree) or ""
        for before, node in zip([*tree.body, None], [*tree.body[1:], None], strict=False):
            if isinstance(before, ast.FunctionDef | ast.ClassDef) and not private(before.name):
                yield f"{file.stem}.{before.name}", whole + (ast.get_docstring(before) or "")
            elif isinstance(before, ast.Assign | ast.AnnAssign):
                target: Any = before.targets[0] if isinstance(before, ast.Assign) else before.target
                if not private(target.id):
                    text = node.value if isinstance(node, ast.Expr) else None
                    yield f"{file.stem}.{target.id}", whole + (ast.unparse(text) if text else "")


@pytest.mark.parametrize(("name", "text"), list(documented()))
def test_every_use_says_for_which_versions_it_holds(name: str, text: str) -> None:
    """Those that constraints.txt has: whoever raises them there looks at each use."""
    pinned = dict(
        line.split("==") for line in (HOME / "constraints.txt").read_text().splitlines() if "==" in line
    )
    said = HOLDS.search(" ".join(text.replace("\\n", " ").split()))
    assert said, f"{name} does not say what it holds for, such as 'Holds for trl 1.16.'"
    for library, held in re.findall(r"([a-z_]+) (\d+\.\d+)", said[1]):
        assert pinned[library].startswith(f"{held}."), (
            f"{name}: does it hold for {library} {pinned[library]}?"
        )
