import AttendBase
import AttendLayers
import AttendModels
import AttendSounds

/// A sound as a model reads it, and the memory that holds it.
package struct SoundArray {
  package let array: FeatureArray
  private let owner: AnyObject

  /// A whole sound of any rate, as the front end of `model` prepares it.
  package init(_ source: any SampleSource, _ model: Model, threads: Int) throws(Failure) {
    let frontEnd = try model.soundFrontEnd.get()
    try self.init(try Sound(source, rate: frontEnd.rate), frontEnd, named: source.name, threads: threads)
  }

  /// A sound at the rate of `frontEnd`, which messages call `name`.
  init(_ sound: Sound, _ frontEnd: FrontEnd, named name: String, threads: Int) throws(Failure) {
    let features = try frontEnd.features(sound, threads: threads)
    guard let values = features.values.baseAddress, features.rows > 0 else {
      throw Failure(.invalidArgument, "\(name) is too short: it has no samples, or not enough for one frame")
    }
    switch frontEnd {
    case .waveform:
      array = FeatureArray(values, channels: 1, height: 1, width: features.rows)
      owner = features
    case .filterBank:
      array = FeatureArray(values, channels: features.rows, height: 1, width: features.width)
      owner = features
    case .logMel:
      let memory = try AlignedBuffer(features.rows * features.width, of: Float.self, for: "the features of a sound")
      let lines: UnsafeMutablePointer<Float> = memory.pointer()
      for frame in 0..<features.rows {
        for band in 0..<features.width { lines[band * features.rows + frame] = values[frame * features.width + band] }
      }
      array = FeatureArray(lines, channels: features.width, height: 1, width: features.rows)
      owner = memory
    }
  }
}
