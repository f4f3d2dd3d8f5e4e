extension Pipeline {
  private static let profile = """
    configure() {
      printf '%s\\n' 'version: 1' 'repository: backups' "environments: { production: { stores: { $1 } } }" > dbmend.yaml
    }
    printf '%s' '{"version": 3, "users": [{"id": 1, "name": "Ada"}, {"id": 2, "name": "Grace"}], "theme": "dark"}' > profile.json
    configure 'profile: { path: profile.json }'

    """

  private static let folder = """
    printf '%s\\n' 'version: 1' 'repository: backups' 'environments: { production: { stores: { docs: { path: docs } } } }' \
      > dbmend.yaml
    mkdir -p docs/sub docs/many
    echo 'hello' > docs/a.txt
    echo '{"name": "Ada"}' > docs/b.json
    echo 'deep' > docs/sub/c
    for i in 1 2 3 4; do echo "file $i" > docs/many/$i; done
    ln -s a.txt docs/link

    """

  private static let file = [Store(path: "profile.json", kind: .file)]
  private static let files = [Store(path: "docs", kind: .folder)]

  /// Of JSON files and folders: every command that changes something.
  static let documents: [Pipeline] = [
    Pipeline(
      name: "json write", stores: file, script: profile, words: ["write", "profile.json"],
      input: #"{"version": 4, "users": [], "theme": "light"}"#),
    Pipeline(
      name: "json repair", stores: file,
      script: profile + "$DBMEND backup; truncate -s 50 profile.json", words: ["repair", "profile", "--yes"]),
    Pipeline(
      name: "json preflight", stores: file, script: profile + "$DBMEND backup",
      words: ["preflight", "--", "sh", "-c", "echo '{\"version\": 9}' > new && sync new && mv new profile.json && sync . && exit 3"],
      exit: 4, command: "echo '{\"version\": 9}' > new && mv new profile.json"),
    Pipeline(
      name: "json restore", stores: file,
      script: profile + "$DBMEND backup; echo '{}' > profile.json", words: ["restore", "latest", "profile"]),
    Pipeline(
      name: "folder backup", stores: files, script: folder + "$DBMEND backup; echo more >> docs/a.txt", words: ["backup"]),
    Pipeline(
      name: "folder restore", stores: files,
      script: folder + "$DBMEND backup; echo more >> docs/a.txt; rm -r docs/sub docs/many/2; mkdir docs/new; echo x > docs/new/x; echo y > docs/y",
      words: ["restore", "latest", "docs"]),
    Pipeline(
      name: "folder repair", stores: files,
      script: folder
        + """
        $DBMEND backup
        touch -r docs/a.txt t; printf X | dd of=docs/a.txt bs=1 seek=2 conv=notrunc 2>/dev/null; touch -r t docs/a.txt
        touch -r docs/many/1 t; printf X | dd of=docs/many/1 bs=1 seek=2 conv=notrunc 2>/dev/null; touch -r t docs/many/1; rm t
        """, words: ["repair", "docs", "--yes"]),
  ]
}
