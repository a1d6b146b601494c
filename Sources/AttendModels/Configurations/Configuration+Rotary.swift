import AttendBase
import AttendCheckpoints
import AttendLayers

/// A family's defaults of rotary positions, where its configuration does not give them.
struct RotaryDefaults {
  var theta: Double = 10_000
  /// The key of theta in configurations that have no `rope_parameters`.
  var thetaKey = "rope_theta"
  /// The share of a head's components that is rotated, and the key that says so in configurations that have no
  /// `rope_parameters`; nil: all, whatever a configuration says.
  var share: Double = 1
  var shareKey: String?
  var interleaved = false
  /// The kinds of scaling that the family has; nil: all.
  var kinds: [String]?
  /// Whether `rope_scaling`, in configurations that have no `rope_parameters`, is meant for these layers.
  var readsScaling = true
}

extension Configuration {
  /// The rotary embedding for heads of `headDim` components, of layers of `layerType` where the configuration tells
  /// kinds of layers apart: from `rope_parameters`, or in the spelling of before from `rope_theta`, `rope_scaling` and
  /// `partial_rotary_factor` and their like.
  func rotary(
    headDim: Int, layerType: String? = nil, _ defaults: RotaryDefaults = RotaryDefaults()
  ) throws(Failure) -> Rotary {
    // All are asked for in any case, so that they count as understood beside each other.
    var parameters = try child("rope_parameters")
    if let layerType { parameters = try parameters?.child(layerType) }
    let scaled = try child("rope_scaling")
    // Beside kinds of layers only today's name of its kind counts.
    let isRead = defaults.readsScaling && (layerType == nil || scaled?.holds("rope_type") ?? false)
    let old = isRead && scaled?.json.count ?? 0 > 0 ? scaled : nil
    let oldTheta = try optionalNumber(defaults.thetaKey)
    // Where both objects stand, the older one is meant, as it must have been added by hand; where kinds of layers are
    // told apart, it changes what the newer one says.
    if let old, layerType == nil { parameters = old }
    let newTheta = try parameters?.optionalNumber("rope_theta")
    let theta = try old?.optionalNumber("rope_theta") ?? newTheta ?? oldTheta ?? defaults.theta
    guard theta > 0 else { throw invalid(defaults.thetaKey, "is \(theta); it must be positive") }
    let dimensions = try rotatedComponents(of: headDim, old ?? parameters, defaults)
    guard let source = old ?? parameters else {
      return Rotary(dimensions: dimensions, interleaved: defaults.interleaved, theta: theta)
    }
    let type = source.ropeType
    guard defaults.kinds?.contains(type) ?? true, type != "proportional" || defaults.shareKey == nil else {
      throw Failure(.unsupported, "\(path): rope_type \"\(type)\" is not implemented for this model_type")
    }
    let scaling = try source.rotaryScaling(dimensions: dimensions, theta: theta, self)
    return Rotary(
      dimensions: dimensions, interleaved: defaults.interleaved, theta: theta, scaling: scaling,
      axes: try source.rotaryAxes(pairs: dimensions / 2))
  }

  /// The coordinate that each of a head's pairs turns by, where this object tells sections of time, row and column.
  private func rotaryAxes(pairs: Int) throws(Failure) -> [Int] {
    guard let sections = try optionalIntegers("mrope_section") else { return [] }
    guard sections.count == 3, sections.reduce(0, +) == pairs else {
      throw invalid("mrope_section", "has sections of \(sections) pairs; three with \(pairs) in all are needed")
    }
    // Taking turns as long as rows and columns have pairs left; the others are those of time.
    if try boolean("mrope_interleaved", default: false) {
      return (0..<pairs).map { $0 % 3 > 0 && $0 / 3 < sections[$0 % 3] ? $0 % 3 : 0 }
    }
    return sections.enumerated().flatMap { (axis, count) in Array(repeating: axis, count: count) }
  }

  /// The kind of scaling that this object, `rope_parameters` or `rope_scaling`, names.
  private var ropeType: String { (json["rope_type"] ?? json["type"])?.string ?? "default" }

  /// The number of components of a head that turn.
  private func rotatedComponents(
    of headDim: Int, _ parameters: Configuration?, _ defaults: RotaryDefaults
  ) throws(Failure) -> Int {
    let outer = try optionalNumber(defaults.shareKey ?? "partial_rotary_factor")
    let stated = try parameters?.optionalNumber("partial_rotary_factor") ?? outer
    guard defaults.shareKey != nil else {
      let isPlain = ["default", "proportional"].contains(parameters?.ropeType ?? "default")
      if let stated, stated != 1, !isPlain {
        throw Failure(
          .unsupported,
          "\(path): partial_rotary_factor \(stated) of stretched positions is not implemented for this model_type")
      }
      return headDim
    }
    let share = stated ?? defaults.share
    let dimensions = Int(Double(headDim) * min(max(share, 0), 2))
    guard dimensions >= 2, dimensions <= headDim, dimensions.isMultiple(of: 2) else {
      throw invalid(
        "partial_rotary_factor",
        "is \(share): of heads of \(headDim) components it rotates \(dimensions); an even number is needed")
    }
    return dimensions
  }

