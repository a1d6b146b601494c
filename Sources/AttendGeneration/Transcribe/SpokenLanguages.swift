/// The names of the languages that Whisper knows, by their codes in ISO 639-1 or, where that has none, 639-2.
enum SpokenLanguages {
  /// The code of a language by its English name, in small letters; nil: it is none of them.
  static func code(of name: String) -> String? { byName[name] }

  private static let byName: [String: String] = {
    var codes: [String: String] = [:]
    for line in names.split(separator: "\n") {
      let words = line.split(separator: " ", maxSplits: 1)
      for name in words[1].split(separator: ",") { codes[String(name)] = String(words[0]) }
    }
    return codes
  }()

  /// A code, and the names of the language; as the vocabulary of Whisper has them.
  private static let names = """
    af afrikaans
    am amharic
    ar arabic
    as assamese
    az azerbaijani
    ba bashkir
    be belarusian
    bg bulgarian
    bn bengali
    bo tibetan
    br breton
    bs bosnian
    ca catalan,valencian
    cs czech
    cy welsh
    da danish
    de german
    el greek
    en english
    es spanish,castilian
    et estonian
    eu basque
    fa persian
    fi finnish
    fo faroese
    fr french
    gl galician
    gu gujarati
    ha hausa
    haw hawaiian
    he hebrew
    hi hindi
    hr croatian
    ht haitian creole,haitian
    hu hungarian
    hy armenian
    id indonesian
    is icelandic
    it italian
    ja japanese
    jw javanese
    ka georgian
    kk kazakh
    km khmer
    kn kannada
    ko korean
    la latin
    lb luxembourgish,letzeburgesch
    ln lingala
    lo lao
    lt lithuanian
    lv latvian
    mg malagasy
    mi maori
    mk macedonian
    ml malayalam
    mn mongolian
    mr marathi
    ms malay
    mt maltese
    my myanmar,burmese
    ne nepali
    nl dutch,flemish
    nn nynorsk
    no norwegian
    oc occitan
    pa punjabi,panjabi
    pl polish
    ps pashto,pushto
    pt portuguese
    ro romanian,moldavian,moldovan
    ru russian
    sa sanskrit
    sd sindhi
    si sinhala,sinhalese
    sk slovak
    sl slovenian
    sn shona
    so somali
    sq albanian
    sr serbian
    su sundanese
    sv swedish
    sw swahili
    ta tamil
    te telugu
    tg tajik
    th thai
    tk turkmen
    tl tagalog
    tr turkish
    tt tatar
    uk ukrainian
    ur urdu
    uz uzbek
    vi vietnamese
    yi yiddish
    yo yoruba
    yue cantonese
    zh chinese,mandarin
    """
}
