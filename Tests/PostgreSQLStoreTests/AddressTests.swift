import MendKit
import Testing

@testable import PostgreSQLStore

@Suite("Addresses of databases") struct AddressTests {
  @Test("a password leaves the URI, whatever it is made of, and is remembered for the client")
  func passwords() {
    let cases: [(String, String, String?)] = [
      ("postgresql://ada:s3cret@db/app", "postgresql://ada@db/app", "s3cret"),
      ("postgres://ada:a%40b%3Ac@db:5433/app?sslmode=require", "postgres://ada@db:5433/app?sslmode=require", "a@b:c"),
      ("postgresql://ada:p@ss@db/app", "postgresql://ada@db/app", "p@ss"),
      ("postgresql://ada:p/ss@db/app", "postgresql://ada@db/app", "p/ss"),
      ("postgresql:///app?host=/run/pg&password=x%20y&user=ada", "postgresql:///app?host=/run/pg&user=ada", "x y"),
      ("postgresql://db:5432/na@me", "postgresql://db:5432/na@me", nil),
      ("postgresql://ada@db/app", "postgresql://ada@db/app", nil),
      ("postgresql:///?service=shop", "postgresql:///?service=shop", nil),
    ]
    for (written, shown, password) in cases {
      #expect(StoreURI.withoutPassword(written) == shown)
      if let password { #expect(StoreURI.password(of: shown) == password) }
    }
    #expect(StoreURI.withoutPassword("/srv/a:b@c.db") == "/srv/a:b@c.db")
  }

  @Test("another database of the same server keeps user, parameters and password")
  func others() {
    let address = PostgresAddress("postgresql://ada:geheim@db:5433/app?sslmode=require&dbname=other")
    let other = address.with(database: "app of 2024/5")
    #expect(other.uri == "postgresql://ada@db:5433/app%20of%202024%2F5?sslmode=require")
    #expect(StoreURI.password(of: other.uri) == "geheim")
    #expect(other.database == "app of 2024/5")
    #expect(PostgresAddress("postgresql:///?service=shop").with(database: "x").uri == "postgresql:///x?service=shop")
  }

  @Test("values come back from COPY as they are, tabs, line ends and NULL among them")
  func copies() {
    let rows = CopyText.rows(Array("1\ta\\tb\\n\\\\N\t\\N\n\t\n".utf8))
    #expect(rows == [["1", "a\tb\n\\N", nil], ["", ""]].map { $0.map { $0 } })
  }
}
