"""The CMU Pronouncing Dictionary as this model was trained and measured on it: reading, splitting, scoring."""

import collections
import re
import zlib


def read(path):
    """{word: [pronunciation, ...]}, each a list of ARPAbet phonemes with stress digits."""
    words = collections.OrderedDict()
    for line in open(path, encoding="utf8"):
        line = line.split("#")[0].split()
        if not line:
            continue
        word = re.sub(r"\(\d+\)$", "", line[0]).lower()
        if re.fullmatch(r"[a-z][a-z'.-]*|'[a-z]+", word):
            words.setdefault(word, []).append(line[1:])
    return words


def split_of(word):
    """Which part a word belongs to, by a hash of it: 5 % test, 2 % validation, the rest train."""
    h = zlib.crc32(("g2p-en:" + word).encode()) % 100
    return "test" if h < 5 else "valid" if h < 7 else "train"


def edit(a, b):
    """The least number of insertions, deletions and substitutions that make one list the other."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        diag, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            diag, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diag + (x != y))
    return row[-1]


def bare(phonemes):
    """Phonemes without their stress digits."""
    return [re.sub(r"\d", "", p) for p in phonemes]


def score(results):
    """Error rates of [(spelled phonemes, pronunciations listed), ...]. WER: no listed pronunciation matches. PER: edits
    to the nearest one, of its length.
    """
    out = {k: 0 for k in ("werr", "werr_bare", "perr", "pref", "perr_bare")}
    for hyp, refs in results:
        best = min(refs, key=lambda r: edit(hyp, r))
        bb = min((bare(r) for r in refs), key=lambda r: edit(bare(hyp), r))
        out["werr"] += hyp not in refs
        out["werr_bare"] += bare(hyp) not in [bare(r) for r in refs]
        out["perr"] += edit(hyp, best)
        out["perr_bare"] += edit(bare(hyp), bb)
        out["pref"] += len(best)
    n = len(results)
    return dict(
        words=n,
        WER=out["werr"] / n,
        PER=out["perr"] / out["pref"],
        WER_no_stress=out["werr_bare"] / n,
        PER_no_stress=out["perr_bare"] / out["pref"],
    )