  /// The longest text that the configuration speaks of: `max_position_embeddings`, or what "dynamic" and "yarn" stretch
  /// the trained length to, if that is more; nil: it states none.
  var statedPositions: Int? {
    let other = keyAliases["n_positions"] == nil ? "max_seq_len" : "n_positions"
    guard let stated = (try? optionalSize("max_position_embeddings", other)) ?? nil else { return nil }
    let scaling = ((try? child("rope_scaling")) ?? nil) ?? ((try? child("rope_parameters")) ?? nil)
    guard let scaling, ["dynamic", "yarn"].contains(scaling.ropeType), let factor = scaling.json["factor"]?.double,
      factor > 1
    else { return stated }
    let trained = scaling.json["original_max_position_embeddings"]?.double ?? Double(stated)
    return max(stated, Int(min(trained * factor, Double(Configuration.maximalInteger))))
  }

  /// The scaling that this object, `rope_parameters` or `rope_scaling`, of the configuration `config` describes.
  private func rotaryScaling(dimensions: Int, theta: Double, _ config: Configuration) throws(Failure) -> RotaryScaling {
    let type = try string("rope_type", "type", default: "default")
    switch type {
    case "default", "mrope": return .none
    case "linear": return .linear(factor: try positive("factor"))
    case "proportional":
      let share = min(max(try optionalNumber("partial_rotary_factor") ?? 1, 0), 1)
      let factor = holds("factor") ? try positive("factor") : 1
      return .proportional(factor: factor, pairs: Int(share * Double(dimensions)) / 2)
    case "dynamic":
      guard dimensions > 2 else {
        throw invalid("rope_type", "is \"dynamic\", which needs more than \(dimensions) rotated components")
      }
      return .dynamic(factor: try positive("factor"), trained: try config.size("max_position_embeddings"))
    case "llama3":
      let (low, high) = (try positive("low_freq_factor"), try positive("high_freq_factor"))
      guard low < high else { throw invalid("low_freq_factor", "is \(low); it must be below high_freq_factor \(high)") }
      return .llama3(factor: try positive("factor"), low: low, high: high, trained: try trainedPositions(config))
    case "yarn": return try yarn(dimensions: dimensions, theta: theta, config)
    case "longrope", "su": return try longrope(pairs: dimensions / 2, config)
    default: throw Failure(.unsupported, "\(path): rope_type \"\(type)\" is not implemented")
    }
  }

  private func positive(_ key: String) throws(Failure) -> Double {
    let value = try number(key)
    guard value > 0 else { throw invalid(key, "is \(value); it must be positive") }
    return value
  }

  /// The length of the texts that a model was trained on before its positions were stretched. What stands outside of
  /// this object comes first.
  private func trainedPositions(_ config: Configuration) throws(Failure) -> Int {
    let own = try optionalSize("original_max_position_embeddings")
    if let outer = try config.optionalSize("original_max_position_embeddings") { return outer }
    return if let own { own } else { try config.size("max_position_embeddings") }
  }

  /// The factor by which positions were stretched: `factor`, or where it is left to be concluded the quotient of
  /// lengths.
  private func stretch(_ config: Configuration, trained: Int) throws(Failure) -> Double {
    if holds("factor") { return try positive("factor") }
    return Double(try config.size("max_position_embeddings")) / Double(trained)
  }

  /// See `RotaryScaling.yarn`.
  private func yarn(dimensions: Int, theta: Double, _ config: Configuration) throws(Failure) -> RotaryScaling {
    let trained = try trainedPositions(config)
    let factor = try stretch(config, trained: trained)
    guard theta > 1 else { throw config.invalid("rope_theta", "is \(theta); yarn needs more than 1") }
    let (fast, slow) = (try optionalNumber("beta_fast") ?? 32, try optionalNumber("beta_slow") ?? 1)
    guard fast > 0, slow > 0 else {
      throw invalid("beta_fast", "is \(fast) and beta_slow \(slow); both must be positive")
    }
    let isTruncated = try boolean("truncate", default: true)
    func magnitude(_ weight: Double) -> Double { RotaryScaling.yarnMagnitude(factor, weight: weight) }
    let weights = (try optionalNumber("mscale") ?? 0, try optionalNumber("mscale_all_dim") ?? 0)
    let concluded = weights.0 != 0 && weights.1 != 0 ? magnitude(weights.0) / magnitude(weights.1) : magnitude(1)
    return .yarn(
      dimensions: dimensions, theta: theta, factor: factor, trained: trained, fast: fast, slow: slow,
      isTruncated: isTruncated, magnitude: try optionalNumber("attention_factor") ?? concluded)
  }

  private func longrope(pairs: Int, _ config: Configuration) throws(Failure) -> RotaryScaling {
    let trained = try trainedPositions(config)
    let factor = try stretch(config, trained: trained)
    func divisors(_ key: String) throws(Failure) -> [Double] {
      let values = try optionalNumbers(key) ?? []
      guard values.count == pairs, values.allSatisfy({ $0 > 0 }) else {
        throw invalid(key, "holds \(values.count) numbers; \(pairs) positive ones are needed")
      }
      return values
    }
    let concluded = RotaryScaling.longropeMagnitude(factor, trained: trained)
    return .longrope(
      short: try divisors("short_factor"), long: try divisors("long_factor"), trained: trained,
      magnitude: try optionalNumber("attention_factor") ?? concluded)
  }
}
