"""A GGUF file becomes an ordinary model folder: its weights dequantised, nothing of the quantizer left."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter, TokenType, quants  # noqa: E402
from tokenizers import pre_tokenizers  # noqa: E402

from scl_rl.modeling.load import load_base  # noqa: E402
from scl_rl.reporter import QUIET  # noqa: E402
from scl_rl.stages.sft.settings import SftSettings  # noqa: E402
from tests.stages.test_training import QUICK, context, note  # noqa: E402


def gguf(path: Path) -> Path:
    """A Llama of one narrow layer with a byte tokenizer, in 8 bits."""
    width, inner = 32, 64
    letters = ["<unk>", "<s>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet()), "HT"]
    writer = GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(16)
    writer.add_vocab_size(len(letters))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(letters)
    writer.add_token_types([TokenType.CONTROL] * 3 + [TokenType.NORMAL] * (len(letters) - 3))
    writer.add_token_merges(["H T"])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    shapes = {"token_embd": (len(letters), width), "output": (len(letters), width)}
    shapes |= {f"blk.0.attn_{name}": (width, width) for name in ("q", "k", "v", "output")}
    shapes |= {f"blk.0.ffn_{name}": (inner, width) for name in ("gate", "up")}
    shapes |= {"blk.0.ffn_down": (width, inner)}
    rng = np.random.default_rng(0)
    for name, shape in shapes.items():
        packed = quants.quantize(rng.normal(0, 0.1, shape).astype(np.float32), GGMLQuantizationType.Q8_0)
        writer.add_tensor(f"{name}.weight", packed, raw_dtype=GGMLQuantizationType.Q8_0)
    for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(width, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_gguf_is_dequantised_and_can_be_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from scl_rl.corpus.jsonl import write_jsonl
    from scl_rl.modeling.settings import ModelSettings

    monkeypatch.setenv("SCL_RL_CACHE", str(tmp_path / "cache"))
    gguf(tmp_path / "m.gguf")
    loaded = load_base("m.gguf", tmp_path, "float32", reporter=QUIET)
    tensors = {tensor.name: tensor for tensor in GGUFReader(tmp_path / "m.gguf").tensors}
    packed = tensors["blk.0.ffn_up.weight"]
    expected = torch.from_numpy(quants.dequantize(packed.data, packed.tensor_type))
    assert torch.equal(loaded.model.model.layers[0].mlp.up_proj.weight, expected)
    [folder] = (tmp_path / "cache" / "models").iterdir()
    assert "quantization_config" not in json.loads((folder / "config.json").read_text())
    assert loaded.tokenizer.decode(loaded.tokenizer("HTN")["input_ids"]) == "HTN"
    write_jsonl(tmp_path / "documents.jsonl", [note("d", "HTN", "I10")])
    where = context(tmp_path, "sft", model=ModelSettings(name="m.gguf", dtype="float32"))
    assert SftSettings(tokens=100, trainer=QUICK).run(where)["steps"] > 0
    trained = load_base(str(where.folder / "model"), tmp_path, "float32")
    assert not torch.equal(trained.model.model.layers[0].mlp.up_proj.weight, expected)
