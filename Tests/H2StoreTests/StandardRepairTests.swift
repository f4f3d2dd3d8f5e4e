import H2Store
import MendKit
import TestSupport
import Testing

/// The repairs that are written for every kind of store, on databases of H2.
@Suite("Standard repairs of H2 databases", withH2) struct StandardRepairTests {
  @Test("a sequence behind its keys is set to the largest one")
  func sequence() throws {
    let shop = try Shop()
    try H2File.run(shop.path, "ALTER TABLE ORDERS ALTER COLUMN ID RESTART WITH 5")
    let repair = try shop.dbmend("repair", "--yes", "--max-loss", "none", "--format", "json", "shop.mv.db")
    #expect(repair.exit == 0 && repair.output.contains("sequence.behind"), "\(repair.output)")
    let query =
      "SELECT IDENTITY_BASE FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = 'ORDERS' AND COLUMN_NAME = 'ID'"
    #expect(try H2File.value(shop.path, query) == "20001")
  }

  @Test("a table that is missing is made from schema.sql, with its keys and indexes")
  func missingTable() throws {
    let shop = try Shop()
    try shop.folder.write(Shop.script, to: "schema.sql")
    try shop.folder.write(
      """
      version: 1
      repository: archives
      schema: schema.sql
      environments: { production: { stores: { shop: { path: shop.mv.db } } } }
      checks:
        - integrity
        - required-tables: { tables: [ORDERS, NOTES] }
      """, to: "dbmend.yaml")
    try H2File.run(shop.path, "DROP TABLE NOTES")
    let check = try shop.dbmend("check", "--format", "json")
    #expect(check.exit == 1 && check.output.contains("table.missing"), "\(check.output)")
    let repair = try shop.dbmend("repair", "production/shop", "--yes", "--max-loss", "everything")
    #expect(repair.exit == 0, "\(repair.output) \(repair.errors)")
    #expect(try H2File.value(shop.path, "SELECT COUNT(*) FROM NOTES") == "0")
    #expect(try H2File.value(shop.path, "SELECT COUNT(*) FROM ORDERS") == "20000")
  }
}
