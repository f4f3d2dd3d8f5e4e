import MendKit

/// The server's own functions that look at pages: those of the extensions `amcheck` and `pageinspect`.
struct PageFunctions: Sendable {
  /// How the functions of an extension can be had.
  enum Way: Sendable, Equatable {
    /// It is in the database, in this schema.
    case present(schema: String)
    /// Its library is there, and this user may make functions of it: each connection makes them in `pg_temp`, in a transaction that
    /// is rolled back, so that nothing of them stays and no connection waits for another.
    case makeable
    /// It is not there, or this user may not use it.
    case unavailable
  }

  /// Verification of tables and of b-trees.
  let amcheck: Way
  /// Pages as they are.
  let pageinspect: Way

  /// What a database has, and what this user may do.
  static func find(_ connection: ServerConnection) throws(ServerFailure) -> PageFunctions {
    let row =
      try connection.rows(
        """
        select r.rolsuper, r.rolsuper and not pg_catalog.pg_is_in_recovery(), \(present("amcheck", "{1,3}")), \(present("pageinspect", "{1,9}")),
          \(available("amcheck", "{1,3}")), \(available("pageinspect", "{1,9}")),
          (select pg_catalog.bool_and(pg_catalog.has_function_privilege(p.oid, 'execute')) from pg_catalog.pg_proc p
            join pg_catalog.pg_extension e on e.extname = 'amcheck' and p.pronamespace = e.extnamespace
            where p.proname in ('verify_heapam', 'bt_index_check'))
        from pg_catalog.pg_roles r where r.rolname = current_user
        """
      ).first ?? []
    guard row.count == 7 else { return PageFunctions(amcheck: .unavailable, pageinspect: .unavailable) }
    let mayMake = row[1] == "t"
    func way(_ schema: String?, mayUse: Bool, isAvailable: Bool) -> Way {
      if let schema, mayUse { return .present(schema: schema) }
      return mayMake && isAvailable ? .makeable : .unavailable
    }
    return PageFunctions(
      amcheck: way(row[2], mayUse: row[6] == "t", isAvailable: row[4] == "t"),
      // Whoever is no superuser is refused by the functions themselves.
      pageinspect: way(row[3], mayUse: row[0] == "t", isAvailable: row[5] == "t"))
  }

  private static func present(_ name: String, _ version: String) -> String {
    """
    (select n.nspname from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace
      where e.extname = '\(name)' and \(isAtLeast("e.extversion", version)))
    """
  }

  private static func available(_ name: String, _ version: String) -> String {
    "exists(select 1 from pg_catalog.pg_available_extension_versions where name = '\(name)' and \(isAtLeast("version", version)))"
  }

  /// Versions are numbers between dots; anything else is none that is known here.
  private static func isAtLeast(_ column: String, _ version: String) -> String {
    """
    case when \(column) ~ '^[0-9]{1,4}([.][0-9]{1,4})*$'
      then pg_catalog.string_to_array(\(column), '.')::int[] >= '\(version)'::int[] else false end
    """
  }

  /// Whether a connection has to make functions before it can use them.
  var needsMaking: Bool { amcheck == .makeable || pageinspect == .makeable }

  /// Makes what has to be made, in the transaction that a connection is in.
  func prepare(_ connection: ServerConnection) throws(ServerFailure) {
    guard needsMaking else { return }
    if amcheck == .makeable {
      for function in Self.verifying { try connection.run("create function pg_temp.\(function)") }
    }
    if pageinspect == .makeable {
      for function in Self.inspecting { try connection.run("create function pg_temp.\(function)") }
    }
    // From here on nothing is written, and the end of the connection takes back what was.
    try connection.run("set transaction read only")
  }

  /// As the scripts of the extension declare them; their library takes fewer arguments than newer versions have.
  private static let verifying = [
    """
    verify_heapam(relation regclass, on_error_stop boolean default false, check_toast boolean default false,
      skip text default 'none', startblock bigint default null, endblock bigint default null,
      blkno out bigint, offnum out integer, attnum out integer, msg out text)
    returns setof record as '$libdir/amcheck', 'verify_heapam' language c
    """,
    "bt_index_check(index regclass, heapallindexed boolean) returns void as '$libdir/amcheck', 'bt_index_check' language c strict",
  ]

  private static let inspecting = [
    "get_raw_page(text, bigint) returns bytea as '$libdir/pageinspect', 'get_raw_page_1_9' language c strict",
    "get_raw_page(text, text, bigint) returns bytea as '$libdir/pageinspect', 'get_raw_page_fork_1_9' language c strict",
    """
    bt_page_stats(relname text, blkno bigint, out blkno bigint, out type "char", out live_items integer, out dead_items integer,
      out avg_item_size integer, out page_size integer, out free_size integer, out btpo_prev bigint, out btpo_next bigint,
      out btpo_level bigint, out btpo_flags integer)
    as '$libdir/pageinspect', 'bt_page_stats_1_9' language c strict
    """,
    """
    bt_page_items(relname text, blkno bigint, out itemoffset smallint, out ctid tid, out itemlen smallint, out nulls boolean,
      out vars boolean, out data text, out dead boolean, out htid tid, out tids tid[])
    returns setof record as '$libdir/pageinspect', 'bt_page_items_1_9' language c strict
    """,
  ]

  /// A call of a function, without its arguments.
  static func name(_ function: String, _ way: Way) -> String {
    if case .present(let schema) = way { return Quoting.name(schema) + "." + function }
    return "pg_temp." + function
  }

  var verifyHeap: String { Self.name("verify_heapam", amcheck) }
  var checkIndex: String { Self.name("bt_index_check", amcheck) }
  var rawPage: String { Self.name("get_raw_page", pageinspect) }
  var pageStats: String { Self.name("bt_page_stats", pageinspect) }
  var pageItems: String { Self.name("bt_page_items", pageinspect) }
}
