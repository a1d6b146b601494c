"""Writes the fixtures of sounds.

features.safetensors: features of a sound that every machine makes alike, by transformers' numpy paths.
tone.flac, tone.ogg, tone.mp3: a sine of 0.2 s, by the soundfile package.
words.json: what a language model and hot words add to texts, by pyctcdecode with kenlm and words.arpa.
"""

import json
import pathlib

import numpy as np

HERE = pathlib.Path(__file__).parent


def samples(count):
    """Sums of whole numbers, divided by a power of two: exact in float32."""
    out, state = np.zeros(count, np.float32), 12345
    for i in range(count):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        saw, noise = i * 97 % 4001 - 2000, (state >> 16) % 2001 - 1000
        out[i] = (saw * (1 + i // 1600 % 4) + noise) / 32768
    return out


def features():
    import transformers
    from safetensors.numpy import save_file
    from transformers.models.audio_spectrogram_transformer import (
        feature_extraction_audio_spectrogram_transformer as spectrogram,
    )

    spectrogram.is_speech_available = lambda: False  # the numpy path
    made = {}
    for count in (560, 720, 4321):
        made[f"seamless/{count}"] = transformers.SeamlessM4TFeatureExtractor()(
            [samples(count)], sampling_rate=16000, return_tensors="np", pad_to_multiple_of=2
        )["input_features"][0]
    whisper = transformers.WhisperFeatureExtractor(chunk_length=1)
    whole = whisper([samples(9000)], sampling_rate=16000, return_tensors="np")["input_features"][0]
    made["whisper/9000/every 4th frame"] = whole[:, ::4]
    ast = transformers.ASTFeatureExtractor(max_length=64)
    whole = ast([samples(9000)], sampling_rate=16000, return_tensors="np")["input_values"][0]
    made["ast/9000/every 4th frame"] = whole[::4]
    made = {name: np.ascontiguousarray(value, np.float32) for name, value in made.items()}
    save_file(made, HERE / "features.safetensors")


def tones():
    import soundfile

    tone = 0.5 * np.sin(np.arange(3200) * (2 * np.pi * 440 / 16000))
    for kind in ("flac", "ogg", "mp3"):
        soundfile.write(HERE / f"tone.{kind}", tone, 16000)


CASES = [
    ("language", "AB BA ABBA", 1.2, 2, {}, True),
    ("another text", "A BAB CAB", 1.4, 5, {}, True),
    ("no boundary", "AB BA CCA", 1.2, 6, {"lm_score_boundary": False}, True),
    ("weights", "AB BA ABBA", 1.4, 7, {"alpha": 0.9, "beta": 0.3, "unk_score_offset": -4.0}, True),
    ("hot", "CCA BC", 1.2, 8, {"hotwords": ["CCA", "BC"]}, False),
    ("hot and language", "CCA AB BC AB", 1.2, 9, {"hotwords": ["CCA", "BC AB"], "hotword_weight": 4.0}, True),
]


def logits(text, noise, seed):
    """Two frames of each letter, and a blank between equal ones."""
    labels, rows, before = ["", "A", "B", "C", " "], [], None
    for letter in text:
        rows += [0] * (letter == before) + [labels.index(letter)] * 2
        before = letter
    values = np.random.default_rng(seed).normal(size=(len(rows), len(labels))) * noise
    values[np.arange(len(rows)), rows] += 2
    return np.round(values * 64) / 64


def words():
    from pyctcdecode import build_ctcdecoder

    known, made = ["AB", "ABBA", "BA", "A", "BAB", "CAB"], []
    for name, text, noise, seed, options, has_model in CASES:
        values = logits(text, noise, seed)
        hot = {key: value for key, value in options.items() if key.startswith("hotword")}
        others = {key: value for key, value in options.items() if key not in hot}
        model = (str(HERE / "words.arpa"), known) if has_model else (None, None)
        decoder = build_ctcdecoder(["", "A", "B", "C", " "], *model, **others)
        logs = values - np.log(np.exp(values).sum(1, keepdims=True))
        beams = decoder.decode_beams(logs, beam_width=4000, beam_prune_logp=-1e9, token_min_logp=-1e9, **hot)
        added = [[beam[0], round(beam[-1] - beam[-2], 6)] for beam in beams[:6]]
        made.append(
            {"name": name, "options": options, "language": has_model, "logits": values.tolist(), "added": added}
        )
    text = ",\n".join(json.dumps(case) for case in made)
    (HERE / "words.json").write_text(f"[\n{text}\n]\n")


if __name__ == "__main__":
    for make in (features, tones, words):
        try:
            make()
        except ImportError as error:
            print(f"{make.__name__} are left as they are: {error}")
