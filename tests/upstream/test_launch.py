"""What ``scl_rl/upstream/launch.py`` takes accelerate's launcher to do."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

pytest.importorskip("torch")

from scl_rl.upstream.launch import ON_CPU, exit_code, sharded
from tests.upstream.changed import changed

MODULE = "launch"
LAUNCHED = """
import sys
import torch.distributed.run as run
from scl_rl.upstream.launch import launch, sharded
run.run = lambda arguments: print("sharded:", sharded())
sys.argv[1:] = ["--config_file", sys.argv[1], "--num_processes", "2", "--module", "nothing"]
launch()
"""


@pytest.mark.parametrize(("name", "parts"), [("fsdp2", True), ("ddp", False), ("cpu", False)])
def test_the_launcher_says_whether_weights_are_shared(name: str, parts: bool) -> None:
    config = str(files("scl_rl.recipes").joinpath("accelerate", f"{name}.yaml"))
    done = subprocess.run(
        [sys.executable, "-c", LAUNCHED, config], capture_output=True, text=True, check=False
    )
    what = "launches by accelerate.commands.launch.main, with ACCELERATE_USE_FSDP for FSDP"
    assert f"sharded: {parts}" in done.stdout, changed("accelerate", what, MODULE) + done.stderr[-2000:]


@pytest.mark.parametrize(("name", "parts"), [("zero2", False), ("zero3", True)])
def test_the_launcher_says_which_stage_of_zero(
    name: str, parts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser
    from accelerate.utils.launch import prepare_deepspeed_cmd_env

    config = str(files("scl_rl.recipes").joinpath("accelerate", f"{name}.yaml"))
    parser = launch_command_parser()
    arguments = parser.parse_args(["--config_file", config, "--num_processes", "2", "--module", "nothing"])
    arguments, *_ = _validate_launch_command(arguments)
    arguments.deepspeed_fields_from_accelerate_config = ""
    for variable, value in prepare_deepspeed_cmd_env(arguments)[1].items():
        monkeypatch.setenv(variable, value)
    what = "says with ACCELERATE_USE_DEEPSPEED and ACCELERATE_DEEPSPEED_ZERO_STAGE which stage of ZeRO it is"
    assert sharded() is parts, changed("accelerate", what, MODULE)


def test_a_process_can_be_kept_from_its_gpus() -> None:
    import accelerate.state

    what = "asks for ACCELERATE_USE_CPU"
    assert "ACCELERATE_USE_CPU" in ON_CPU
    assert "ACCELERATE_USE_CPU" in inspect.getsource(accelerate.state), changed("accelerate", what, MODULE)


def test_the_exit_code_of_the_first_process_that_failed_is_read(tmp_path: Path) -> None:
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

    killed = ProcessFailure(local_rank=1, pid=11, exitcode=-9, error_file=str(tmp_path / "none"))
    ended = ProcessFailure(local_rank=0, pid=10, exitcode=1, error_file=str(tmp_path / "none"))
    killed.timestamp, ended.timestamp = 1, 2
    what = "prints an 'exitcode' for every process that failed, that of the first one last"
    told = str(ChildFailedError("work", {0: ended, 1: killed}))
    assert exit_code(told) == -9, changed("torch", what, MODULE)
    assert exit_code("nothing of the kind") is None
