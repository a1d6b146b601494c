"""Makes the checkpoints beside this file and what they must compute: heads and options that no case of ../conformance
has.

Needs torch and transformers 5.23. `python make.py` makes all, `python make.py NAME ...` some of them. Weights are
random, but larger than fresh ones, so that every part shows in the results."""

import json
import sys
from pathlib import Path

import torch
import transformers as hf
from safetensors.torch import save_file

ENCODER = dict(
    vocab_size=37,
    hidden_size=16,
    num_attention_heads=2,
    num_hidden_layers=2,
    intermediate_size=20,
    max_position_embeddings=40,
)
T5 = dict(
    vocab_size=37,
    d_model=16,
    d_kv=4,
    d_ff=20,
    num_heads=2,
    relative_attention_num_buckets=8,
    relative_attention_max_distance=12,
    decoder_start_token_id=0,
    eos_token_id=1,
    pad_token_id=0,
)
MODERN = dict(
    **{**ENCODER, "num_hidden_layers": 3},
    local_attention=6,
    pad_token_id=0,
    bos_token_id=1,
    cls_token_id=1,
    eos_token_id=2,
    sep_token_id=2,
)
DEBERTA = dict(
    **ENCODER,
    relative_attention=True,
    pos_att_type="c2p|p2c",
    share_att_key=True,
    norm_rel_ebd="layer_norm",
    position_buckets=4,
    max_relative_positions=16,
    position_biased_input=False,
    type_vocab_size=0,
)
BIASES = dict(norm_bias=True, attention_bias=True, mlp_bias=True, classifier_bias=True)

# name: (model class, configuration class, options, keys of config.json that older versions write in place of today's;
# None: absent)
CASES = {
    "t5-gated-silu-untied": (
        hf.T5ForConditionalGeneration,
        hf.T5Config,
        dict(T5, feed_forward_proj="gated-silu", num_layers=2, num_decoder_layers=1),
        {"tie_word_embeddings": False, "scale_decoder_outputs": None, "dense_act_fn": None, "is_gated_act": None},
    ),
    "umt5": (hf.UMT5ForConditionalGeneration, hf.UMT5Config, dict(T5, num_layers=2), {}),
    "t5-token-classification": (hf.T5ForTokenClassification, hf.T5Config, dict(T5, num_layers=1, num_labels=3), {}),
    "modernbert-masked-lm": (hf.ModernBertForMaskedLM, hf.ModernBertConfig, dict(MODERN, **BIASES), {}),
    "modernbert-sequence-classification": (
        hf.ModernBertForSequenceClassification,
        hf.ModernBertConfig,
        dict(MODERN, num_labels=3, classifier_pooling="mean", global_attn_every_n_layers=2),
        {
            "layer_types": None,
            "rope_parameters": None,
            "global_rope_theta": 160000.0,
            "local_rope_theta": 10000.0,
            "global_attn_every_n_layers": 2,
        },
    ),
    "mpnet-masked-lm": (hf.MPNetForMaskedLM, hf.MPNetConfig, ENCODER, {}),
    "mpnet-sequence-classification": (
        hf.MPNetForSequenceClassification,
        hf.MPNetConfig,
        dict(ENCODER, num_labels=3),
        {},
    ),
    "deberta-v2-masked-lm": (
        hf.DebertaV2ForMaskedLM,
        hf.DebertaV2Config,
        dict(
            DEBERTA,
            embedding_size=8,
            position_biased_input=True,
            type_vocab_size=2,
            share_att_key=False,
            pos_att_type=["c2p", "p2c"],
        ),
        {},
    ),
    "deberta-v2-masked-lm-of-today": (
        hf.DebertaV2ForMaskedLM,
        hf.DebertaV2Config,
        dict(DEBERTA, legacy=False, position_buckets=-1, max_relative_positions=6, norm_rel_ebd="none"),
        {},
    ),
    "deberta-v2-sequence-classification": (
        hf.DebertaV2ForSequenceClassification,
        hf.DebertaV2Config,
        dict(DEBERTA, num_labels=3, pos_att_type="p2c", share_att_key=False),
        {},
    ),
    "deberta-v2-question-answering": (
        hf.DebertaV2ForQuestionAnswering,
        hf.DebertaV2Config,
        dict(DEBERTA, conv_kernel_size=3, conv_act="gelu", num_labels=2),
        {},
    ),
}


def randomize(model, generator):
    """Gains around 1, biases around 0, everything else large enough to matter."""
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() == 1:
            is_gain = name.endswith("weight")
            parameter.data = 0.2 * noise + (1 if is_gain else 0)
        else:
            parameter.data = noise * (0.5 if "relative_attention_bias" in name else 1.5 / parameter.shape[-1] ** 0.5)


def expectations(model, config, generator):
    lengths = [22, 9, 1]
    ids = torch.randint(3, config.vocab_size, (len(lengths), max(lengths)), generator=generator)
    mask = (torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]).long()
    # The padding of MPNet is 1, of the others 0.
    inputs = {"input_ids": torch.where(mask == 1, ids, config.pad_token_id), "attention_mask": mask}
    if getattr(config, "type_vocab_size", 0) == 2:
        inputs["token_type_ids"] = torch.randint(0, 2, ids.shape, generator=generator) * mask
    saved = dict(inputs)
    if hasattr(model, "decoder") and config.is_encoder_decoder:
        decoder_ids = torch.randint(3, config.vocab_size, (len(lengths), 11), generator=generator)
        decoder_ids[:, 0] = config.decoder_start_token_id
        saved["decoder_input_ids"] = decoder_ids
        outputs = model(**inputs, decoder_input_ids=decoder_ids)
        saved["encoder_last_hidden_state"] = outputs.encoder_last_hidden_state
        for row, length in enumerate(lengths):
            greedy = model.generate(
                inputs["input_ids"][row : row + 1, :length], max_new_tokens=12, do_sample=False, num_beams=1
            )
            saved[f"greedy_ids.{row}"] = greedy[0]
    else:
        outputs = model(**inputs, output_hidden_states=True)
    for name in ("logits", "start_logits", "end_logits"):
        if name in outputs:
            saved[name] = outputs[name]
    return {
        name: value.to(torch.int32 if value.dtype == torch.int64 else torch.float32).contiguous()
        for name, value in saved.items()
    }


@torch.no_grad()
def make(name, seed):
    model_class, config_class, options, older = CASES[name]
    generator = torch.Generator().manual_seed(seed)
    config = config_class(**options)
    config._attn_implementation = "eager"
    model = model_class(config).eval()
    if older.get("tie_word_embeddings") is False:
        model.lm_head.weight = torch.nn.Parameter(torch.empty_like(model.lm_head.weight))
        config.scale_decoder_outputs = False
    randomize(model, generator)
    folder = Path(__file__).parent / name
    model.save_pretrained(folder)
    text = json.loads((folder / "config.json").read_text())
    for key, value in older.items():
        text.pop(key, None)
        if value is not None:
            text[key] = value
    (folder / "config.json").write_text(json.dumps(text, indent=2, sort_keys=True) + "\n")
    save_file(expectations(model, config, generator), folder / "expected.safetensors")


for number, case in enumerate(CASES):
    if len(sys.argv) == 1 or case in sys.argv[1:]:
        make(case, number)
