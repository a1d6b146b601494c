// Compiles the schemas of a file and walks their instances token by token, as compare.py has prepared them; writes what
// each took as lines of JSON.
import AttendBase
import AttendCheckpoints
import AttendGrammars
import AttendTokenizers
import Glibc

func now() -> Int {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// The time of one step each, in nanoseconds, and whether an instance was accepted.
struct Walk {
  var masks: [Int] = []
  var accepts: [Int] = []
  var isAccepted = true
}

func walk(_ instance: JSON, _ grammar: CompiledGrammar, _ mask: UnsafeMutablePointer<UInt32>) throws -> Walk {
  var walk = Walk()
  var matcher = try grammar.matcher()
  for token in instance.elements {
    let token = Int32(token.int!)
    let start = now()
    try matcher.allowed(into: mask)
    let middle = now()
    walk.masks.append(middle - start)
    guard mask[Int(token >> 5)] >> UInt32(token & 31) & 1 != 0 else {
      walk.isAccepted = false
      return walk
    }
    guard try matcher.accept(token) else { fatalError("a token of the mask is refused") }
    walk.accepts.append(now() - middle)
  }
  walk.isAccepted = try matcher.mayStop()
  return walk
}

/// Schemas by the names of their notation, for a run over something else than JSON Schema.
func run(_ line: JSON, _ tokens: TokenTable, _ mask: UnsafeMutablePointer<UInt32>) throws {
  let start = now()
  let id = line["id"]!.string!
  do throws(Failure) {
    let grammar = try JSONSchema.grammar(
      of: line["schema"]!, JSONSchema.Options(anyWhitespace: true, strict: false))
    let compiled = try CompiledGrammar(grammar, tokens)
    let time = now() - start
    var (masks, accepts, right) = ([Int](), [Int](), true)
    for test in line["tests"]!.elements {
      guard let walk = try? walk(test["tokens"]!, compiled, mask) else {
        right = false
        continue
      }
      masks += walk.masks
      accepts += walk.accepts
      right = right && walk.isAccepted == test["valid"]!.bool!
    }
    print(
      "{\"id\": \"\(id)\", \"compile\": \(time), \"right\": \(right), \"masks\": \(masks), \"accepts\": \(accepts)}")
  } catch {
    let message = error.message.unicodeScalars.filter { $0 != "\"" && $0 != "\\" && $0.value >= 0x20 }
    print(
      "{\"id\": \"\(id)\", \"compile\": \(now() - start), \"error\": \"\(String(String.UnicodeScalarView(message)))\"}")
  }
}

guard CommandLine.arguments.count == 4, let stop = Int32(CommandLine.arguments[3]) else {
  print("usage: attend-bench-grammars TOKENIZER PREPARED.jsonl END-TOKEN")
  exit(2)
}
let tokenizer = try Tokenizer(path: CommandLine.arguments[1])
let begun = now()
let tokens = try TokenTable(count: tokenizer.size, stops: [stop]) { id, bytes throws(Failure) in
  try tokenizer.appendBytes(of: id, to: &bytes)
}
print("{\"table\": \(now() - begun)}")
let mask = UnsafeMutablePointer<UInt32>.allocate(capacity: tokens.words)
let file = try MappedFile(CommandLine.arguments[2])
var place = 0
while place < file.bytes.count {
  let rest = UnsafeRawBufferPointer(rebasing: file.bytes[place...])
  let length = rest.firstIndex(of: 10) ?? rest.count
  if length > 0 { try run(JSON.parse(UnsafeRawBufferPointer(rebasing: rest[..<length]), file: "schema"), tokens, mask) }
  place += length + 1
}
