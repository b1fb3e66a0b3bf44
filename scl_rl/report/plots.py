"""The diagrams of a report, each in light and dark, as SVG, and as PNG for papers and pages."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from .collect import RunRecord
from .curves import Panel
from .rewards import Agreement

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by colour-blind readers, without the yellow that is too light.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_MARKERS = "osD^vP"
_COLUMNS = 3
_INK, _LINE, _PAPER = "#1b1b1f", "#c9cad1", "#ffffff"
_INKED = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
_IN_THE_DARK = {_INK: "#e9e9ee", _LINE: "#47484f", _PAPER: "#151518", "#0072b2": "#3f9fdc"}
Draw = Callable[["Figure"], None]


@dataclass(frozen=True)
class Plot:
    """A diagram. ``words`` say what it shows to who can't see it."""

    name: str
    title: str
    words: str
    light: bytes
    dark: bytes
    png: bytes


def make_plot(name: str, title: str, words: str, size: tuple[float, float], draw: Draw) -> Plot | None:
    """Draw in both themes; the same data give the same bytes. None without matplotlib."""
    if find_spec("matplotlib") is None:
        return None
    from cycler import cycler
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    style: Any = {
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.prop_cycle": cycler(color=_COLOURS),
        **dict.fromkeys(_INKED, _INK),
        **dict.fromkeys(("axes.facecolor", "figure.facecolor", "savefig.facecolor"), _PAPER),
        "grid.color": _LINE,
        "legend.frameon": False,
        "svg.hashsalt": "scl-rl",
        "text.parse_math": False,
    }
    drawn = {}
    with rc_context(style):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        for form, metadata in (("svg", {"Date": None}), ("png", {"Software": None})):
            stream = io.BytesIO()
            figure.savefig(stream, format=form, dpi=200, metadata=metadata)
            drawn[form] = stream.getvalue()
    dark = drawn["svg"]
    for light, other in _IN_THE_DARK.items():
        dark = dark.replace(light.encode(), other.encode())
    return Plot(name, title, words, drawn["svg"], dark, drawn["png"])


def forest(comparison: Mapping[str, Any]) -> Plot | None:
    """The differences between systems with their intervals, in points of 100."""
    pairs = comparison["pairs"]
    figures = [("joint_f1", "joint F1"), ("code_micro_f1", "code F1")]

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.axvline(0, color="grey", linewidth=0.8)
        for number, (key, label) in enumerate(figures):
            values = [pair["figures"][key] for pair in pairs]
            middle = [100 * value["difference"] for value in values]
            reach = [
                [100 * (value["difference"] - value["low"]) for value in values],
                [100 * (value["high"] - value["difference"]) for value in values],
            ]
            rows = [row + 0.18 * (2 * number - 1) for row in range(len(pairs))]
            axes.errorbar(middle, rows, xerr=reach, fmt=_MARKERS[number], capsize=3, label=label)
        axes.set_yticks(range(len(pairs)), [f"{pair['b']} − {pair['a']}" for pair in pairs])
        axes.invert_yaxis()
        axes.set_xlabel("difference in points, with 95% interval over documents")
        axes.grid(axis="x", linewidth=0.5)
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))

    words = "Differences between models with 95% intervals; the figures are in the table below."
    return make_plot("differences", "Differences between models", words, (7.5, 1.2 + 0.55 * len(pairs)), draw)


