#!/usr/bin/env python3
"""Writes Sources/AttendTokenizers/Unicode/UnicodeTables.swift from the Unicode Character Database.

    pip install unicodedata2==16.0.0 regex==2024.11.6
    python scripts/make-unicode-tables.py > Sources/AttendTokenizers/Unicode/UnicodeTables.swift

A table is one string literal, so that it lies in read-only memory and costs nothing at start: numbers are written in
base 64 with
the digits "0" (0) to "o" (63), the most significant first. The records of each table are described above it.
"""

import regex
import unicodedata2 as ucd

SCALARS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
CATEGORIES = [
    "Lu",
    "Ll",
    "Lt",
    "Lm",
    "Lo",
    "Mn",
    "Mc",
    "Me",
    "Nd",
    "Nl",
    "No",
    "Pc",
    "Pd",
    "Ps",
    "Pe",
    "Pi",
    "Pf",
    "Po",
    "Sm",
    "Sc",
    "Sk",
    "So",
    "Zs",
    "Zl",
    "Zp",
    "Cc",
    "Cf",
    "Cs",
    "Co",
    "Cn",
]
HANGUL = range(0xAC00, 0xD7A4)
# Binary properties by their long and short names, as regular expressions spell them.
PROPERTIES = """Alphabetic=Alpha ASCII_Hex_Digit=AHex Bidi_Control=Bidi_C Case_Ignorable=CI Cased
Changes_When_Casefolded=CWCF Changes_When_Casemapped=CWCM Changes_When_Lowercased=CWL Changes_When_Titlecased=CWT
Changes_When_Uppercased=CWU Dash Default_Ignorable_Code_Point=DI Deprecated=Dep Diacritic=Dia Emoji
Emoji_Component=EComp Emoji_Modifier=EMod Emoji_Modifier_Base=EBase Emoji_Presentation=EPres
Extended_Pictographic=ExtPict Extender=Ext Grapheme_Base=Gr_Base Grapheme_Extend=Gr_Ext Grapheme_Link=Gr_Link
Hex_Digit=Hex Hyphen IDS_Binary_Operator=IDSB IDS_Trinary_Operator=IDST IDS_Unary_Operator=IDSU
ID_Compat_Math_Continue ID_Compat_Math_Start ID_Continue=IDC ID_Start=IDS Ideographic=Ideo Join_Control=Join_C
Logical_Order_Exception=LOE Lowercase=Lower Math Modifier_Combining_Mark=MCM Noncharacter_Code_Point=NChar
Other_Alphabetic=OAlpha Other_Default_Ignorable_Code_Point=ODI Other_Grapheme_Extend=OGr_Ext Other_ID_Continue=OIDC
Other_ID_Start=OIDS Other_Lowercase=OLower Other_Math=OMath Other_Uppercase=OUpper Pattern_Syntax=Pat_Syn
Pattern_White_Space=Pat_WS Prepended_Concatenation_Mark=PCM Quotation_Mark=QMark Radical Regional_Indicator=RI
Sentence_Terminal=STerm Soft_Dotted=SD Terminal_Punctuation=Term Unified_Ideograph=UIdeo Uppercase=Upper
Variation_Selector=VS White_Space=WSpace=Space XID_Continue=XIDC XID_Start=XIDS""".split()
SCRIPTS = """Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki
Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee Chorasmian
Common Coptic Cuneiform Cypriot Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra Duployan
Egyptian_Hieroglyphs Elbasan Elymaic Ethiopic Garay Georgian Glagolitic Gothic Grantha Greek Gujarati Gunjala_Gondi
Gurmukhi Gurung_Khema Han Hangul Hanifi_Rohingya Hanunoo Hatran Hebrew Hiragana Imperial_Aramaic Inherited
Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kawi Kayah_Li Kharoshthi
Khitan_Small_Script Khmer Khojki Khudawadi Kirat_Rai Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian
Mahajani Makasar Malayalam Mandaic Manichaean Marchen Masaram_Gondi Medefaidrin Meetei_Mayek Mende_Kikakui
Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar Nabataean Nag_Mundari Nandinagari
New_Tai_Lue Newa Nko Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki Ol_Onal Old_Hungarian Old_Italic Old_North_Arabian
Old_Permic Old_Persian Old_Sogdian Old_South_Arabian Old_Turkic Old_Uyghur Oriya Osage Osmanya Pahawh_Hmong Palmyrene
Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham SignWriting
Sinhala Sogdian Sora_Sompeng Soyombo Sundanese Sunuwar Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet
Takri Tamil Tangsa Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Todhri Toto Tulu_Tigalari Ugaritic Unknown Vai
Vithkuqi Wancho Warang_Citi Yezidi Yi Zanabazar_Square""".split()
BREAKS = [
    "Other",
    "CR",
    "LF",
    "Control",
    "Extend",
    "ZWJ",
    "Regional_Indicator",
    "Prepend",
    "SpacingMark",
    "L",
    "V",
    "T",
    "LV",
    "LVT",
]

