import ArgumentParser
import CAttend
import Glibc

@main struct Attend: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "attend",
    abstract: "Run transformer checkpoints, as they were downloaded.",
    discussion: """
      Each command takes the folder of a checkpoint with --model (-m), or from the environment variable ATTEND_MODEL. \
      `attend help COMMAND` tells the options of one, with examples.

      EXIT CODES
        0    all is done
        1    some inputs failed, which are listed, and the others are done; or nothing could be done
        2    the command line is wrong
        130  Ctrl-C: what is done is written
      """,
    version: String(cString: attend_version_string()),
    subcommands: [
      Run.self,
      Translate.self, Summarize.self, Classify.self, Label.self, Answer.self, Fill.self, Embed.self,
      Search.self, Transcribe.self, Describe.self, Draw.self, Attention.self, Tokenize.self, Inspect.self, Bench.self,
      Serve.self,
    ])

  static func main() {
    interrupt.listen()
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch is Interrupted {
      Glibc.exit(Interrupt.exitCode)
    } catch let trouble as Trouble where trouble.isCancelled && interrupt.isAsked {
      Glibc.exit(Interrupt.exitCode)
    } catch let trouble as Trouble {
      Terminal.note("\(Colour.red.paint("attend:", on: 2)) \(trouble)")
      Glibc.exit(1)
    } catch {
      leave(error)
    }
  }

  /// What the parser throws: help, completions, the version; or a wrong command line, which is status 2 here.
  private static func leave(_ error: any Error) -> Never {
    let (code, message) = (exitCode(for: error), fullMessage(for: error))
    if !message.isEmpty { Terminal.write(message + "\n", to: code.isSuccess ? 1 : 2) }
    Glibc.exit(code == .validationFailure ? 2 : code.rawValue)
  }
}
