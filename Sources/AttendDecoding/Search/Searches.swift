import AttendBase

extension SearchContext {
  /// The search that the options ask for.
  package func makeSearch() throws(Failure) -> any Search {
    if options.beams > 1 { return try BeamSearch(self) }
    return try SamplingSearch(self)
  }
}