# Punctuation, nonspacing marks and format characters that Unicode 9 to 16 added (DerivedAge.txt).
SINCE_UNICODE_8 = """61D 7FD 890-891 897-89F 8CA-8E2 9FD-9FE A76 AFA-AFF B55 C04 C3C C77 C84 D00 D3B-D3C D81 EBA ECE
180F 1885-1886 1ABF-1ACE 1B4E-1B4F 1B7D-1B7F 1DF6-1DFB 2E43-2E4F 2E52-2E5D A82C A8C5 A8FF A9BD 10D24-10D27 10D69-10D6E
10EAB-10EAD 10EFC-10EFF 10F46-10F50 10F55-10F59 10F82-10F89 11070 11073-11074 110C2 110CD 111C9 111CF 1123E 11241
1133B 113BB-113C0 113CE 113D0 113D2 113D4-113D5 113D7-113D8 113E1-113E2 11438-1143F 11442-11444 11446 1144B-1144F
1145A-1145B 1145D-1145E 11660-1166C 116B9 1182F-11837 11839-1183B 1193B-1193C 1193E 11943-11946 119D4-119D7
119DA-119DB 119E0 119E2 11A01-11A0A 11A33-11A38 11A3B-11A47 11A51-11A56 11A59-11A5B 11A8A-11A96 11A98-11A9C
11A9E-11AA2 11B00-11B09 11BE1 11C30-11C36 11C38-11C3D 11C3F 11C41-11C45 11C70-11C71 11C92-11CA7 11CAA-11CB0
11CB2-11CB3 11CB5-11CB6 11D31-11D36 11D3A 11D3C-11D3D 11D3F-11D45 11D47 11D90-11D91 11D95 11D97 11EF3-11EF4
11EF7-11EF8 11F00-11F01 11F36-11F3A 11F40 11F42-11F4F 11F5A 11FFF 12FF1-12FF2 13430-13440 13447-13455 1611E-16129
1612D-1612F 16D6D-16D6F 16E97-16E9A 16F4F 16FE2 16FE4 1CF00-1CF2D 1CF30-1CF46 1E000-1E006 1E008-1E018 1E01B-1E021
1E023-1E024 1E026-1E02A 1E08F 1E130-1E136 1E2AE 1E2EC-1E2EF 1E4EC-1E4EF 1E5EE-1E5EF 1E5FF 1E944-1E94A
1E95E-1E95F""".split()


def digits(value, count):
    return "".join(chr(48 + (value >> 6 * (count - 1 - i) & 63)) for i in range(count))


def table(name, records, comment):
    text = "".join(records)
    print(f"\n  /// {comment}")
    print(f'  static let {name}: StaticString = #"""')
    for i in range(0, len(text), 132):
        last = i + 132 >= len(text)
        print("    " + text[i : i + 132] + ("" if last else "\\#"))
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


