import CPlugin
import MendKit

/// Asks a plugin something, in a process of its own and a folder of its own.
struct PluginCall: Sendable {
  let file: PluginFile
  /// The plugin's id, or the file's name while no id is known.
  let plugin: String
  /// The program that calls shared objects: this one.
  let host: String
  /// What each call may take; an option `timeout` of a check is in it.
  var limits: ConfinedProgram.Limits

  init(_ file: PluginFile, plugin: String, host: String) {
    self.file = file
    self.plugin = plugin
    self.host = host
    limits = file.limits
  }

  /// Whether nothing keeps the plugin from writing to a path: the configuration lets it, or the system cannot.
  func mayReach(_ path: String) -> Bool {
    !ConfinedProgram.systemConfines
      || file.writes.contains { place in
        let place = Paths.resolved(place)
        return path == place || path.hasPrefix(place == "/" ? place : place + "/")
      }
  }

  /// How the plugin is called in messages.
  var title: String {
    plugin == file.stem ? file.writtenPath : "\(plugin) (\(file.writtenPath))"
  }

  /// Sends a request and gives back the reply, which is an object. `asked` says what it is about: `check the store production/data`.
  /// `scratch` is the folder that the plugin starts in; it may write there and in `writable`.
  func reply(
    to request: JSONValue, asked: String, scratch: String, writable: [String] = []
  ) throws(PluginFailure) -> JSONValue {
    try reply(to: Array(request.text().utf8), asked: asked, scratch: scratch, writable: writable)
  }

  /// Sends bytes, whatever they are, and gives back the reply.
  func reply(
    to request: [UInt8], asked: String, scratch: String, writable: [String] = []
  ) throws(PluginFailure) -> JSONValue {
    let outcome = try run(request, asked: asked, scratch: scratch, writable: writable)
    guard outcome.excess == nil, outcome.ending == .exited(0) else {
      throw failure(Self.kind(of: outcome), asked, outcome.fate, outcome)
    }
    guard !outcome.output.allSatisfy({ $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }) else {
      throw failure(.died, asked, "it ended without a reply", outcome)
    }
    let value: JSONValue
    do throws(JSONSyntaxError) {
      value = try JSONValue(parsing: outcome.output)
    } catch {
      throw failure(
        .nonsense, asked, "its reply is no JSON: \(error); it begins \(Self.beginning(outcome.output))", outcome)
    }
    guard value.members != nil else {
      throw failure(.nonsense, asked, "its reply is \(value.words) and no object", outcome)
    }
    return value
  }

  /// Runs the plugin with these bytes as its input, whatever they are; what became of it.
  func run(
    _ input: [UInt8], asked: String, scratch: String, writable: [String] = []
  ) throws(PluginFailure) -> ConfinedProgram.Outcome {
    var variables = [
      "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": scratch,
      "TMPDIR": scratch,
    ]
    for name in file.passes { variables[name] = getenv(name).map { String(cString: $0) } }
    variables.merge(file.variables) { $1 }
    do throws(Problem) {
      let isSharedObject = try file.isSharedObject
      let program = ConfinedProgram(
        path: isSharedObject ? host : file.path, arguments: isSharedObject ? [PluginHost.word, file.path] : [],
        environment: variables, folder: scratch, writable: [scratch] + writable + file.writes, limits: limits)
      return try program.run(input)
    } catch {
      throw PluginFailure(
        kind: .died, plugin: title, asked: asked, fate: "it could not be started: \(error)", lastWords: "")
    }
  }

  /// Makes a failure of something that the reply says.
  func failure(
    _ kind: PluginFailure.Kind, _ asked: String, _ fate: String, _ outcome: ConfinedProgram.Outcome? = nil
  ) -> PluginFailure {
    PluginFailure(kind: kind, plugin: title, asked: asked, fate: fate, lastWords: outcome?.lastWords ?? "")
  }

  private static func kind(of outcome: ConfinedProgram.Outcome) -> PluginFailure.Kind {
    switch outcome.excess {
    case .time?: .timedOut
    case .output?: .flooded
    case .memory?, .processes?: .exhausted
    case nil: .died
    }
  }

  private static func beginning(_ output: [UInt8]) -> String {
    JSONValue.string(String(decoding: output.prefix(60), as: UTF8.self)).text()
  }
}

/// What this program does when it is started to call a shared object: read a request from its standard input, hand it over, and write
/// the reply. It runs confined; a crash of the plugin is an end of this process alone.
public enum PluginHost {
  /// The word behind the program's name.
  public static let word = "--call-shared-object"

  /// Calls the plugin in a file; the process's exit code.
  public static func run(_ file: String) -> Int32 {
    // What the plugin prints is no reply: that goes where only this function knows.
    let output = fcntl(1, F_DUPFD_CLOEXEC, 3)
    dup2(2, 1)
    var request = readInput()
    request.append(0)
    let replies = Replies()
    var said = [CChar](repeating: 0, count: 500)
    var returned: Int32 = 0
    let result = request.withUnsafeBufferPointer { bytes in
      bytes.withMemoryRebound(to: CChar.self) { text in
        cplugin_call(
          file, text.baseAddress, text.count - 1,
          { context, json, length in
            guard let context, let json else { return }
            let replies = Unmanaged<Replies>.fromOpaque(context).takeUnretainedValue()
            replies.take(UnsafeRawBufferPointer(start: json, count: length))
          }, Unmanaged.passUnretained(replies).toOpaque(), &said, said.count, &returned)
      }
    }
    switch result {
    case cplugin_not_loaded: return complain("it could not be loaded: \(text(said))")
    case cplugin_no_function: return complain("it exports no function dbmend_plugin")
    case cplugin_refused:
      return complain("dbmend_plugin returned \(returned) for version \(DBMEND_PLUGIN_ABI) of the interface")
    default: break
    }
    guard replies.count == 1 else { return complain("it called reply \(replies.count) times; once is right") }
    return write(replies.bytes, to: output) ? 0 : 1
  }

  /// What a plugin replied.
  private final class Replies {
    var bytes: [UInt8] = []
    var count = 0

    func take(_ reply: UnsafeRawBufferPointer) {
      count += 1
      if count == 1 { bytes = Array(reply) }
    }
  }

  private static func complain(_ text: String) -> Int32 {
    _ = write(Array("\(text)\n".utf8), to: 2)
    return 1
  }

  private static func text(_ characters: [CChar]) -> String {
    String(decoding: characters.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  private static func readInput() -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = read(0, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return bytes }
      bytes += buffer[..<count]
    }
  }

  private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var done = 0
    while done < bytes.count {
      let count = bytes[done...].withUnsafeBytes { MendKit.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return false }
      done += count
    }
    return true
  }
}
