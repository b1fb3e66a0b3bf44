"""Imported by the fork server and by nothing else: what every stage that has a model needs.

Importing takes longer than starting a process, so it is done once. Nothing here may touch a GPU: what
has can't be forked. With this setting PyTorch counts GPUs without opening one.
"""

from __future__ import annotations

import atexit
import os
import signal

os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a closed terminal's; the server must outlive its stages

import peft  # noqa: F401
import torch  # noqa: F401
from trl import GRPOTrainer, SFTTrainer  # noqa: F401

atexit.register(os._exit, 0)  # the server ends with the run; taking all this down takes seconds