def plain(name):
    """A name as regular expressions compare it: without regard to case, spaces, hyphens and underscores."""
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


def named_ranges():
    """([names], [first, last] ...) of each binary property, and of each block behind "in"."""
    for entry in PROPERTIES:
        names = entry.split("=")
        yield [plain(name) for name in names], spans(members(rf"\p{{{names[0]}}}"))
    blocks = {}
    for name, number in regex._regex_core.PROPERTIES["BLOCK"][1].items():
        blocks.setdefault(number, name.lower())
    for name in blocks.values():
        if found := spans(members(rf"\p{{Block={name}}}")):
            yield ["in" + name], found


def spans(scalars):
    result = []
    for c in sorted(scalars):
        if result and c == result[-1][1] + 1:
            result[-1][1] = c
        else:
            result.append([c, c])
    return result


def script_aliases():
    """Pairs of an alias and a name, of scripts that have a shorter one."""
    names = {}
    for name, number in regex._regex_core.PROPERTIES["SCRIPT"][1].items():
        names.setdefault(number, []).append(name.lower())
    known = {plain(name) for name in SCRIPTS}
    for aliases in names.values():
        full = [name for name in aliases if name in known]
        for alias in aliases:
            if full and alias not in known:
                yield f"{alias} {full[0]}"


