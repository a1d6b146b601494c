import ArgumentParser
import CAttend

struct Draw: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Draw pictures of a text.",
    discussion: """
      EXAMPLES
        attend draw -m dalle-mini "an armchair like an avocado" -o chair.png
        attend draw -m dalle-mini "a red bird" --seed 1 --candidates 8 --clip clip
      """)

  @OptionGroup var model: ModelOptions
  @Argument(help: "What is to be drawn.") var text: String
  @Option(
    name: .shortAndLong, help: "The file of the picture, PNG; of several NAME-2.png and so on.", completion: .file())
  var output = "drawing.png"
  @Option(help: "The seed of the random numbers.") var seed: UInt64 = 0
  @Option(help: "How many pictures are drawn.") var candidates = 1
  @Option(help: "The divisor of the logits.") var temperature = 1.0
  @Option(help: "Draw from so many of the most probable tokens; 0: all.") var topK = 0
  @Option(help: "How far the picture is led by the text; 0: as the model's own program has it.")
  var conditionScale = 0.0
  @Option(help: "The folder of a CLIP that puts the best candidate first.", completion: .directory) var clip: String?
  @Option(help: "The folder of the VQGAN that paints.", completion: .directory) var painter: String?
  @Flag(name: .shortAndLong, help: "No progress bar.") var quiet = false

  func validate() throws {
    if candidates < 1 { throw ValidationError("--candidates must be 1 or more.") }
    if topK < 0 { throw ValidationError("--top-k must be 0 or more.") }
  }

  func run() throws {
    let model = try model.load(quiet: quiet)
    var judge: OpaquePointer?
    if let clip { try attempt(attend_model_create(clip, nil, &judge)) }
    defer { attend_model_free(judge) }
    var options = attend_draw_options.initial
    (options.seed, options.candidates, options.temperature) = (seed, candidates, temperature)
    (options.top_k, options.condition_scale, options.clip) = (topK, conditionScale, judge)
    let handle = try draw(model, &options)
    defer { attend_drawing_free(handle) }
    for index in 0..<attend_drawing_count(handle) {
      let path = index == 0 ? output : "\(output.dropLast(pathExtension(output).count + 1))-\(index + 1).png"
      try attempt(attend_drawing_save(handle, index, path))
      let score = attend_drawing_score(handle, index)
      Terminal.write(score.isNaN ? "\(path)\n" : "\(path)\t\(fixed(score, 4))\n")
    }
  }

  private func draw(_ model: Model, _ options: inout attend_draw_options) throws -> OpaquePointer? {
    var handle: OpaquePointer?
    do {
      try withText(painter) { painter in
        options.painter = painter
        try model.interruptible {
          try attempt(attend_draw(model.session, text, text.utf8.count, &options, &handle))
        }
      }
    } catch let trouble as Trouble where trouble.isCancelled {
      throw Interrupted()
    }
    return handle
  }
}
