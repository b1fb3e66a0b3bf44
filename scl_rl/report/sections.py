"""The parts of a report: text, tables and diagrams, the same for HTML and Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from ..icd.codes import is_valid, title
from ..runner.manifest import minute
from ..scoring import Tally
from .collect import RunRecord
from .curves import curves
from .plots import Plot, forest, learning, quality, reward_against_metric, time_spent
from .rewards import Agreement, agreements

MOST_CODES = 300


@dataclass(frozen=True)
class Table:
    """Rows of cells: text, numbers, None. ``sortable``: worth sorting."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    sortable: bool = False

    def shown(self) -> list[list[tuple[Any, str]]]:
        """Each cell with its text: three decimals in columns of shares, one in others, – for nothing."""
        columns = [_column([row[at] for row in self.rows]) for at in range(len(self.columns))]
        return [list(zip(row, texts, strict=True)) for row, *texts in zip(self.rows, *columns, strict=True)]


def _column(values: Sequence[Any]) -> list[str]:
    shares = all(abs(value) <= 1 for value in values if isinstance(value, float))
    return [_cell(value, 3 if shares else 1) for value in values]


def _cell(value: Any, decimals: int) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.{decimals}f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


@dataclass(frozen=True)
class Section:
    """A part of the report."""

    title: str
    text: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)


def verdict(run: RunRecord) -> str:
    """The run in a sentence or two: the best model, and what may be said of the last one."""
    if run.comparison is None:
        return f"{len(run.stages)} stages are done; the recipe compares nothing."
    scores = {c["name"]: float(c["figures"]["joint"]["micro"]["f1"]) for c in run.comparison["candidates"]}
    best = max(scores, key=lambda name: scores[name])
    said = f"{best} has the highest joint F1, {scores[best]:.3f}"
    last = run.comparison["candidates"][-1]
    own = [pair for pair in run.comparison["pairs"] if last["system"] in (pair["a"], pair["b"])]
    to_parent = [pair for pair in own if last["parent"] in (pair["a"], pair["b"])]
    for pair in (to_parent or own)[-1:]:
        said += f"; {pair['conclusion']}"
    return f"{said}."


def sections(run: RunRecord) -> Iterator[Section]:
    """Everything but the notes."""
    if run.comparison is not None:
        yield from _compared(run, run.comparison)
    found = _drawn(learning(stage, panels) for stage, panels in curves(run).items())
    warnings = [f"{name}: {w}" for name, e in run.stages.items() for w in e.figures.get("warnings") or ()]
    if found or warnings:
        yield Section("Learning curves", warnings, plots=found)
    yield Section("Time", tables=[_stages(run)], plots=_drawn([time_spent(run)]))
    if run.comparison is not None and run.models:
        yield _by_code(run)
        yield _breakdowns(run.comparison["breakdowns"])
    for stage, agreement in agreements(run).items():
        yield _rewards(stage, agreement)
    yield _manifest(run)


def _drawn(plots: Iterable[Plot | None]) -> list[Plot]:
    return [plot for plot in plots if plot is not None]


def _compared(run: RunRecord, comparison: Mapping[str, Any]) -> Iterator[Section]:
    models, settings, pairs = comparison["table"], comparison["settings"], comparison["pairs"]
    how = (
        f"{settings['documents']} documents; {settings['interval']}; {settings['test']}, "
        f"{settings['resamples']} draws; {settings['correction']}."
    )
    tables = [Table("Every model on the same documents", models["columns"], models["rows"])]
    if pairs:
        columns = [
            "model",
            "against",
            "joint F1, points",
            "low",
            "high",
            "p corrected",
            "won",
            "tied",
            "lost",
        ]
        tables.append(
            Table(
                "Differences of joint F1 with 95% intervals", columns, [_difference(pair) for pair in pairs]
            )
        )
    plots = _drawn([forest(comparison)]) if pairs else []
    yield Section("Comparison", [*comparison["notes"], how], tables, plots)
    cost = quality(comparison)
    if cost is not None:
        yield Section("Quality and cost", plots=[cost])


def _difference(pair: Mapping[str, Any]) -> list[Any]:
    found = pair["figures"]["joint_f1"]
    points = [100 * found[bound] for bound in ("difference", "low", "high")]
    return [pair["b"], pair["a"], *points, found["p_corrected"], pair["wins"], pair["ties"], pair["losses"]]


