import AttendBase
import AttendCheckpoints
import AttendPictures
import AttendTestSupport
import Testing

@Suite("Options of processors") struct OptionTests {
  private static let names: [String] =
    (try? JSON.file("\(Fixtures.folder)/processors.json").members.compactMap { $0.key.string }) ?? []

  private static func processor(_ name: String) throws -> PictureProcessor {
    let all = try Configuration(file: "\(Fixtures.folder)/processors.json")
    return try PictureProcessor(try #require(try all.child(name)))
  }

  private static func input(_ name: String) throws -> Picture { try Picture(file: "\(Fixtures.folder)/\(name).png") }

  @Test("values equal those of transformers with Pillow", arguments: names) func values(_ name: String) throws {
    let expected = try SafetensorsFile("\(Fixtures.folder)/values.safetensors")
    let processor = try OptionTests.processor(name)
    for input in ["wide", "tall", "square", "tiny"] {
      let golden = try #require(expected["\(name)/\(input)"])
      let values = try processor.process([try OptionTests.input(input)])
      let shape = [values.count, values.channels, values.height, values.width]
      #expect(shape.reduce(1, *) == golden.count && shape[0] == golden.shape[0], "\(input): \(shape) \(golden.shape)")
      let difference = largestDifference(numbers(values), numbers(golden, of: Float.self))
      #expect(difference <= 1e-5, "\(input): \(difference)")
    }
  }

  @Test("Janus makes the longer side that of a square, and fills it up", arguments: ["wide", "tall", "square", "tiny"])
  func janus(_ input: String) throws {
    let options = #"{"size": {"height": 24, "width": 24}, "min_size": 9, "image_mean": [0.5, 0.4, 0.45]}"#
    let rest = #"{"image_std": [0.5, 0.5, 0.5], "image_processor_type": "JanusImageProcessor", "#
    let processor = try PictureProcessor(try configuration(rest + options.dropFirst()))
    let values = numbers(try processor.process([try OptionTests.input(input)]))
    let golden = try #require(try SafetensorsFile("\(Fixtures.folder)/janus.safetensors")[input])
    #expect(largestDifference(values, numbers(golden, of: Float.self)) <= 1e-5)
  }

  @Test(
    "neither threads nor neighbours change a bit",
    arguments: ["llava-next", "idefics3", "qwen2-vl", "gemma3", "vit", "siglip2", "dinov3"])
  func sameBits(_ name: String) throws {
    let processor = try OptionTests.processor(name)
    let inputs = try ["wide", "tall", "square", "tiny"].map(OptionTests.input)
    let together = try processor.process(inputs, threads: 3), all = numbers(together)
    for (index, input) in inputs.enumerated() {
      let alone = numbers(try processor.process([input], threads: 1))
      let first = together[index].first * together.tileCount
      #expect(Array(all[first..<first + together[index].count * together.tileCount]) == alone)
      #expect(together[index].original == input.size)
    }
  }

  @Test("smaller pictures lie at the top and left of the largest's frame") func frames() throws {
    let processor = try OptionTests.processor("idefics2")
    let inputs = try ["wide", "tall"].map(OptionTests.input)
    let values = try processor.process(inputs), all = numbers(values)
    #expect(values.height == 24 && values.width == 24)
    for (index, input) in inputs.enumerated() {
      let alone = try processor.process([input]), content = values.content(of: index), single = numbers(alone)
      #expect(content == PictureSize(height: alone.height, width: alone.width))
      for channel in 0..<3 {
        for row in 0..<24 {
          for column in 0..<24 {
            let value = all[((index * 3 + channel) * 24 + row) * 24 + column]
            let isInside = row < content.height && column < content.width
            let expected = isInside ? single[(channel * content.height + row) * content.width + column] : 0
            #expect(value == expected)
          }
        }
      }
    }
  }

  @Test("a file of a whole processor has that of pictures inside") func nested() throws {
    let inner = #"{"image_processor_type": "CLIPImageProcessorFast", "size": 12, "crop_size": 9}"#
    let values = try PictureProcessor(try configuration(#"{"image_processor": \#(inner), "processor_class": "X"}"#))
      .process([try OptionTests.input("wide")])
    #expect(values.height == 9 && values.width == 9)
  }

  @Test("a file without a class is that of the model's usual one") func usual() throws {
    let options = try configuration(#"{"size": {"height": 5, "width": 6}}"#)
    #expect(try PictureProcessor(options, modelType: "swin").process([try OptionTests.input("tiny")]).width == 6)
    let failure = try #require(throws: Failure.self) { try PictureProcessor(options) }
    #expect(failure.message.contains("image_processor_type is missing"))
  }

  @Test(
    "what is not known or cannot be is named",
    arguments: [
      (#"{"image_processor_type": "SamImageProcessor"}"#, "SamImageProcessor is not known"),
      (#"{"image_processor_type": "ViTImageProcessor", "do_flip_channel_order": true}"#, "do_flip_channel_order"),
      (#"{"image_processor_type": "ViTImageProcessor", "do_pad": true}"#, "do_pad is true"),
      (#"{"image_processor_type": "ViTImageProcessor", "size": {"edge": 3}}"#, "size.edge is not known"),
      (#"{"image_processor_type": "ViTImageProcessor", "size": {"height": 3}}"#, "size is {\"height\": 3}, expected"),
      (#"{"image_processor_type": "ViTImageProcessor", "size": 0}"#, "size is 0"),
      (#"{"image_processor_type": "ViTImageProcessor", "resample": 9}"#, "resample is 9"),
      (#"{"image_processor_type": "ViTImageProcessor", "image_std": [1, 0, 1]}"#, "image_std is 0"),
      (#"{"image_processor_type": "ViTImageProcessor", "image_mean": [1, 2]}"#, "image_mean has 2 numbers"),
      (
        #"{"image_processor_type": "LlavaNextImageProcessor", "image_grid_pinpoints": [[1, 2, 3]]}"#,
        "image_grid_pinpoints"
      ),
      (
        #"{"image_processor_type": "LlavaNextImageProcessor", "image_grid_pinpoints": [[225, 224]]}"#,
        "no multiples of 224"
      ),
      (#"{"image_processor_type": "MllamaImageProcessor", "do_resize": false}"#, "do_resize is false"),
      (#"{"image_processor_type": "Gemma3ImageProcessor", "do_pan_and_scan": true}"#, "pan_and_scan_min_crop_size"),
      (#"{"image_processor_type": "Qwen2VLImageProcessor", "min_pixels": 9, "max_pixels": 8}"#, "above max_pixels"),
    ])
  func refused(_ text: String, _ words: String) throws {
    let failure = try #require(throws: Failure.self) { try PictureProcessor(try configuration(text)) }
    #expect(failure.message.contains(words) && failure.message.contains("test.json"), "\(failure.message)")
  }

  @Test("keys that change nothing are taken") func harmless() throws {
    let text =
      #"{"image_processor_type": "ViTImageProcessor", "do_convert_rgb": null, "do_new_thing": false, "device": null, "#
      + #""_valid_processor_keys": ["images"], "processor_class": "X", "crop_pct": null}"#
    _ = try PictureProcessor(try configuration(text))
  }

  @Test("pictures that come out in different sizes, or far too large, are errors") func sizes() throws {
    let keeps = try PictureProcessor(
      try configuration(#"{"image_processor_type": "ViTImageProcessor", "do_resize": false}"#))
    let inputs = try ["wide", "tall"].map(OptionTests.input)
    let failure = try #require(throws: Failure.self) { try keeps.process(inputs) }
    #expect(failure.code == .invalidArgument && failure.message.contains("61 x 23, and picture 1 as 17 x 50"))
    let huge = try PictureProcessor(
      try configuration(#"{"image_processor_type": "ViTImageProcessor", "size": 2147483647}"#))
    let other = try #require(throws: Failure.self) { try huge.process([inputs[0]]) }
    #expect(other.message.contains("would be resized to 2147483647 x 2147483647"))
    #expect(try keeps.process([Picture]()).count == 0)
  }
}
