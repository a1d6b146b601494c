import AttendBase

extension SearchContext {
  /// The search that the options ask for.
  package func makeSearch() throws(Failure) -> any Search {
    guard observer == nil || !options.searchesBeams else {
      throw Failure(
        .invalidArgument,
        "num_beams is \(options.beams) with a callback for tokens; beams are certain only at their end")
    }
    if options.rules == .ctranslate2 { return try CTranslate2Search(self) }
    if options.groups > 1 { return try GroupBeamSearch(self) }
    if !options.requiredPhrases.isEmpty { return try ConstrainedBeamSearch(self) }
    if options.beams > 1 { return try BeamSearch(self) }
    if options.penaltyAlpha > 0 { return try ContrastiveSearch(self) }
    return try SamplingSearch(self)
  }
}
