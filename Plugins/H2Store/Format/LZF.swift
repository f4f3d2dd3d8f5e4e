/// Expands what H2 compresses pages with: runs of literals, and references to what came before (`CompressLZF`).
enum LZF {
  /// The content, which has exactly so many bytes; nil where the input is none of it.
  static func expand(_ input: ArraySlice<UInt8>, to size: Int) -> [UInt8]? {
    guard size >= 0, size <= input.count * 264 + 64 else { return nil }
    var output: [UInt8] = []
    output.reserveCapacity(size)
    var index = input.startIndex
    while output.count < size {
      guard index < input.endIndex else { return nil }
      let control = Int(input[index])
      index += 1
      if control < 32 {
        guard input.endIndex - index > control else { return nil }
        output += input[index...index + control]
        index += control + 1
        continue
      }
      var length = control >> 5
      if length == 7 {
        guard index < input.endIndex else { return nil }
        length += Int(input[index])
        index += 1
      }
      length += 2
      guard index < input.endIndex else { return nil }
      let distance = ((control & 0x1F) << 8) + Int(input[index]) + 1
      index += 1
      guard distance <= output.count, output.count + length <= size else { return nil }
      for _ in 0..<length { output.append(output[output.count - distance]) }
    }
    return output.count == size ? output : nil
  }
}
