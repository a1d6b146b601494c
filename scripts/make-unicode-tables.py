#!/usr/bin/env python3
"""Writes Sources/AttendTokenizers/Unicode/UnicodeTables.swift from the Unicode Character Database.

    pip install unicodedata2==16.0.0 regex
    python scripts/make-unicode-tables.py > Sources/AttendTokenizers/Unicode/UnicodeTables.swift

A table is one string literal, so that it lies in read-only memory and costs nothing at start: numbers are written in base 64 with
the digits "0" (0) to "o" (63), the most significant first. The records of each table are described above it.
"""
import regex
import unicodedata2 as ucd

SCALARS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
CATEGORIES = ["Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po",
              "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn"]
HANGUL = range(0xAC00, 0xD7A4)
SCRIPTS = """Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki Bopomofo Brahmi
Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee Chorasmian Common Coptic Cuneiform Cypriot
Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra Duployan Egyptian_Hieroglyphs Elbasan Elymaic Ethiopic Garay Georgian
Glagolitic Gothic Grantha Greek Gujarati Gunjala_Gondi Gurmukhi Gurung_Khema Han Hangul Hanifi_Rohingya Hanunoo Hatran Hebrew Hiragana
Imperial_Aramaic Inherited Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kawi Kayah_Li Kharoshthi
Khitan_Small_Script Khmer Khojki Khudawadi Kirat_Rai Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian Mahajani Makasar
Malayalam Mandaic Manichaean Marchen Masaram_Gondi Medefaidrin Meetei_Mayek Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs Miao
Modi Mongolian Mro Multani Myanmar Nabataean Nag_Mundari Nandinagari New_Tai_Lue Newa Nko Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki
Ol_Onal Old_Hungarian Old_Italic Old_North_Arabian Old_Permic Old_Persian Old_Sogdian Old_South_Arabian Old_Turkic Old_Uyghur Oriya
Osage Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada Shavian
Siddham SignWriting Sinhala Sogdian Sora_Sompeng Soyombo Sundanese Sunuwar Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham
Tai_Viet Takri Tamil Tangsa Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Todhri Toto Tulu_Tigalari Ugaritic Unknown Vai Vithkuqi
Wancho Warang_Citi Yezidi Yi Zanabazar_Square""".split()
BREAKS = ["Other", "CR", "LF", "Control", "Extend", "ZWJ", "Regional_Indicator", "Prepend", "SpacingMark", "L", "V", "T", "LV", "LVT"]


def digits(value, count):
    return "".join(chr(48 + (value >> 6 * (count - 1 - i) & 63)) for i in range(count))


def table(name, records, comment):
    text = "".join(records)
    print(f"\n  /// {comment}")
    print(f'  static let {name}: StaticString = #"""')
    for i in range(0, len(text), 132):
        last = i + 132 >= len(text)
        print("    " + text[i:i + 132] + ("" if last else "\\#"))
    print('    """#')


def runs(value):
    """[(first scalar, value)] wherever the value changes; surrogates belong to the run before them."""
    result, previous = [], None
    for c in SCALARS:
        v = value(c)
        if v != previous:
            result.append((c, v))
            previous = v
    return result


def members(pattern):
    found = regex.compile(pattern)
    return {c for c in SCALARS if found.match(chr(c))}


def script_of():
    owner = {}
    for index, name in enumerate(SCRIPTS):
        for c in members(rf"\p{{Script={name}}}"):
            owner[c] = index
    return owner


def break_of():
    owner = {}
    for index, name in enumerate(BREAKS[1:], 1):
        for c in members(rf"\p{{Grapheme_Cluster_Break={name}}}"):
            owner[c] = index
    return owner


def decompositions(form, other=None):
    for c in SCALARS:
        if c in HANGUL:
            continue
        text = ucd.normalize(form, chr(c))
        if text != chr(c) and (other is None or text != ucd.normalize(other, chr(c))):
            yield c, text


def quick_check(c):
    """Which forms change the scalar when it stands alone: NFC, NFD, NFKC, NFKD."""
    return sum(1 << i for i, form in enumerate(["NFC", "NFD", "NFKC", "NFKD"]) if ucd.normalize(form, chr(c)) != chr(c))


