"""Measures this model through Attend: the error rates of words and letters, of phrases said by voices never heard.

usage: evaluate.py [--phrases 1000] [--compute float32]      needs: what train.py needs, and the package attend
"""

import argparse
from pathlib import Path

import attend
from speak import UNHEARD
from train import RATE, distance, speak_all

HERE = Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phrases", type=int, default=1000)
    parser.add_argument("--compute", default="float32", help="float32, bfloat16, int8 or int4")
    arguments = parser.parse_args()
    said = speak_all(arguments.phrases, 1, 10**6, UNHEARD)
    wrong_words = words = wrong_letters = letters = 0
    with attend.Model(HERE, compute=arguments.compute) as model:
        for first in range(0, len(said), 50):
            part = said[first : first + 50]
            found = model.transcribe([samples for _, samples in part], rate=RATE)
            for (text, _), answer in zip(part, found):
                got = answer.text
                wrong_letters, letters = wrong_letters + distance(got, text), letters + len(text)
                wrong_words, words = wrong_words + distance(got.split(), text.split()), words + len(text.split())
    rates = f"WER {wrong_words / words:.2%}, CER {wrong_letters / letters:.2%}"
    print(f"{rates} of {len(said)} phrases, {arguments.compute}")


if __name__ == "__main__":
    main()
