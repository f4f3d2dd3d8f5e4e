import MendKit

/// What the 100 bytes of the file header say, held against the file (SQLite's file format, section 1.3).
struct HeaderReview {
  let header: DatabaseHeader
  let pages: PageMap
  let trees: [TreePlan]

  /// A root of which the place is not among those that roots have with auto-vacuum, and such a place that is no root.
  private var misplacedRoot: (root: UInt32, place: UInt32)? {
    let roots = Set(trees.map(\.root).filter { $0 > 1 })
    let places = PointerMap(pageSize: pages.pageSize, usableSize: pages.usableSize).rootPages(roots.count)
    guard let root = roots.max(), let last = places.last, root > last,
      let place = places.first(where: { !roots.contains($0) })
    else { return nil }
    return (root, place)
  }

  var findings: [Finding] {
    var findings: [Finding] = []
    func add(_ byte: Int, _ message: String, _ evidence: String) {
      findings.append(Finding("header.malformed", .error, at: .init(page: 1, byte: byte), message, evidence: evidence))
    }
    if header.largestRootPage != 0 {
      let largest = trees.map(\.root).max() ?? 1
      if largest != header.largestRootPage {
        add(
          52, "the header's largest root page is not that of the schema",
          "the header says \(header.largestRootPage), the schema \(largest)")
      } else if let (root, place) = misplacedRoot {
        // The library moves what stands where a new root is to be, and what stands last when pages are given back; it
        // takes any other root that it meets there for damage, and the file for malformed.
        add(
          52, "the roots of the tables are not the first pages, as auto-vacuum has them",
          "page \(root) is a root, and page \(place), which comes before it, is none")
      }
    } else if header.isIncrementalVacuum != 0 {
      add(
        64, "the header asks for incremental vacuum in a database without pointer maps", "\(header.isIncrementalVacuum)"
      )
    }
    if header.textEncoding > 3 {
      add(56, "the header names a text encoding that there is not", "\(header.textEncoding)")
    }
    if pages.claimedPages > pages.filePages {
      findings.append(
        Finding(
          "file.malformed", .error, at: .init(byte: 28), "the file is shorter than its header says: it was cut off",
          evidence: "\(pages.claimedPages) pages by the header, \(pages.filePages) in the file"))
    }
    if pages.claimedPages < pages.filePages {
      findings.append(
        Finding(
          "file.tail", .warning, at: .init(byte: Int(pages.claimedPages) * pages.pageSize),
          "the file goes on beyond the end of the database",
          evidence: "\(pages.claimedPages) pages by the header, \(pages.filePages) in the file"))
    }
    return findings
  }
}
