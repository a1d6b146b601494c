"""Looks for inputs that the library does not survive.

    python Tests/Sweep/sweep.py CHILD [--long] [--seed N] [--only KIND]

CHILD is the program that CMake builds from child.c. Each case runs in a process of its own, on a thread with a stack of
512 KiB, within 20 seconds and 6 GiB. A find is a case that dies, hangs or prints; success and errors are both fine,
except where a case says which it has to be. The short sweep, which the tests run, takes about a minute; the long one
repeats it with other seeds until it is stopped or --minutes are over, and keeps the finds in --keep.

The kinds: templates, configurations, tokenizers, damage (files cut and flipped), allocations (that fail), shrink (files
that shrink under a model with its own copy), forks.
"""

from __future__ import annotations

import argparse
import collections
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import configurations
import damage
import templates
import tokenizers
from cases import Case, Place, replace

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("templates", "configurations", "tokenizers", "damage", "allocations", "shrink", "forks")

#: Allocations below this many bytes are the language runtime's own, which cannot fail; see include/attend.h.
RUNTIME = 1024
#: The most of those that a load of the tiny GPT-2 may take: every one is a place where a starved program ends.
MOST_RUNTIME_ALLOCATIONS = 325


class Child:
    """The program that runs cases."""

    def __init__(self, program: str) -> None:
        self.program = str(Path(program).resolve())

    def run(self, cases: list[Case]) -> list[tuple[str, str]]:
        """The ending and the message of each case, in order."""
        lines = "".join(
            f"{number}\t{case.action}\t{case.path}\t{case.extra}\t{case.fail}\t{case.least}\n"
            for number, case in enumerate(cases)
        )
        found = subprocess.run(
            [self.program], input=lines.encode(), stdout=subprocess.PIPE, cwd=ROOT, check=True
        ).stdout.decode("utf-8", "replace")
        endings = [line.split("\t", 2) for line in found.splitlines()]
        if [int(ending[0]) for ending in endings] != list(range(len(cases))):
            raise RuntimeError(f"{self.program} answered {len(endings)} of {len(cases)} cases")
        return [(ending[1], ending[2]) for ending in endings]