def main():
    print("// Facts of the Unicode Character Database, version %s. Written by scripts/make-unicode-tables.py: do not edit." % ucd.unidata_version)
    print("\nenum UnicodeTables {", end="")
    categories = runs(lambda c: CATEGORIES.index(ucd.category(chr(c))))
    table("categories", (digits(c, 4) + digits(v, 1) for c, v in categories), "Runs of one general category: first scalar (4 digits), index of the category (1).")
    script = script_of()
    unknown = SCRIPTS.index("Unknown")
    table("scripts", (digits(c, 4) + digits(v, 2) for c, v in runs(lambda c: script.get(c, unknown))), "Runs of one script: first scalar (4), index into scriptNames (2).")
    breaks, pictures = break_of(), members(r"\p{Extended_Pictographic}")
    conjunct = {c: i for i, name in enumerate(["Consonant", "Extend", "Linker"], 1) for c in members(rf"\p{{Indic_Conjunct_Break={name}}}")}
    table("graphemeBreaks", (digits(c, 4) + digits(v, 2) for c, v in runs(lambda c: breaks.get(c, 0) | (16 if c in pictures else 0) | conjunct.get(c, 0) << 5)),
          "Runs of one grapheme cluster break (UAX 29): first scalar (4), break | 16 if Extended_Pictographic | Indic conjunct break << 5 (2).")
    table("combiningClasses", (digits(c, 4) + digits(v, 2) for c, v in runs(lambda c: ucd.combining(chr(c)))), "Runs of one canonical combining class: first scalar (4), class (2).")
    table("quickChecks", (digits(c, 4) + digits(v, 1) for c, v in runs(quick_check)), "Runs of scalars that NFC (1), NFD (2), NFKC (4), NFKD (8) change: first scalar (4), sum (1).")
    pool, texts = [], {}

    def place(text):
        if text not in texts:
            texts[text] = len(pool)
            pool.extend(map(ord, text))
        return digits(texts[text], 3) + digits(len(text), 1)

    canonical = [digits(c, 4) + place(text) for c, text in decompositions("NFD")]
    compatible = [digits(c, 4) + place(text) for c, text in decompositions("NFKD", "NFD")]
    table("canonicalDecompositions", canonical, "Full canonical decompositions, Hangul left out: scalar (4), place in decompositionPool (3), length (1).")
    table("compatibilityDecompositions", compatible, "Full compatibility decompositions where they differ from the canonical ones: likewise.")
    table("decompositionPool", (digits(c, 4) for c in pool), "Scalars (4 digits each).")
    pairs = []
    for c in SCALARS:
        raw = ucd.decomposition(chr(c))
        if raw and not raw.startswith("<") and " " in raw and ucd.normalize("NFC", chr(c)) == chr(c):
            first, second = (int(x, 16) for x in raw.split())
            pairs.append((first, second, c))
    table("compositions", (digits(a, 4) + digits(b, 4) + digits(c, 4) for a, b, c in sorted(pairs)), "Primary composites: first scalar (4), second (4), composite (4), sorted.")
    lower = [(c, ord(chr(c).lower())) for c in SCALARS if len(chr(c).lower()) == 1 and chr(c).lower() != chr(c)]
    table("lowercase", (digits(c, 4) + digits(v, 4) for c, v in extended(lower, "lower")), "Simple lowercase where it differs: scalar (4), lowercase (4). U+0130 alone has a longer one.")
    fold = []
    for c in SCALARS:
        text = chr(c).casefold()
        if len(text) != 1:
            text = chr(c).lower()
        if len(text) == 1 and text != chr(c):
            fold.append((c, ord(text)))
    table("caseFolding", (digits(c, 4) + digits(v, 4) for c, v in extended(fold, "fold")), "Simple case folding where it differs: scalar (4), folded (4).")
    print('\n  static let scriptNames: StaticString = """')
    names = " ".join(SCRIPTS)
    while len(names) > 130:
        cut = names.rfind(" ", 0, 130) + 1
        print("    " + names[:cut] + "\\")
        names = names[cut:]
    print("    " + names)
    print('    """')
    print("}")


def extended(pairs, kind):
    """Python's own case mappings may be older than the database: add the pairs of Unicode 15 and 16 (UnicodeData.txt)."""
    known = dict(pairs)
    newer = {0x1C89: 0x1C8A, 0xA7CB: 0x0264, 0xA7CC: 0xA7CD, 0xA7DA: 0xA7DB, 0xA7DC: 0x019B}
    newer.update({0x10D50 + i: 0x10D70 + i for i in range(22)})
    for upper, low in newer.items():
        known.setdefault(upper, low)
    return sorted(known.items())


main()
