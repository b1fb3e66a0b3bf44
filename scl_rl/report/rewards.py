"""What the rewards of a run pay for: answers that the metric doesn't, and attacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scipy import stats

from ..answer.grammar import render
from ..answer.prompt import prompt_for
from ..corpus.records import sample_records
from ..errors import UserError
from ..metrics.candidate import Candidate
from ..metrics.difference import joint_f1_by_document
from ..metrics.judged import Judged
from ..probe.bench import Bench
from ..probe.notes import Notes
from ..probe.results import Finding
from ..rewards_api.call import completion_of, row_of
from ..rewards_api.weighted import WeightedRewards
from .collect import RunRecord

MOST_DOCUMENTS = 100  # that rewards are asked about, of each model
MOST_ATTACKED = 20
MOST_SHOWN = 10
FEWEST = 3


@dataclass(frozen=True)
class Disagreement:
    """An answer whose rank by reward is far from its rank by joint F1; ranks in [0, 1], 1 = the best."""

    model: str
    document: str
    reward: float
    joint_f1: float
    gap: float


@dataclass(frozen=True)
class Agreement:
    """A stage's reward and the metric on the models' answers to the compared documents.

    Attributes:
        reward: the weighted sum in one line.
        spearman: rank correlation over all answers; None where either is constant.
        points: model → (joint F1, reward) of each answer.
        worst: the answers on which the two disagree most.
        attacks: those that the reward pays like gold.
        attacked: how many documents the attacks were made from.
        error: why nothing could be found out.
    """

    reward: str
    spearman: float | None = None
    points: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    worst: list[Disagreement] = field(default_factory=list)
    attacks: list[Finding] = field(default_factory=list)
    attacked: int = 0
    error: str = ""


def agreements(run: RunRecord) -> dict[str, Agreement]:
    """Stage → what its rewards pay, for stages whose rewards differ from those before.

    Rewards are asked again, on at most :data:`MOST_DOCUMENTS` documents for each model, as the answer that
    the prediction gives; lines that could not be read are lost to them.
    """
    found: dict[str, Agreement] = {}
    seen: list[Any] = []
    for name in run.stages:
        wanted = run.settings(name).get("rewards")
        if not wanted or wanted in seen or not run.models:
            continue
        seen.append(wanted)
        data = run.folder.data()
        injected = {
            "base": run.base,
            **{name: data.get(name) for name in ("spans", "annotated", "code_only")},
        }
        try:
            rewards = WeightedRewards.load(
                ((r["name"], r.get("weight", 1.0), r.get("args", {})) for r in wanted),
                run.recipe.get("answer", "lines"),
                injected,
            )
            found[name] = _agreement(run, rewards)
        except UserError as error:
            found[name] = Agreement(", ".join(r["name"] for r in wanted), error=str(error).splitlines()[0])
    return found


def _agreement(run: RunRecord, rewards: WeightedRewards) -> Agreement:
    rows: list[tuple[str, str, float, float]] = []
    for model in run.models:
        known = [one for one in sample_records(model.judged, MOST_DOCUMENTS) if one.gold.has_evidence]
        scores = joint_f1_by_document(Candidate(model.name, known, {}))
        rows += [
            (model.name, one.document.id, reward, joint)
            for one, reward, joint in zip(known, _rewards(run, rewards, known), scores, strict=True)
            if reward is not None
        ]
    points: dict[str, list[tuple[float, float]]] = {}
    for name, _, reward, joint in rows:
        points.setdefault(name, []).append((joint, reward))
    by_reward, by_joint = ([row[at] for row in rows] for at in (2, 3))
    enough = len(rows) >= FEWEST and len(set(by_reward)) > 1 and len(set(by_joint)) > 1
    spearman = float(stats.spearmanr(by_reward, by_joint).statistic) if enough else None
    attacks, attacked = _attacks(run, rewards)
    return Agreement(rewards.label, spearman, points, _worst(rows), attacks, attacked)


def _rewards(run: RunRecord, rewards: WeightedRewards, known: list[Judged]) -> list[float | None]:
    prompt: Mapping[str, Any] = run.recipe.get("prompt", {})
    form = run.recipe.get("answer", "lines")
    asked, answers = [], []
    for one in known:
        text = prompt_for(one.document.text, prompt["template"], prompt["chat"])
        answer = render(one.gold.answer(one.prediction), form)
        asked.append({**row_of(one.document, text), "completion_ids": list(answer.encode())})
        answers.append(completion_of(answer, text))
    return rewards.score(asked, answers)


def _worst(rows: list[tuple[str, str, float, float]]) -> list[Disagreement]:
    if len(rows) < FEWEST:
        return []
    ranks = [stats.rankdata([row[at] for row in rows]) / len(rows) for at in (2, 3)]
    gaps = [float(a - b) for a, b in zip(*ranks, strict=True)]
    order = sorted(range(len(rows)), key=lambda i: -abs(gaps[i]))[:MOST_SHOWN]
    return [Disagreement(*rows[i], gaps[i]) for i in order if gaps[i]]


def _attacks(run: RunRecord, rewards: WeightedRewards) -> tuple[list[Finding], int]:
    """The attacks that pay, made from some of the compared documents."""
    prompt = run.recipe["prompt"]
    documents = sample_records(run.documents, MOST_ATTACKED)
    try:
        notes = Notes.of(documents, prompt["template"], prompt["chat"], run.recipe.get("answer", "lines"))
    except UserError:
        return [], 0  # none of them has annotated evidence
    findings = Bench(rewards, notes).attacks()
    return [finding for finding in findings if finding.verdict == "PAYS"], len(notes.notes)
