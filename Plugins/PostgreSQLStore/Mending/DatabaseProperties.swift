import MendKit

/// What a database has beside its content: encoding, locale, owner, limits, grants, settings, a comment. A new database gets
/// them, before it takes the name of the old one.
struct DatabaseProperties {
  private var row: [String: String] = [:]
  private var grants: [[String?]] = []
  private var settings: [[String?]] = []
  private let version: Int

  /// Those of a database; nil where the server has none of that name.
  init?(_ connection: ServerConnection, of name: String) throws(ServerFailure) {
    version = Int(try connection.value("select current_setting('server_version_num')") ?? "") ?? 0
    let locale =
      version >= 170_000
      ? "datlocprovider, datlocale" : version >= 150_000 ? "datlocprovider, daticulocale" : "'c', null"
    let found = try connection.rows(
      """
      select oid, pg_catalog.pg_encoding_to_char(encoding), datcollate, datctype, pg_catalog.pg_get_userbyid(datdba),
        datconnlimit, (select spcname from pg_catalog.pg_tablespace t where t.oid = dattablespace),
        pg_catalog.shobj_description(oid, 'pg_database'), datacl is not null, \(locale)
      from pg_catalog.pg_database where datname = \(Quoting.text(name))
      """
    ).first
    guard let found, found.count == 11 else { return nil }
    let keys = [
      "oid", "encoding", "collate", "ctype", "owner", "limit", "tablespace", "comment", "granted", "provider", "locale",
    ]
    for (key, value) in zip(keys, found) { row[key] = value }
    let oid = row["oid"] ?? "0"
    grants = try connection.rows(
      """
      select case when a.grantee = 0 then null else pg_catalog.pg_get_userbyid(a.grantee) end, a.privilege_type, a.is_grantable
      from pg_catalog.pg_database d, pg_catalog.aclexplode(d.datacl) a where d.oid = \(oid)
      """)
    settings = try connection.rows(
      """
      select case when s.setrole = 0 then null else pg_catalog.pg_get_userbyid(s.setrole) end, c
      from pg_catalog.pg_db_role_setting s, unnest(s.setconfig) c where s.setdatabase = \(oid)
      """)
  }

  var owner: String? { row["owner"] }

  /// The statement that makes an empty database like it.
  func creation(_ name: String) -> String {
    var words = "create database \(Quoting.name(name)) template template0"
    if let encoding = row["encoding"] { words += " encoding \(Quoting.text(encoding))" }
    if let collate = row["collate"] { words += " lc_collate \(Quoting.text(collate))" }
    if let ctype = row["ctype"] { words += " lc_ctype \(Quoting.text(ctype))" }
    if row["provider"] == "i", let locale = row["locale"] {
      words += " locale_provider icu icu_locale \(Quoting.text(locale))"
    }
    if let tablespace = row["tablespace"], tablespace != "pg_default" {
      words += " tablespace \(Quoting.name(tablespace))"
    }
    return words
  }

  /// The statements that give another database the owner, the grants, the settings and the comment.
  func statements(for name: String) -> [String] {
    let database = Quoting.name(name)
    var statements: [String] = []
    if let owner = row["owner"] { statements.append("alter database \(database) owner to \(Quoting.name(owner))") }
    if let limit = row["limit"], limit != "-1" {
      statements.append("alter database \(database) connection limit \(Int(limit) ?? -1)")
    }
    if row["comment"] == nil { statements.append("comment on database \(database) is null") }
    if let comment = row["comment"] { statements.append("comment on database \(database) is \(Quoting.text(comment))") }
    if row["granted"] == "t" {
      statements.append("revoke all on database \(database) from public")
      if let owner = row["owner"] {
        statements.append("revoke all on database \(database) from \(Quoting.name(owner))")
      }
      for grant in grants where grant.count == 3 {
        guard let privilege = grant[1], ["CREATE", "CONNECT", "TEMPORARY", "TEMP"].contains(privilege) else { continue }
        let who = grant[0].map(Quoting.name) ?? "public"
        statements.append(
          "grant \(privilege) on database \(database) to \(who)" + (grant[2] == "t" ? " with grant option" : ""))
      }
    }
    for setting in settings where setting.count == 2 {
      guard let text = setting[1], let equals = text.firstIndex(of: "=") else { continue }
      let (name, value) = (String(text[..<equals]), String(text[text.index(after: equals)...]))
      let whose =
        setting[0].map { "alter role \(Quoting.name($0)) in database \(database)" } ?? "alter database \(database)"
      let parts = name.split(separator: ".").map { Quoting.name(String($0)) }.joined(separator: ".")
      statements.append("\(whose) set \(parts) to \(Self.value(value, of: name))")
    }
    return statements
  }

  /// Settings that are lists of names are kept with their quotes; each name is a value of its own.
  private static let lists: Set<String> = [
    "search_path", "temp_tablespaces", "session_preload_libraries", "local_preload_libraries",
  ]

  private static func value(_ value: String, of name: String) -> String {
    guard lists.contains(name.lowercased()) else { return Quoting.text(value) }
    var names: [String] = []
    var current = ""
    var isQuoted = false
    for character in value {
      switch character {
      case "\"": isQuoted.toggle()
      case "," where !isQuoted:
        names.append(current)
        current = ""
      case " " where !isQuoted: continue
      default: current.append(character)
      }
    }
    names.append(current)
    return names.map(Quoting.text).joined(separator: ", ")
  }
}
