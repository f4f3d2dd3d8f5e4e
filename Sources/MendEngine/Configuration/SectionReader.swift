import MendKit

/// What stands in one mapping of the file, held against the description of its keys.
struct SectionFields {
  /// Where the mapping begins.
  var position: TextPosition
  /// The pairs with a known key and a value of the right shape.
  var pairs: [String: YAMLPair] = [:]
  /// Those of them that are plain values.
  var options = Options()
  /// Whether there was a mapping at all.
  var isMap = true

  subscript(name: String) -> YAMLPair? { pairs[name] }

  /// Where a key stands; the mapping's begin where it does not.
  func position(of name: String) -> TextPosition { pairs[name]?.position ?? position }
}

extension ComplaintList {
  /// Reads a mapping: complains about unknown, missing and wrong keys, and hands back the right ones.
  func fields(of node: YAMLNode, as section: FileSection) -> SectionFields {
    var fields = SectionFields(position: node.position)
    guard let pairs = node.pairs else {
      let keys = section.keys.map(\.name).joined(separator: ", ")
      add(at: node.position, "expected \(section.title) (keys: \(keys)), found \(node.value.words)")
      fields.isMap = false
      return fields
    }
    var options: [OptionPair] = []
    for pair in pairs {
      guard let key = section.key(pair.key) else {
        add(at: pair.position, "unknown key '\(pair.key)'" + Self.hint(for: pair.key, in: section))
        continue
      }
      guard isRight(pair.value, for: key) else { continue }
      fields.pairs[pair.key] = pair
      switch key.shape {
      case .value(let type): options.append(OptionPair(pair.key, pair.value.value(as: type)))
      case .text: options.append(OptionPair(pair.key, pair.value.value(as: .string)))
      case .texts: options.append(OptionPair(pair.key, pair.value.value(as: .list(.string))))
      default: break
      }
    }
    for key in section.keys where key.isRequired && !pairs.contains(where: { $0.key == key.name }) {
      add(at: node.position, "\(section.title) needs the key '\(key.name)': \(key.title)")
    }
    fields.options = Options(options)
    return fields
  }

  private func isRight(_ node: YAMLNode, for key: FileKey) -> Bool {
    let isShaped: Bool
    switch key.shape {
    case .value(let type): return check(node, is: type)
    case .text: isShaped = isText(node)
    case .texts: isShaped = (node.items ?? [node]).allSatisfy(isText)
    case .pathOrSection:
      isShaped = node.pairs != nil || isText(node)
    case .section, .sectionOrSections: return true  // Held against the section's keys next.
    case .kindOptions: isShaped = node.pairs != nil
    case .named: isShaped = node.pairs != nil
    case .sections, .pathsOrSections: isShaped = node.items != nil
    case .checks: isShaped = node.items != nil || node.pairs != nil
    }
    if !isShaped { add(at: node.position, "'\(key.name)': expected \(key.title), found \(node.value.words)") }
    return isShaped
  }

  private func isText(_ node: YAMLNode) -> Bool {
    node.value.text.map { !$0.allSatisfy(\.isWhitespace) } ?? false
  }

  /// What was probably meant by an unknown key: one of its own mapping, or the same word of another.
  private static func hint(for word: String, in section: FileSection) -> String {
    let own = NearestWord.suggestion(for: word, among: section.keys.map(\.name))
    guard own.isEmpty else { return own }
    let other = FileFormat.sections.first { $0.section.key(word) != nil }
    if let other {
      return other.path.isEmpty ? "; it belongs to the top of the file" : "; it belongs under \(other.path)"
    }
    return "; \(section.title) has \(section.keys.map(\.name).joined(separator: ", "))"
  }
}
