import CAttend

/// Pictures or sounds as inputs of the library: paths, and "-" for the bytes of the standard input.
func withInputs<Result>(
  _ paths: [String], _ body: (UnsafePointer<attend_input>) throws -> Result
) throws -> Result {
  let names = Texts(paths)
  let piped = paths.contains("-") ? try readFile("-") : []
  return try piped.withUnsafeBytes { piped in
    try names.give { names, _, count in
      let inputs = (0..<count).map { index in
        var input = attend_input.initial
        if paths[index] == "-" {
          (input.kind, input.data, input.size) = (ATTEND_INPUT_BYTES, piped.baseAddress, piped.count)
        } else {
          (input.kind, input.data) = (ATTEND_INPUT_FILE, UnsafeRawPointer(names[index]))
        }
        return input
      }
      return try inputs.withUnsafeBufferPointer { try body($0.baseAddress!) }
    }
  }
}
