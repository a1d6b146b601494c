// Measures the kernels against what the machine can do in the same minute, and against OpenBLAS as the system
// configures it.
import AttendBase
import AttendDispatch
import Glibc

let options = Set(CommandLine.arguments.dropFirst())
if let unknown = options.first(where: {
  !["--short", "--one-thread", "--best"].contains($0) && !$0.hasPrefix("--only=") && !$0.hasPrefix("--kernels=")
}) {
  print(
    "unknown option \(unknown)\nusage: attend-bench [--short] [--one-thread] [--best] [--only=WORD] [--kernels=NAME]")
  exit(2)
}
let short = options.contains("--short")
/// Best instead of median: on a machine that is busy with other work.
let best = options.contains("--best")
let race =
  best
  ? Race(rounds: short ? 10 : 40, seconds: 0.003)
  : short ? Race(rounds: 3, seconds: 0.02) : Race(rounds: 9, seconds: 0.05)

func value(of option: String) -> String? {
  options.first { $0.hasPrefix("--\(option)=") }.map { String($0.dropFirst(option.count + 3)) }
}
let only = value(of: "only")
let engine = try Engine(kernels: value(of: "kernels"), threads: options.contains("--one-thread") ? 1 : 0)
let limits = Limits(engine: engine)

print(
  "kernels \(engine.kernelsName), \(engine.threads) threads; \(best ? "best" : "medians") of \(race.rounds) rounds")
print(
  column("work", 44, left: true), column("rate", 9), column("limit", 9), column("of limit", 9),
  column("of OpenBLAS", 12))
if only == nil || only == "product" { benchmarkProducts() }
if only == nil || only == "stream" { benchmarkStreams() }
if only == nil || only == "attention" { benchmarkAttention() }
if only == nil || only == "cache" { benchmarkCachedAttention() }
if only == nil || only == "sampling" { try benchmarkSampling() }
if only == nil || only == "bits" { benchmarkFewerBits() }
if only == nil || only == "convolution" { try benchmarkConvolutions() }
