import MendKit

/// The reference of the plugin message, made from the same descriptions that replies are held against.
public enum MessageReference {
  /// The text of docs/plugin-message.md.
  public static var markdown: String {
    var text = """
      # The plugin message, field by field

      This page is made by dbmend from its own descriptions; do not change it by hand. [A JSON Schema](plugin-message.schema.json)
      of the same is there for programs. How to write a plugin is in [Writing a plugin](writing-a-plugin.md).

      A plugin gets one JSON object, the request, and gives one back, the reply. A program reads the request from its standard input to
      the end, writes the reply to its standard output, and ends with 0. A shared object gets it as the argument of a function and
      hands the reply to a callback (`dbmend_plugin.h`). What either writes to its standard error is kept, and shown where something
      goes wrong. A member that is not known is to be passed over: a newer dbmend may say more. Nothing is ever renamed, or taken away,
      without a new number under `dbmend`.

      What a plugin may take (time, memory, output, open files, processes) is bounded; it starts in an empty folder, with the variables
      `PATH`, `LANG`, `HOME` and `TMPDIR` and those that the configuration gives it, and without open files. It can write to that folder,
      to its copy of the store and to nothing else, where the system can hold it to that (Linux 5.13 and newer). When it has ended, all
      that it started is ended too.


      """
    text += section("Requests", MessageFormat.requests) + section("Replies", MessageFormat.replies)
    let outermost = Set((MessageFormat.requests + MessageFormat.replies).map(\.name))
    text += section("What they hold", MessageFormat.objects.filter { !outermost.contains($0.name) })
    text += """
      ## What is said of plugins

      A plugin that does not do what plugins do is a finding of the store that it was asked about, with the plugin's name, what it was
      asked, what became of it, and its last words.

      | finding | meaning |
      | --- | --- |

      """
    for failure in PluginFailure.findings { text += "| `\(failure.code)` | \(failure.meaning) |\n" }
    return text
  }

  /// The text of docs/plugin-message.schema.json.
  public static var schema: String { MessageSchema.document.text(pretty: true) + "\n" }

  private static func section(_ title: String, _ objects: [MessageObject]) -> String {
    var text = "## \(title)\n\n"
    for object in objects {
      text += "### `\(object.name)`\n\n\(object.title)\n\n| member | holds | | meaning |\n| --- | --- | --- | --- |\n"
      for member in object.members {
        let need = member.isRequired ? "always" : ""
        text += "| `\(member.name)` | \(member.shape.title) | \(need) | \(member.meaning) |\n"
      }
      text += "\n"
    }
    return text
  }
}
