/// A check for dbmend: files of a folder are what their names say. It is built as a shared object that brings all of Swift along.
import FoundationEssentials

let description = #"""
  {"id": "file-types", "kind": "check", "title": "files are what their names say",
   "discussion": "Holds the first bytes of pictures, documents and archives against the ends of their names: an upload that broke off, or an error page that was saved as a picture, begins otherwise.",
   "kinds": ["folder"], "needs": ["snapshot"],
   "finds": [{"code": "file-types.mismatch", "severity": "warning", "meaning": "a file is not what its name says"}],
   "options": {"only": {"type": "list", "of": "text", "meaning": "the ends of names to look at, such as png; all that it knows where left out"}},
   "examples": [
    {"title": "files that are what they seem", "kind": "folder", "script": "a/photo.gif: GIF89a\nmanual.PDF: %PDF-1.7\nnotes.txt: anything"},
    {"title": "a picture that is none", "kind": "folder", "script": "photo.gif: GIF89a\nlogo.png: <html>404</html>", "finds": ["file-types.mismatch"]},
    {"title": "pictures that nobody asked for", "kind": "folder", "script": "logo.png: <html>404</html>", "options": {"only": ["pdf"]}}]}
  """#

/// What files begin with, by the ends of their names.
let beginnings: [String: [UInt8]] = [
  "png": [0x89, 0x50, 0x4E, 0x47], "jpg": [0xFF, 0xD8, 0xFF], "jpeg": [0xFF, 0xD8, 0xFF], "gif": Array("GIF8".utf8),
  "pdf": Array("%PDF-".utf8), "zip": Array("PK".utf8), "gz": [0x1F, 0x8B],
]

struct Request: Decodable {
  struct Store: Decodable { var snapshot: String }
  struct Options: Decodable { var only: [String]? }
  var dbmend: Int
  var method: String
  var plugin: String?
  var options: Options?
  var store: Store?
}

struct Finding: Encodable {
  var code = "file-types.mismatch"
  var message: String
  var file: String
}

struct Trouble: Error, Encodable {
  var said: String
}

func check(_ request: Request) throws -> [String: [Finding]] {
  guard let folder = request.store?.snapshot else { throw Trouble(said: "the request names no copy of the store") }
  let only = request.options?.only ?? Array(beginnings.keys)
  var findings: [Finding] = []
  for path in try FileManager.default.subpathsOfDirectory(atPath: folder).sorted() {
    let end = path.split(separator: ".").last.map { $0.lowercased() } ?? ""
    guard only.contains(end), let beginning = beginnings[end] else { continue }
    let file = folder + "/" + path
    // Only files: what a link leads to may be anywhere.
    let attributes = try FileManager.default.attributesOfItem(atPath: file)
    guard attributes[.type] as? FileAttributeType == .typeRegular else { continue }
    let content = try Data(contentsOf: URL(filePath: file), options: .alwaysMapped)
    guard !content.starts(with: beginning) else { continue }
    findings.append(Finding(message: "\(path) does not begin as a file of type \(end) does", file: path))
  }
  return ["findings": findings]
}

/// The reply to a request, whatever it is.
func answer(_ bytes: Data) -> String {
  func json(_ value: some Encodable) throws -> String { String(decoding: try JSONEncoder().encode(value), as: UTF8.self) }
  do {
    let request = try JSONDecoder().decode(Request.self, from: bytes)
    switch (request.dbmend, request.method, request.plugin) {
    case (1, "describe", _): return description
    case (1, "check", "file-types"): return try json(check(request))
    case (1, let method, _): throw Trouble(said: "this plugin cannot do '\(method)'")
    default: throw Trouble(said: "this plugin knows version 1 of the message, not \(request.dbmend)")
    }
  } catch {
    let trouble = error as? Trouble ?? Trouble(said: "\(error)")
    return (try? json(["error": trouble])) ?? #"{"error": {"said": "what went wrong cannot be said"}}"#
  }
}

public typealias Reply = @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?, Int) -> Void

/// What dbmend calls: see dbmend_plugin.h.
@_cdecl("dbmend_plugin")
public func dbmendPlugin(
  _ abi: UInt32, _ request: UnsafePointer<CChar>, _ length: Int, _ reply: Reply, _ context: UnsafeMutableRawPointer?
) -> Int32 {
  guard abi == 1 else { return 1 }
  let text = answer(Data(bytes: request, count: length))
  text.withCString { reply(context, $0, text.utf8.count) }
  return 0
}
