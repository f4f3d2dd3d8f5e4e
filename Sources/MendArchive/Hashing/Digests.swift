import CCrypto
import CXXHash
import MendKit

/// What was computed of one member's content.
struct Digest: Sendable, Hashable {
  /// SHA-256 in hexadecimal; nil where only XXH3 was asked for.
  var sha256: String?
  /// XXH3 with 128 bits in hexadecimal, as `xxhsum -H2` prints it.
  var xxh3: String
}

/// Running hashes of one content after another. Used by one thread at a time.
final class Digests {
  private var sha256: OpaquePointer?
  private let xxh3: OpaquePointer
  private let wantsSHA256: Bool
  private var hasFailed = false

  /// Fresh hashes; XXH3 always, SHA-256 where asked for.
  init(sha256 wantsSHA256: Bool) throws(Problem) {
    guard let state = XXH3_createState() else {
      throw Problem(.system, tried: "compute checksums with", on: "xxHash", said: "no memory is left")
    }
    xxh3 = state
    self.wantsSHA256 = wantsSHA256
    try start()
  }

  deinit {
    XXH3_freeState(xxh3)
    if let sha256 { ccrypto_sha256_free(sha256) }
  }

  private func start() throws(Problem) {
    hasFailed = XXH3_128bits_reset(xxh3) != XXH_OK
    guard wantsSHA256 else { return }
    if let sha256 {
      if ccrypto_sha256_reset(sha256) != 1 { hasFailed = true }
      return
    }
    var said: UnsafePointer<CChar>?
    sha256 = ccrypto_sha256_new(&said)
    if sha256 == nil {
      throw Problem(
        .unsupported, tried: "compute SHA-256 with", on: "libcrypto",
        said: said.map { String(cString: $0) } ?? "it could not be loaded",
        advice: "Install OpenSSL's library (Debian: libssl3).")
    }
  }

  /// Takes up the next bytes.
  func update(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress, bytes.count > 0 else { return }
    if XXH3_128bits_update(xxh3, base, bytes.count) != XXH_OK { hasFailed = true }
    if let sha256, ccrypto_sha256_update(sha256, base, bytes.count) != 1 { hasFailed = true }
  }

  /// The hashes of what was taken up; the next content starts afresh.
  func finish() throws(Problem) -> Digest {
    let quick = XXH3_128bits_digest(xxh3)
    var digest = Digest(sha256: nil, xxh3: Hexadecimal.text(quick.high64) + Hexadecimal.text(quick.low64))
    if let sha256 {
      var bytes = [UInt8](repeating: 0, count: 32)
      if ccrypto_sha256_final(sha256, &bytes) != 1 { hasFailed = true }
      digest.sha256 = Hexadecimal.text(bytes)
    }
    if hasFailed {
      throw Problem(.system, tried: "compute", on: "checksums", said: "the library refused the bytes")
    }
    try start()
    return digest
  }
}
