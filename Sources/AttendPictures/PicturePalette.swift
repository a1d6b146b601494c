/// Up to 256 colours, by their indices. An index that a file gives no colour is a gray, as in Pillow.
struct PicturePalette {
  private var colours = [UInt8](repeating: 0, count: 256 * 3)

  init() { for index in 0..<256 { set(index, UInt8(index), UInt8(index), UInt8(index)) } }

  mutating func set(_ index: Int, _ red: UInt8, _ green: UInt8, _ blue: UInt8) {
    colours[index * 3] = red
    colours[index * 3 + 1] = green
    colours[index * 3 + 2] = blue
  }

  /// Writes the colour of an index into a pixel.
  func write(_ index: UInt8, to pixel: UnsafeMutablePointer<UInt8>) {
    let place = Int(index) * 3
    for channel in 0..<3 { pixel[channel] = colours[place + channel] }
  }
}
