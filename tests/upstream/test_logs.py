"""No message of TRL's gets out, however it is worded; of the rest only a warning without use is dropped."""

from __future__ import annotations

import importlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch")

from trl import SFTConfig

from scl_rl.upstream.logs import ignore_renamed_field, keep_notes_out_of_trls_logs, reward_means
from tests.upstream.changed import changed

NOTE = "Mr Smith has HTN"


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(logging.LogRecord)
    yield
    logging.setLogRecordFactory(before)


@pytest.mark.parametrize("trainer", ["sft", "dpo", "grpo"])
def test_trl_names_its_loggers_after_its_modules(trainer: str) -> None:
    module = importlib.import_module(f"trl.trainer.{trainer}_trainer")
    assert module.logger.logger.name == module.__name__, changed("trl", "names loggers after modules", "logs")


@pytest.mark.parametrize("name", ["trl", "trl.trainer.grpo_trainer", "trl.anything.made.later"])
def test_of_a_message_only_its_place_is_printed_and_once(
    name: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    keep_notes_out_of_trls_logs()
    keep_notes_out_of_trls_logs()  # every stage does
    logger, handler = logging.getLogger(name), logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    logger.addHandler(handler)  # as another library may do
    try:
        for i in range(3):
            logger.warning(f"{NOTE} {i}")
            logger.error("%s", NOTE)
            try:
                raise ValueError(NOTE)
            except ValueError:
                logger.exception({"prompt": NOTE})
    finally:
        logger.removeHandler(handler)
    printed = capfd.readouterr().err
    lines = printed.splitlines()
    assert NOTE not in printed and NOTE not in caplog.text and len(lines) == 3
    assert all(line.endswith("left out as it may hold text of notes") for line in lines)
    assert lines[0].startswith(f"{name}, line ") and ": warning, " in lines[0] and ": error, " in lines[1]


def test_other_libraries_still_log(caplog: pytest.LogCaptureFixture) -> None:
    keep_notes_out_of_trls_logs()
    logging.getLogger("trlx").warning("said")
    assert "said" in caplog.text


def test_the_warning_about_a_renamed_field_is_dropped(tmp_path: Path) -> None:
    def made() -> list[str]:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            if ignored:
                ignore_renamed_field()
            SFTConfig(output_dir=str(tmp_path), gradient_checkpointing=True, use_cpu=True, bf16=False)
        return [str(one.message) for one in said if issubclass(one.category, FutureWarning)]

    ignored = False
    what = "warns that gradient_checkpointing is renamed; ignore_renamed_field has nothing to do"
    assert any("gradient_checkpointing" in one for one in made()), changed("transformers", what, "logs")
    ignored = True
    assert made() == []


def test_the_means_of_rewards_are_found() -> None:
    logs = {"rewards/a/mean": 1.0, "rewards/a/std": 2.0, "reward": 3.0, "a/part": 4.0, "rewards/b/mean": 5.0}
    assert reward_means(logs) == {"a": 1.0, "b": 5.0}
