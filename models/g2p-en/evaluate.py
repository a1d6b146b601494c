"""Measures this model on the words it never saw, with the attend package: greedy decoding, error rates as in README.md.

usage: evaluate.py CMUDICT [--model FOLDER] [--compute TYPE] [--kernels NAME]      CMUDICT: cmudict.dict of
https://github.com/cmusphinx/cmudict
"""

import argparse
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "bindings" / "python" / "examples"))

import attend  # noqa: E402
from cmudict import read, score, split_of  # noqa: E402
from spell import spell  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description="Measures the model on the test set of CMUdict.")
    parser.add_argument(
        "cmudict", help="cmudict.dict, which is not in this repository: https://github.com/cmusphinx/cmudict"
    )
    parser.add_argument("--model", default=HERE)
    parser.add_argument("--compute", default="float32", help="float32, bfloat16, int8 or int4")
    parser.add_argument("--kernels", help='"amx", "avx512", "avx2" or "portable"; else the best of this CPU')
    arguments = parser.parse_args()
    if not Path(arguments.cmudict).is_file():
        sys.exit(
            f"evaluate.py: {arguments.cmudict} does not exist. Get cmudict.dict from "
            "https://github.com/cmusphinx/cmudict and name its path."
        )
    items = sorted(
        ((word, refs) for word, refs in read(arguments.cmudict).items() if split_of(word) == "test"),
        key=lambda item: len(item[0]),
    )
    if not items:
        sys.exit(f"evaluate.py: {arguments.cmudict} holds no words: is it cmudict.dict?")
    with attend.Model(arguments.model, compute=arguments.compute, kernels=arguments.kernels) as model:
        start = time.perf_counter()
        spelled = [phonemes.split() for _, phonemes in spell(model, [word for word, _ in items])]
        seconds = time.perf_counter() - start
        print(f"{len(items)} words never seen, greedy, {model.kernels}, {len(items) / seconds:.0f} words per second")
    rates = score([(hyp, refs) for hyp, (_, refs) in zip(spelled, items)])
    print(
        "WER {WER:.1%}  PER {PER:.1%}  WER, stress ignored {WER_no_stress:.1%}  "
        "PER, stress ignored {PER_no_stress:.1%}".format(**rates)
    )


if __name__ == "__main__":
    main()
