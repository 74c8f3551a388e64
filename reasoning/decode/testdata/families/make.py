"""Tiny random models of every family and rotation rule, with logits by transformers.

usage: python make.py        (torch 2.15.0, transformers 5.24.0, peft 0.21.2; float32 on the processor)
Writes one folder each: config.json, model.safetensors (bfloat16, or as named), golden.json.
"""
import json, os, shutil
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config

BASE = dict(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=64, initializer_range=0.25, bos_token_id=1, eos_token_id=2)
IDS = [(7 * i * i + 3 * i + 1) % 64 for i in range(40)]


def rope(**kw):
    return dict(rope_theta=10000.0, **kw)


MODELS = {
    "llama-bias": (LlamaConfig(**BASE, attention_bias=True, mlp_bias=True, tie_word_embeddings=True), torch.float16),
    "llama-linear": (LlamaConfig(**BASE, rope_parameters=rope(rope_type="linear", factor=2.5)), torch.bfloat16),
    "llama-dynamic": (LlamaConfig(**{**BASE, "max_position_embeddings": 16}, rope_parameters=rope(rope_type="dynamic", factor=3.0)), torch.bfloat16),
    "llama-yarn": (LlamaConfig(**BASE, rope_parameters=rope(rope_type="yarn", factor=4.0, original_max_position_embeddings=16)), torch.bfloat16),
    "mistral": (MistralConfig(**BASE, head_dim=16, sliding_window=8), torch.float32),
    "qwen2": (Qwen2Config(**BASE, tie_word_embeddings=True, use_sliding_window=True, sliding_window=8, max_window_layers=1), torch.bfloat16),
    "qwen3": (Qwen3Config(**BASE, head_dim=16, attention_bias=False), torch.bfloat16),
}


def logits(m):
    with torch.no_grad():
        out = m(torch.tensor([IDS])).logits[0]
    return {str(p): [round(float(x), 6) for x in out[p]] for p in (0, 9, 23, 39)}


def main():
    for seed, (name, (config, dtype)) in enumerate(MODELS.items()):
        torch.manual_seed(seed)
        config._attn_implementation = "eager"
        m = AutoModelForCausalLM.from_config(config)
        for n, p in m.named_parameters():  # norms and biases too, so that forgetting one shows
            if n.endswith("bias") or "norm" in n:
                p.data += torch.randn_like(p) * 0.2
        m = m.to(dtype)
        shutil.rmtree(name, ignore_errors=True)
        m.save_pretrained(name)
        if os.path.exists(name + "/generation_config.json"):
            os.remove(name + "/generation_config.json")
        # Read again: to(bfloat16) has rounded the rotation's frequencies too.
        m = AutoModelForCausalLM.from_pretrained(name, attn_implementation="eager", dtype=torch.float32).eval()
        json.dump({"ids": IDS, "logits": logits(m)}, open(name + "/golden.json", "w"))

    # Adapters on llama-linear, as peft saves them.
    from peft import LoraConfig, get_peft_model
    m = AutoModelForCausalLM.from_pretrained("llama-linear", attn_implementation="eager", dtype=torch.float32).eval()
    torch.manual_seed(99)
    p = get_peft_model(m, LoraConfig(r=4, lora_alpha=6, target_modules=["q_proj", "k_proj", "v_proj", "down_proj"], rank_pattern={"v_proj": 2}, use_rslora=True))
    for n, x in p.named_parameters():
        if "lora_" in n:
            x.data = torch.randn_like(x) * 0.2
    shutil.rmtree("adapter", ignore_errors=True)
    p.eval().save_pretrained("adapter")
    os.remove("adapter/README.md")
    json.dump({"ids": IDS, "logits": logits(p)}, open("adapter/golden.json", "w"))


main()