def senses(place: Place) -> Iterator[tuple[str, Path, str]]:
    """Models that hear and see, with the files that say how."""
    letters = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ'"]
    sound = {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "sampling_rate": 16000}
    log_mel = {"feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 16, "hop_length": 800}
    log_mel |= {"n_fft": 1600, "chunk_length": 3, "sampling_rate": 16000}
    picture = {"image_processor_type": "ViTImageProcessor", "size": {"height": 32, "width": 32}}
    named = {"eos_token_id": 60, "decoder_start_token_id": 61, "no_timestamps_token_id": 68, "is_multilingual": False}
    symbols = {
        "vocab.json": {letter: place for place, letter in enumerate(letters)},
        "tokenizer_config.json": {"word_delimiter_token": "|"},
    }
    for action, name, files in (
        ("hear", "wav2vec2-ctc", {"preprocessor_config.json": sound, **symbols}),
        ("hear", "sound-wav2vec2-classes", {"preprocessor_config.json": sound}),
        ("hear", "moonshine", {"preprocessor_config.json": {**sound, "do_normalize": False}}),
        ("hear", "whisper", {"preprocessor_config.json": log_mel, "generation_config.json": named}),
        ("see", "clip", {"preprocessor_config.json": picture}),
        ("see", "vit-image-classification", {"preprocessor_config.json": picture}),
        ("see", "trocr", {"preprocessor_config.json": picture}),
    ):
        folder = place.copy(ROOT / "Tests" / "Fixtures" / "features" / name)
        for file, content in files.items():
            replace(folder / file, content)
        yield action, folder, name


def allocations(place: Place, child: Child, thorough: bool) -> Iterator[Case]:
    """A load, a use and answers in which one allocation of 1 KB or more after the other fails."""
    models = ["Tests/Fixtures/conformance/gpt2", "models/g2p-en", "Tests/Fixtures/conformance/bert"]
    runs = [(action, ROOT / path, path) for path in models for action in ("load", "use", "write")]
    for action, path, name in runs + list(senses(place)):
        [(ending, message)] = child.run([Case("allocations", f"{action} {name}", action, path, least=RUNTIME)])
        if ending != "ok":
            yield Case("allocations", f"{action} {name}: {message}", action, path, wanted="ok")
            continue
        count = int(message)
        step = 1 if thorough or count < 200 else count // 200 + 1
        for number in range(1, count + 1, step):
            title = f"{action} {name}: allocation {number} of {count}"
            yield Case("allocations", title, action, path, fail=number, least=RUNTIME)


def runtime_allocations(child: Child) -> int:
    """How many allocations below 1 KB a load of GPT-2 cannot do without."""
    path = ROOT / "Tests/Fixtures/conformance/gpt2"
    [(_, every), (_, large)] = child.run(
        [Case("allocations", "all", "load", path), Case("allocations", "large", "load", path, least=RUNTIME)]
    )
    # Every allocation below 1 KB counts that kills the process; some are asked for in a way that can fail.
    cases = [Case("allocations", f"{n}", "load", path, fail=n) for n in range(1, int(every) + 1)]
    return sum(ending.startswith("signal") for ending, _ in child.run(cases))


def shrink(place: Place) -> Iterator[Case]:
    """Weights that are cut to nothing while a model that has copied them computes."""
    for name in ("gpt2", "bert", "marian"):
        folder = place.copy(ROOT / "Tests/Fixtures/conformance" / name)
        yield Case("shrink", name, "shrink", folder, extra=folder / "model.safetensors", wanted="ok")


def forks(place: Place) -> Iterator[Case]:
    """Children that make a model of their own while a thread of the parent computes."""
    for path in ("models/g2p-en", "Tests/Fixtures/conformance/bert"):
        yield Case("forks", path, "fork", ROOT / path, wanted="ok")


def cases(kind: str, place: Place, chance: random.Random, child: Child, thorough: bool) -> Iterator[Case]:
    """The cases of a kind."""
    number = 3 if thorough else 1
    if kind == "templates":
        return templates.cases(place, chance, 400 * number)
    if kind == "configurations":
        return configurations.cases(ROOT / "Tests/Fixtures/conformance", place, chance, 400 * number)
    if kind == "tokenizers":
        return tokenizers.cases(ROOT, place, chance, 400 * number)
    if kind == "damage":
        return damage.cases(ROOT, place, chance, 400 * number)
    if kind == "allocations":
        return allocations(place, child, thorough)
    return shrink(place) if kind == "shrink" else forks(place)


def round_of(kinds: list[str], child: Child, seed: int, thorough: bool, keep: Path | None) -> int:
    """One sweep; the number of its finds, each of which is told."""
    finds = 0
    for kind in kinds:
        start = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="sweep-") as folder:
            chance = random.Random(f"{kind} {seed}")
            made = list(cases(kind, Place(Path(folder)), chance, child, thorough))
            endings = child.run(made)
            for case, (ending, message) in zip(made, endings):
                if ending not in ("ok", "error") or case.wanted not in ("", ending):
                    finds += 1
                    print(f"FOUND {kind}, seed {seed}: {case.name}: {ending} {message}")
                    if keep:
                        target = keep / f"{kind}-{seed}-{finds}"
                        shutil.copytree(case.path, target) if case.path.is_dir() else shutil.copy(case.path, target)
        counts = ", ".join(f"{n} {e}" for e, n in sorted(collections.Counter(e for e, _ in endings).items()))
        print(f"{kind}: {len(made)} cases, {counts}, {time.monotonic() - start:.0f} s", flush=True)
    return finds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("child", help="the program built from child.c")
    parser.add_argument("--long", action="store_true", help="more cases, with new seeds, until --minutes are over")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=KINDS, action="append")
    parser.add_argument("--keep", type=Path, help="a folder for the inputs of the finds")
    options = parser.parse_args()
    child = Child(options.child)
    kinds = options.only or list(KINDS)
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + options.minutes * 60
    finds = round_of(kinds, child, options.seed, options.long, options.keep)
    while options.long and time.monotonic() < end:
        options.seed += 1
        finds += round_of(kinds, child, options.seed, True, options.keep)
    if "allocations" in kinds:
        deaths = runtime_allocations(child)
        print(f"a load of GPT-2 makes {deaths} allocations below {RUNTIME} bytes that it cannot do without")
        finds += deaths > MOST_RUNTIME_ALLOCATIONS
    print(f"{finds} finds")
    return min(finds, 1)


if __name__ == "__main__":
    sys.exit(main())
