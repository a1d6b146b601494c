"""Makes the cases parakeet-tdt and parakeet-rnnt beside this file: small transducers, what their feature extractor
makes of a sound, and what they must write.

Needs torch, transformers 5.24 and tokenizers. Weights are random, but larger than fresh ones, so that every part shows
in the results. The joint network is balanced, so that blanks, all tokens and all durations occur."""

import json
from pathlib import Path

import torch
import transformers as hf
from make_parakeet import PIECES, SIZES, randomize, tokenizer
from safetensors.torch import save_file

FOLDER = Path(__file__).parent
#: The padding, the blank; a mark that follows what it stands behind.
OWN = ["<pad>", ".", "<blank>"]
BLANK = len(PIECES) + len(OWN) - 1
RATE = 16000


def pieces():
    made = tokenizer()
    made["model"]["vocab"] += [[piece, -20.0 - at] for at, piece in enumerate(OWN)]
    for piece in ("<pad>", "<blank>"):
        made["added_tokens"].append({**made["added_tokens"][0], "id": len(PIECES) + OWN.index(piece), "content": piece})
    return made


def sound(generator):
    times = torch.arange(3 * RATE) / RATE
    found = 0.3 * torch.sin(2000 * times * (1 + times)) * (torch.sin(9 * times) > 0)
    return found + 0.01 * torch.randn(found.shape, generator=generator)


def timestamps(model, folder, sequences, durations):
    """Times of tokens, in seconds, as the reference's processor gives them."""
    front = hf.ParakeetFeatureExtractor.from_pretrained(folder)
    words = hf.ParakeetTokenizer(tokenizer_file=str(folder / "tokenizer.json"), pad_token="<pad>", unk_token="<unk>")
    kind = model.config.model_type.split("_")[1]
    processor = hf.ParakeetProcessor(front, words, blank_token="<blank>", decoder_type=kind)
    texts, times = processor.decode(sequences, durations=durations, skip_special_tokens=True)
    return texts[0], torch.tensor([[each["start"], each["end"]] for each in times[0]], dtype=torch.float32)


def small(kind, generator):
    options = {"durations": [0, 1, 2, 3, 4]} if kind == "tdt" else {"max_symbols_per_step": 3}
    classes = {"tdt": (hf.ParakeetTDTConfig, hf.ParakeetForTDT), "rnnt": (hf.ParakeetRNNTConfig, hf.ParakeetForRNNT)}
    config = classes[kind][0](
        vocab_size=BLANK + 1, decoder_hidden_size=12, blank_token_id=BLANK, pad_token_id=len(PIECES),
        encoder_config=SIZES, decoder_start_token_id=BLANK, **options,
    )  # fmt: skip
    config._attn_implementation = "eager"
    model = classes[kind][1](config).eval()
    randomize(model, generator)
    model.decoder.embedding.weight.mul_(3)
    model.generation_config.decoder_start_token_id = BLANK
    if kind == "tdt":  # without this the logits of durations are looked at as tokens
        model.generation_config.suppress_tokens = list(range(BLANK + 1, BLANK + 1 + len(config.durations)))
    return model


def balance(model, features, generator):
    """Makes all tokens and durations about as probable, over all frames and behind texts of any tokens."""
    frames = model.get_audio_features(input_features=features).pooler_output[0]
    read = model.decoder(torch.randint(1, BLANK, (8, 5), generator=generator)).flatten(0, 1)
    model.joint.head.bias.zero_()
    logits = model.joint(read[:, None], frames[None]).flatten(0, 1)
    model.joint.head.weight.div_(logits.std(0)[:, None])
    model.joint.head.bias.copy_(-logits.mean(0) / logits.std(0))
    model.joint.head.bias[BLANK] += 0.8
    model.joint.head.bias[BLANK + 1 : BLANK + 2] -= 0.7  # no duration
    model.joint.head.bias[0] = -99  # no unknown token


def is_rich(kind, sequence, durations):
    """Whether a text shows what there is, blanks, a mark behind a token, several durations, and ends by itself."""
    marks = [at for at, token in enumerate(sequence) if token == BLANK - 1 and sequence[at - 1] < len(PIECES)]
    kinds = len(set(durations[1:]))
    return (
        BLANK in sequence[1:]
        and bool(marks)
        and len(set(sequence)) >= 6
        and (kind == "rnnt" or kinds >= 4 and len(sequence) < 50)
    )


@torch.no_grad()
def make(kind, seed):
    """Takes the first seed from this one on whose text is rich."""
    folder = FOLDER / f"parakeet-{kind}"
    front = hf.ParakeetFeatureExtractor(feature_size=SIZES["num_mel_bins"])
    while True:
        generator = torch.Generator().manual_seed(seed)
        heard = sound(generator)
        made = front(heard.numpy(), sampling_rate=RATE, return_tensors="pt")
        model = small(kind, generator)
        balance(model, made["input_features"], generator)
        written = model.generate(**made)
        if is_rich(kind, written.sequences[0].tolist(), written.durations[0].tolist()):
            break
        seed += 1
    model.save_pretrained(folder)
    (folder / "tokenizer.json").write_text(json.dumps(pieces(), indent=1))
    front.save_pretrained(folder)
    whole = made["input_features"][:, : int(made["attention_mask"].sum())]
    features = torch.cat([whole[:, :90], torch.randn((1, 90, 16), generator=generator)])
    text, times = timestamps(model, folder, written.sequences, written.durations)
    (folder / "text.json").write_text(json.dumps({"text": text}) + "\n")
    tensors = {
        "input_features": features,
        "last_hidden_state": model.encoder(input_features=features).last_hidden_state,
        "sound": heard,
        "sequence": written.sequences[0].to(torch.int32),
        "durations": written.durations[0].to(torch.int32),
        "token_times": times,
    }
    save_file({key: value.contiguous() for key, value in tensors.items()}, folder / "expected.safetensors")


if __name__ == "__main__":
    make("tdt", 0)
    make("rnnt", 0)
