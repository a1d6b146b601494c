"""Spoken numbers and dates: phrases, and eSpeak NG that says them (its library through ctypes; nothing is played).

needs: the Python package espeakng-loader, or Debian's libespeak-ng1 with espeak-ng-data; numpy
"""

import ctypes
import ctypes.util

import numpy as np

ONES = "zero one two three four five six seven eight nine".split()
TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
MONTHS = "january february march april may june july august september october november december".split()
DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
UNITS = "euros dollars metres kilometres grams minutes hours percent degrees".split()

ACCENTS = ("en", "en-us", "en-gb-scotland", "en-gb-x-rp", "en-029", "en-us-nyc")
SPEAKERS = "m1 m2 m4 m5 m6 m7 f1 f3 f4 f5 adam Alex Andy belinda edward iven john linda Lee max rob steph".split()
UNHEARD = "m3 f2 Annie david".split()  # of the test set alone


def number(n):
    """The words for a number from 0 to 999,999."""
    if n < 20:
        return (ONES + TEENS)[n]
    if n < 100:
        return TENS[n // 10 - 2] + (" " + ONES[n % 10] if n % 10 else "")
    if n < 1000:
        return ONES[n // 100] + " hundred" + (" and " + number(n % 100) if n % 100 else "")
    rest = n % 1000
    join = "" if not rest else (" and " if rest < 100 else " ") + number(rest)
    return number(n // 1000) + " thousand" + join


def phrase(rng):
    """A number, digits one by one, a date, a time, or an amount."""
    kind = rng.randrange(6)
    if kind == 0:
        return " ".join(rng.choice(ONES) for _ in range(rng.randint(2, 8)))
    if kind == 1:
        return number(rng.randrange(10 ** rng.randint(1, 6)))
    if kind == 2:
        year = rng.choice(
            (number(rng.randint(2000, 2099)), f"{number(rng.randint(11, 20))} {number(rng.randint(10, 99))}")
        )
        return rng.choice(("", rng.choice(DAYS) + " ")) + f"{number(rng.randint(1, 31))} {rng.choice(MONTHS)} {year}"
    if kind == 3:
        return f"{number(rng.randint(0, 23))} {number(rng.randint(10, 59))}"
    if kind == 4:
        return f"{number(rng.randrange(10 ** rng.randint(1, 4)))} {rng.choice(UNITS)}"
    point = " ".join(rng.choice(ONES) for _ in range(rng.randint(1, 4)))
    return rng.choice(("", "minus ")) + f"{number(rng.randrange(1000))} point {point}"


class Speaker:
    """One eSpeak NG in this process: a library of global state, so one object at a time."""

    def __init__(self):
        try:
            import espeakng_loader

            library, data = espeakng_loader.get_library_path(), espeakng_loader.get_data_path()
        except ImportError:
            library, data = ctypes.util.find_library("espeak-ng"), None
        self.library = ctypes.CDLL(library)
        retrieval = 1
        self.rate = self.library.espeak_Initialize(retrieval, 0, data and str(data).encode(), 0)
        if self.rate <= 0:
            raise OSError("eSpeak NG does not find its data")
        self.pieces = []
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
        self.callback = kind(self._hear)
        self.library.espeak_SetSynthCallback(self.callback)

    def _hear(self, samples, count, events):
        if count > 0:
            self.pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def say(self, text, voice, rate=160, pitch=50):
        """Samples of a text, int16 at `self.rate`; words a minute; a pitch of 0 to 99."""
        self.pieces = []
        if self.library.espeak_SetVoiceByName(voice.encode()):
            raise ValueError(f"eSpeak NG has no voice {voice}")
        self.library.espeak_SetParameter(1, int(rate), 0)
        self.library.espeak_SetParameter(3, int(pitch), 0)
        data = text.encode()
        self.library.espeak_Synth(data, len(data) + 1, 0, 1, 0, 1, None, None)
        self.library.espeak_Synchronize()
        return np.concatenate(self.pieces) if self.pieces else np.zeros(0, np.int16)


def utterance(speaker, rng, speakers=SPEAKERS):
    """A phrase and its samples, by a random voice at a random pace."""
    text = phrase(rng)
    voice = f"{rng.choice(ACCENTS)}+{rng.choice(speakers)}"
    return text, speaker.say(text, voice, rng.uniform(125, 215), rng.uniform(20, 80))
