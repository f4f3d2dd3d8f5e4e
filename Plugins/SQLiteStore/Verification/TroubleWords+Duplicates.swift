import MendKit

extension TroubleWords {
  /// The pages that trees met although they belonged to something already: a finding for each.
  func findings(twice entries: [TroubleBook.Entry]) -> [Finding] {
    var told: Set<UInt32> = []
    var findings: [Finding] = []
    for entry in entries {
      let fresh = entry.kept.filter { told.insert($0.page).inserted }
      let surplus = entry.count - entry.kept.count
      for trouble in fresh { findings.append(duplicate(trouble.page, met: PageClaims.Claim(trouble))) }
      if !fresh.isEmpty { findings[findings.count - 1].count += surplus }
    }
    return findings
  }

  /// A page that is on the list of free pages although it is in use.
  func duplicate(free page: UInt32) -> Finding {
    let claims = known(page, met: nil)
    var owners = claims.map(name)
    if let fixed = fixedOwner(page) { owners.append(fixed) }
    if owners.isEmpty { owners.append("something else") }
    var finding = Finding(
      "page.duplicate-reference", .error, at: location(page), words(page, ["the list of free pages"] + owners),
      evidence: evidence(page, claims))
    // The list holds no rows, so that nothing is lost where it is in the wrong.
    finding.hidesNoRow = true
    return finding
  }

  private func duplicate(_ page: UInt32, met: PageClaims.Claim) -> Finding {
    let claims = known(page, met: met.tree >= 0 ? met : nil)
    var owners = claims.map(name)
    let fixed = fixedOwner(page)
    if let fixed { owners.append(fixed) }
    var place = location(page)
    if let wrong = fixed == nil ? mostLikelyWrong(page, claims) : claims.first, wrong.tree >= 0 {
      let tree = plan.trees[wrong.tree]
      place.table = tree.table
      place.index = tree.isIndex ? tree.name : nil
    }
    return Finding(
      "page.duplicate-reference", .error, at: place, words(page, owners), evidence: evidence(page, claims))
  }

  /// The references to a page, with the one that a walk met where the search for them did not come by it.
  private func known(_ page: UInt32, met: PageClaims.Claim?) -> [PageClaims.Claim] {
    let found = claims[page] ?? []
    guard let met, !found.contains(met) else { return found }
    return found + [met]
  }

  /// The owner that the format itself gives a page.
  private func fixedOwner(_ page: UInt32) -> String? {
    let map = PointerMap(pageSize: pages.pageSize, usableSize: pages.usableSize)
    if page == map.lockBytePage { return "the bytes that locks are taken on" }
    return hasPointerMaps && map.isMap(page) ? "the pointer maps" : nil
  }

  private func words(_ page: UInt32, _ owners: [String]) -> String {
    var distinct: [String] = []
    for owner in owners where !distinct.contains(owner) { distinct.append(owner) }
    guard distinct.count > 1 else {
      return "page \(page) belongs to \(distinct.first ?? "something") and is referred to a second time"
        + (distinct.isEmpty ? "" : " within it")
    }
    let last = distinct.removeLast()
    let number = distinct.count == 1 ? "two" : "\(distinct.count + 1)"
    return "page \(page) belongs to \(number) owners: \(distinct.joined(separator: ", ")) and \(last)"
  }

  private func name(_ claim: PageClaims.Claim) -> String {
    let tree = plan.trees[claim.tree]
    let owner = "\(tree.isIndex ? "index" : "table") \(tree.name)"
    return claim.isOverflow ? "an overflow chain of \(owner)" : owner
  }

  private func evidence(_ page: UInt32, _ claims: [PageClaims.Claim]) -> String? {
    let places = claims.map { $0.parent == 0 ? "the schema table" : "page \($0.parent)" }
    let isOnePlace = places.count == 2 && places[0] == places[1]
    let reference =
      isOnePlace
      ? "\(places[0]) refers to it twice" : places.isEmpty ? nil : "referred to by " + places.joined(separator: " and ")
    return [reference, content(page)].compactMap(\.self).joined(separator: "; ")
  }

  /// The reference that the page's own content speaks against; else an index's, since that can be built anew.
  private func mostLikelyWrong(_ page: UInt32, _ claims: [PageClaims.Claim]) -> PageClaims.Claim? {
    let header = pages[page].flatMap { BTreePage($0, number: page) }
    let unfit = claims.filter { claim in
      guard let header else { return !claim.isOverflow }
      return claim.isOverflow || header.kind.isTable != plan.trees[claim.tree].hasRowids
    }
    let suspects = unfit.isEmpty ? claims : unfit
    return suspects.last { plan.trees[$0.tree].isIndex } ?? suspects.last
  }
}
