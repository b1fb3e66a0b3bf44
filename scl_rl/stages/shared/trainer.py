"""What the training stages share: the model they start from, their trainer's defaults, resuming."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from ...errors import UserError
from ...modeling import ranks
from ...modeling.load import Loaded, ModelCard, is_adapter, load_base, load_trained, read_card, save_trained
from ...upstream.logs import ignore_renamed_field, keep_notes_out_of_trls_logs
from ..contract import StageContext
from .config import Machine, resolve
from .divergence import check_weights
from .settings import TrainingSettings


def start_model(context: StageContext, settings: TrainingSettings) -> Loaded:
    """The model that a training stage starts from, with something to train.

    A parent's adapter is trained further, and TRL keeps a frozen copy of it as the reference. Whole
    weights are trained in float32: updates of the usual size round away in bfloat16.

    Raises:
        UserError: ``peft`` asks for another adapter than the parent has, or has wrong values; ``freeze``
            names no weights, or all there are.
    """
    loaded = _start_model(context, settings.peft)
    _freeze(loaded.model, settings.freeze, context)
    return loaded


def _start_model(context: StageContext, peft: dict[str, Any] | None) -> Loaded:
    parent = context.model_before
    if parent is not None and is_adapter(parent):
        if peft is not None and not _same_adapter(parent, peft):
            raise UserError(
                f"stage '{context.name}': its parent '{context.parent.name}' has another adapter than "
                "'peft' asks for; leave 'peft' out to train the parent's"
            )
        return load_trained(parent, context.base, trainable=True, reporter=context.reporter)
    dtype = context.model.dtype if peft is not None else "float32"
    if parent is not None:
        loaded = load_trained(parent, context.base, dtype=dtype, reporter=context.reporter)
    else:
        loaded = load_base(context.model.name, context.base, dtype, context.model.revision, context.reporter)
    if peft is not None:
        from peft import get_peft_model

        from ...upstream.adapters import use_lean_layers

        _seed(context.seed)  # the adapter's first weights are random
        loaded.model = get_peft_model(loaded.model, _lora(context, peft))
        use_lean_layers(loaded.model)
    return loaded


def _freeze(model: Any, expressions: list[str], context: StageContext) -> None:
    trained = {name: weights for name, weights in model.named_parameters() if weights.requires_grad}
    left = dict(trained)
    for expression in expressions:
        found = [name for name in trained if re.search(expression, name)]
        if not found:
            raise UserError(f"stage '{context.name}': freeze: no parameter matches '{expression}'")
        for name in found:
            trained[name].requires_grad_(False)
            left.pop(name, None)
    if not left:
        raise UserError(f"stage '{context.name}': freeze: nothing is left to train")


def _same_adapter(parent: Any, peft: dict[str, Any]) -> bool:
    from peft import PeftConfig

    config = PeftConfig.from_pretrained(str(parent))

    def plain(value: Any) -> Any:
        return set(value) if isinstance(value, list | tuple | set) else value

    return all(plain(getattr(config, key)) == plain(value) for key, value in peft.items())


def _lora(context: StageContext, peft: dict[str, Any]) -> Any:
    from peft import LoraConfig

    fields = {"r": 16, "lora_alpha": 32, "target_modules": "all-linear", "task_type": "CAUSAL_LM", **peft}
    try:
        return LoraConfig(**fields)
    except (TypeError, ValueError) as error:
        raise UserError(f"stage '{context.name}': peft: {error}") from error


def _seed(seed: int) -> None:
    from transformers import set_seed

    set_seed(seed)


def trainer_fields(settings: TrainingSettings, context: StageContext) -> dict[str, Any]:
    """The fields that the stage's TRL config is made with."""
    config = resolve(settings, context.model.dtype, Machine.seen_by_torch())
    return {**config.ours, "output_dir": str(context.checkpoints), "seed": context.seed}


def model_card(context: StageContext, cites: bool = False) -> ModelCard:
    """The card of the model that this stage trains.

    Args:
        cites: the stage trains it to find the evidence of given codes; else it can if its parent could.

    An adapter's base is the model it was put on: its parent's weights, if it has a parent of whole weights.
    """
    parent = context.model_before
    whole: Path | None = parent
    if parent is not None and is_adapter(parent):
        below = read_card(parent).base_folder
        whole = parent / below if below else None
    cites = cites or (parent is not None and read_card(parent).cite_template is not None)
    return ModelCard(
        base=context.model.name,
        base_folder=os.path.relpath(whole, context.folder / "model") if whole else None,
        dtype=context.model.dtype,
        revision=context.model.revision,
        template=context.prompt.template,
        chat=context.prompt.chat,
        answer=context.answer,
        window=context.window.tokens if context.window else None,
        cite_template=context.prompt.cite_template if cites else None,
        cite_titles=cites and context.prompt.cite_titles,
    )


def save_model(trainer: Any, context: StageContext, cites: bool = False) -> None:
    """Save what a trainer trained as the stage's model; each process that trains it must ask.

    Args:
        cites: as for :func:`model_card`.

    Raises:
        DivergedError: the weights are not finite.
    """
    from ...upstream.trainers import gathered_weights

    weights = gathered_weights(trainer) if ranks.num_processes() > 1 else None
    if ranks.is_main_process():
        check_weights((weights or dict(trainer.model.named_parameters())).items(), trainer.state.global_step)
        loaded = Loaded(trainer.model, trainer.processing_class)
        save_trained(loaded, context.folder / "model", model_card(context, cites), weights)


def quiet_libraries() -> None:
    """Leave the talking to the stage's own progress lines."""
    import datasets

    datasets.disable_progress_bars()
    ignore_renamed_field()
    keep_notes_out_of_trls_logs()


def without_printing(trainer: Any) -> Any:
    """The trainer without the callback that prints every logged figure."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    return trainer