def _stages(run: RunRecord) -> Table:
    rows = [
        [name, entry.kind, round(entry.minutes, 2), entry.figures.get("tokens"), minute(entry.started)]
        for name, entry in run.stages.items()
    ]
    return Table("Stages", ["stage", "kind", "minutes", "tokens", "started"], rows)


def _by_code(run: RunRecord) -> Section:
    tallies: dict[str, Tally] = {}
    for model in run.models:
        tally = tallies[model.name] = Tally()
        for one in model.judged:
            if one.gold.has_evidence:
                tally.add(one.gold.mentions, one.cited)
    gold: dict[str, int] = {}
    for one in run.models[0].judged:
        for code in one.gold.mentions:
            gold[code] = gold.get(code, 0) + 1
    codes = {code for tally in tallies.values() for code in tally.by_code} | set(gold)
    order = sorted(codes, key=lambda code: (-gold.get(code, 0), code))
    rows: list[list[Any]] = [
        [code, title(code) if is_valid(code) else None, gold.get(code, 0)]
        + [tally.by_code[code].f1 if code in tally.by_code else None for tally in tallies.values()]
        for code in order[:MOST_CODES]
    ]
    left = [f"The {MOST_CODES} most frequent of {len(order)} codes."] if len(order) > MOST_CODES else []
    columns = ["code", "title", "documents", *tallies]
    return Section("Codes", left, [Table("Joint F1 of each code", columns, rows, sortable=True)])


def _breakdowns(breakdowns: Mapping[str, Sequence[Mapping[str, Any]]]) -> Section:
    tables = [
        Table(
            f"Joint F1 {name.replace('_', ' ')}",
            ["group", "documents", "gold codes", *groups[0]["joint_f1"]],
            [[g["group"], g["documents"], g["codes"], *g["joint_f1"].values()] for g in groups],
            sortable=True,
        )
        for name, groups in breakdowns.items()
        if groups
    ]
    return Section("Groups of codes and documents", tables=tables)


def _rewards(stage: str, found: Agreement) -> Section:
    heading = f"What the reward of {stage} pays for"
    if found.error:
        return Section(heading, [f"{found.reward} could not be asked: {found.error}"])
    paid = f"{len(found.attacks) or 'No'} attack{'s are' if len(found.attacks) > 1 else ' is'} paid like gold"
    text = [f"The reward is {found.reward}.", f"{paid} on {found.attacked} documents."]
    if found.spearman is not None:
        over = "over the answers of all models"
        text.append(f"Its rank correlation with joint F1 {over} is {found.spearman:.2f} (Spearman).")
    tables = []
    if found.attacks:
        columns = ["attack", "what a model would learn", "reward", "gold"]
        rows = [[attack.name, attack.teaches, attack.mean, attack.gold] for attack in found.attacks]
        tables.append(Table("Attacks that pay", columns, rows))
    if found.worst:
        columns = ["document", "model", "reward", "joint F1", "rank by reward − rank by joint F1"]
        worst = [[w.document, w.model, w.reward, w.joint_f1, w.gap] for w in found.worst]
        tables.append(Table("Where reward and metric disagree most", columns, worst, sortable=True))
    plots = _drawn([reward_against_metric(stage, found)]) if found.points else []
    return Section(heading, text, tables, plots)


def _manifest(run: RunRecord) -> Section:
    machine, versions, data = run.summary["hardware"], run.summary["versions"], run.summary["data"]
    parts = [f"{machine['cores']} cores of {machine['cpu']}", f"{machine['memory_gb']} GB", machine["gpu"]]
    facts = [
        ["recipe", run.manifest.source or run.manifest.recipe],
        ["finished", minute(run.summary["finished"])],
        ["model", str(run.recipe.get("model", {}).get("name"))],
        ["seed", str(run.summary["seed"])],
        ["data", ", ".join(f"{name} {count}" for name, count in data.items() if isinstance(count, int))],
        ["hardware", ", ".join(filter(None, parts))],
        ["versions", ", ".join(f"{name} {version}" for name, version in versions.items())],
    ]
    keys = [[name, entry.kind, entry.key[:16]] for name, entry in run.stages.items()]
    tables = [Table("The run", ["fact", "value"], facts), Table("Keys", ["stage", "kind", "key"], keys)]
    text = ["recipe.resolved.yaml and manifest.json beside this page have everything."]
    if find_spec("matplotlib") is None:
        text.append("Without matplotlib there are no diagrams: pip install matplotlib.")
    return Section("How it was made", text, tables)
