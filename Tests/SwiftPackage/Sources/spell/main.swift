import Attend

let model = try Model(path: "models/g2p-en")  // English spelling to phonemes
let session = try Session(model)
print(try session.generate("attention"))

for answer in try session.generate(["hello", "attention"], options: ["num_beams": 4, "num_return_sequences": 2]) {
  print(answer.hypotheses.map { "\($0.text) (\($0.finish!))" }.joined(separator: " | "))
}

let scheduler = try Scheduler(model)  // for tasks: none of them blocks
for try await piece in scheduler.stream("streams") { print(piece.text, terminator: "") }
async let first = scheduler.generate("first"), second = scheduler.generate("second")
print("", try await first.text, try await second.text, separator: "\n")

do {
  _ = try session.generate(["hello"], options: ["num_beans": 4])
} catch {  // an AttendError
  print(error.code, error.message)
}