def words(name, text, comment):
    print(f"\n  /// {comment}")
    print(f'  static let {name}: StaticString = """')
    while len(text) > 114:
        cut = text.rfind(" ", 0, 114) + 1
        print("    " + text[:cut] + "\\")
        text = text[cut:]
    print("    " + text)
    print('    """')


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
    print(
        "// Facts of the Unicode Character Database, version %s. "
        "Written by scripts/make-unicode-tables.py: do not edit." % ucd.unidata_version
    )
    print("\nenum UnicodeTables {", end="")
    categories = runs(lambda c: CATEGORIES.index(ucd.category(chr(c))))
    table(
        "categories",
        (digits(c, 4) + digits(v, 1) for c, v in categories),
        "Runs of one general category: first scalar (4 digits), index of the category (1).",
    )
    script = script_of()
    unknown = SCRIPTS.index("Unknown")
    table(
        "scripts",
        (digits(c, 4) + digits(v, 2) for c, v in runs(lambda c: script.get(c, unknown))),
        "Runs of one script: first scalar (4), index into scriptNames (2).",
    )
    breaks, pictures = break_of(), members(r"\p{Extended_Pictographic}")
    conjunct = {
        c: i
        for i, name in enumerate(["Consonant", "Extend", "Linker"], 1)
        for c in members(rf"\p{{Indic_Conjunct_Break={name}}}")
    }
    table(
        "graphemeBreaks",
        (
            digits(c, 4) + digits(v, 2)
            for c, v in runs(lambda c: breaks.get(c, 0) | (16 if c in pictures else 0) | conjunct.get(c, 0) << 5)
        ),
        "Runs of one grapheme cluster break (UAX 29): first scalar (4), break | 16 "
        "if Extended_Pictographic | Indic conjunct break << 5 (2).",
    )
    table(
        "combiningClasses",
        (digits(c, 4) + digits(v, 2) for c, v in runs(lambda c: ucd.combining(chr(c)))),
        "Runs of one canonical combining class: first scalar (4), class (2).",
    )
    table(
        "quickChecks",
        (digits(c, 4) + digits(v, 1) for c, v in runs(quick_check)),
        "Runs of scalars that NFC (1), NFD (2), NFKC (4), NFKD (8) change: first scalar (4), sum (1).",
    )
    newer = [[int(x, 16) for x in item.split("-")] for item in SINCE_UNICODE_8]
    table(
        "sinceUnicode8",
        (digits(r[0], 4) + digits(r[-1], 4) for r in newer),
        "Punctuation, Mn and Cf that Unicode 9 to 16 added: first scalar (4), last (4).",
    )
    pool, texts = [], {}

    def place(text):
        if text not in texts:
            texts[text] = len(pool)
            pool.extend(map(ord, text))
        return digits(texts[text], 3) + digits(len(text), 1)

    canonical = [digits(c, 4) + place(text) for c, text in decompositions("NFD")]
    compatible = [digits(c, 4) + place(text) for c, text in decompositions("NFKD", "NFD")]
    table(
        "canonicalDecompositions",
        canonical,
        "Full canonical decompositions, Hangul left out: scalar (4), place in decompositionPool (3), length (1).",
    )
    table(
        "compatibilityDecompositions",
        compatible,
        "Full compatibility decompositions where they differ from the canonical ones: likewise.",
    )
    table("decompositionPool", (digits(c, 4) for c in pool), "Scalars (4 digits each).")
    pairs = []
    for c in SCALARS:
        raw = ucd.decomposition(chr(c))
        if raw and not raw.startswith("<") and " " in raw and ucd.normalize("NFC", chr(c)) == chr(c):
            first, second = (int(x, 16) for x in raw.split())
            pairs.append((first, second, c))
    table(
        "compositions",
        (digits(a, 4) + digits(b, 4) + digits(c, 4) for a, b, c in sorted(pairs)),
        "Primary composites: first scalar (4), second (4), composite (4), sorted.",
    )
    lower = [(c, ord(chr(c).lower())) for c in SCALARS if len(chr(c).lower()) == 1 and chr(c).lower() != chr(c)]
    table(
        "lowercase",
        (digits(c, 4) + digits(v, 4) for c, v in extended(lower, "lower")),
        "Simple lowercase where it differs: scalar (4), lowercase (4). U+0130 alone has a longer one.",
    )
    fold = []
    for c in SCALARS:
        text = chr(c).casefold()
        if len(text) != 1:
            text = chr(c).lower()
        if len(text) == 1 and text != chr(c):
            fold.append((c, ord(text)))
    table(
        "caseFolding",
        (digits(c, 4) + digits(v, 4) for c, v in extended(fold, "fold")),
        "Simple case folding where it differs: scalar (4), folded (4).",
    )
    full = [(c, chr(c).casefold()) for c in SCALARS if len(chr(c).casefold()) > 1]
    table(
        "fullCaseFolding",
        (digits(c, 4) + "".join(digits(ord(x), 4) for x in (text + "\0")[:3]) for c, text in full),
        "Case foldings of several scalars: scalar (4), folded (4 each, the third 0 where there are two).",
    )
    names, ranges = [], []
    for aliases, found in named_ranges():
        names.append("/".join(aliases) + f" {len(ranges)} {len(found)}")
        ranges += found
    table(
        "propertyRanges",
        (digits(first, 4) + digits(last, 4) for first, last in ranges),
        "Ranges of the binary properties and blocks that propertyNames lists: first scalar (4), last (4).",
    )
    words("propertyNames", " ".join(names), "Names, the first of their ranges, how many there are.")
    words("scriptAliases", " ".join(script_aliases()), "Short names of scripts, each with the name it stands for.")
    words("scriptNames", " ".join(SCRIPTS), "Scripts, in the order of their numbers.")
    print("}")


def extended(pairs, kind):
    """Python's own case mappings may be older than the database: add
    the pairs of Unicode 15 and 16 (UnicodeData.txt)."""
    known = dict(pairs)
    newer = {0x1C89: 0x1C8A, 0xA7CB: 0x0264, 0xA7CC: 0xA7CD, 0xA7DA: 0xA7DB, 0xA7DC: 0x019B}
    newer.update({0x10D50 + i: 0x10D70 + i for i in range(22)})
    for upper, low in newer.items():
        known.setdefault(upper, low)
    return sorted(known.items())


main()