def quality(comparison: Mapping[str, Any]) -> Plot | None:
    """Joint F1 against what training cost; None where nothing was trained, too."""
    trained = [c for c in comparison["candidates"] if c["tokens"]]
    if not trained:
        return None

    def draw(figure: Figure) -> None:
        for number, (key, label) in enumerate((("tokens", "tokens trained"), ("minutes", "minutes"))):
            axes = figure.add_subplot(1, 2, number + 1)
            for at, candidate in enumerate(trained):
                point = candidate[key], candidate["figures"]["joint"]["micro"]["f1"]
                mark = _MARKERS[at % len(_MARKERS)]
                colour = _COLOURS[at % len(_COLOURS)]
                axes.plot(*point, mark, color=colour, label=candidate["name"], clip_on=False, zorder=3)
            axes.margins(0.1)
            axes.set_xlabel(label)
            axes.set_ylabel("joint F1" if not number else "")
            axes.set_ylim(bottom=0)
            axes.set_xlim(left=0)
            axes.grid(linewidth=0.5)
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))

    words = "Joint F1 of each model against the tokens and minutes of its training, parents included."
    return make_plot("quality", "Quality and cost", words, (8.5, 3), draw)


def time_spent(run: RunRecord) -> Plot | None:
    """The minutes of every stage, the data step too."""
    stages = {name: entry.minutes for name, entry in run.stages.items()}

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        bars = axes.barh(list(stages), list(stages.values()), color=_COLOURS[0])
        axes.bar_label(bars, [f"{minutes:.1f}" for minutes in stages.values()], padding=3)
        axes.invert_yaxis()
        axes.set_xlabel("minutes")
        axes.margins(x=0.12)

    words = "Minutes of each stage; the figures are in the table of stages."
    return make_plot("time", "Where the time went", words, (7.5, 0.9 + 0.28 * len(stages)), draw)


def learning(stage: str, panels: Sequence[Panel]) -> Plot | None:
    """What a stage logged."""
    rows = -(-len(panels) // _COLUMNS)

    def draw(figure: Figure) -> None:
        for number, panel in enumerate(panels, 1):
            axes = figure.add_subplot(rows, min(_COLUMNS, len(panels)), number)
            for at, (name, points) in enumerate(panel.lines.items()):
                mark = _MARKERS[at % len(_MARKERS)] if len(points) < 40 else ""
                steps, values = zip(*points, strict=True)
                axes.plot(steps, values, f"-{mark}", markersize=3, linewidth=1.2, label=name)
            axes.set_title(panel.title, fontsize=9, loc="left")
            axes.set_xlabel("step")
            axes.grid(linewidth=0.5)
            if len(panel.lines) > 1:
                axes.legend(fontsize=8)

    words = f"Learning curves of {stage}: " + "; ".join(panel.title for panel in panels)
    size = (3.2 * min(_COLUMNS, len(panels)) + 0.2, 2.5 * rows)
    return make_plot(f"curves-{stage}", f"Learning curves of {stage}", words, size, draw)


def reliability_plot(found: Mapping[str, Any]) -> Plot | None:
    """The share of codes that are cited against their confidence, before and after calibration."""

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
        for number, (name, one) in enumerate(found.items()):
            sure, share = ([b[key] for b in one["bins"]] for key in ("confidence", "cited"))
            axes.plot(sure, share, f"-{_MARKERS[number]}", label=f"{name}: ECE {one['ece']:.3f}")
        axes.set_xlabel("confidence")
        axes.set_ylabel("share of codes that are cited")
        axes.set_aspect("equal")
        axes.grid(linewidth=0.5)
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))

    return make_plot("reliability", "Reliability", "Share cited against confidence.", (6, 4), draw)


def reward_against_metric(stage: str, agreement: Agreement) -> Plot | None:
    """Each answer's reward against its document's joint F1."""

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for number, (model, points) in enumerate(agreement.points.items()):
            scores, rewards = zip(*points, strict=True)
            mark = _MARKERS[number % len(_MARKERS)]
            axes.plot(scores, rewards, mark, markersize=4, alpha=0.6, label=model)
        axes.set_xlabel("joint F1 of the document")
        axes.set_ylabel("reward")
        axes.grid(linewidth=0.5)
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8)

    words = f"The reward of {stage} for each answer, against the answer's joint F1."
    return make_plot(f"reward-{stage}", f"Reward of {stage} and metric", words, (6, 3), draw)
