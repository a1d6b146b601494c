import AttendBase

/// The memory that processors and samplers work in: made once for each thread, for any number of requests on models of
/// one vocabulary. Holds nothing between two calls.
package final class LogitsScratch {
  /// How many ids there are.
  package let vocabulary: Int

  /// Throws `outOfMemory`: it takes some 28 bytes an id.
  package init(vocabulary: Int) throws(Failure) {
    precondition(vocabulary > 0)
    self.vocabulary = vocabulary
  }
}
