"""What a GRPO stage will take."""

from __future__ import annotations

from ..shared.config import examples_per_step
from ..shared.cost import Cost, Facts, add_training, rewarded_prompts
from .settings import GrpoSettings


def grpo_cost(settings: GrpoSettings, facts: Facts) -> Cost:
    """The completions that its steps need, each read with its prompt."""
    config = facts.config(settings)
    rows, length = rewarded_prompts(settings, facts)
    batch = examples_per_step(config, facts.processes)
    completions = settings.max_steps * batch // (config["num_iterations"] or 1)
    limit = settings.answer_limit() or 0
    answer = facts.answer(settings)
    tokens = round(completions * (length + answer))
    cost = Cost(rows, tokens, round(completions * answer), tokens, steps=settings.max_steps)
    asked = completions // config["num_generations"]
    turns = f", in {asked / rows:.1f} turns" if asked > rows > 0 else ""
    cost.notes.append(f"{completions} completions for {min(asked, rows)} of {rows} prompts{turns}")
    if settings.dynamic_sampling:
        cost.notes.append(f"at most {settings.dynamic_sampling + 1} times as many by dynamic_sampling")
    sets = sorted(settings.prompt_sets() | ({"code_only"} if settings.max_filled else set()))
    longest = facts.longest_prompt(sets) + limit
    each = config["per_device_train_batch_size"]
    add_training(cost, settings, facts, each, longest, limit, batch // facts.processes, reference=True)
    return cost
