import MendKit
import TestSupport

/// The application at work: a program in C on the system's SQLite, since only a real client at full speed is a real test. It moves
/// money between accounts, so that every consistent state of the store has the same sum, and writes down each transaction once it is
/// committed.
enum TransferProgram {
  /// Compiles it into a folder; its path.
  static func make(in folder: TemporaryFolder) throws -> String {
    let file = try folder.write(source, to: "transfer.c")
    let result = try run("cc", "-O1", "-Wall", "-o", folder.file("transfer"), file, "-lsqlite3")
    guard result.exit == 0 else { throw PreparationFailed("cc \(file): \(result.errors)") }
    return folder.file("transfer")
  }

  /// Words of the form name=value follow the paths of the database and of the log. SIGUSR1 has it print a line of what it did since
  /// the last one; SIGTERM ends it.
  private static let source = #"""
    #include <fcntl.h>
    #include <signal.h>
    #include <sqlite3.h>
    #include <stdint.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <time.h>
    #include <unistd.h>

    static volatile sig_atomic_t ended, asked;
    static void end(int signal) { ended = 1; }
    static void ask(int signal) { asked = 1; }

    static double now(void) {
      struct timespec time;
      clock_gettime(CLOCK_MONOTONIC, &time);
      return time.tv_sec + time.tv_nsec / 1e9;
    }

    static char **words;
    static int number(const char *name, int otherwise) {
      size_t length = strlen(name);
      for (char **word = words; *word; word++)
        if (!strncmp(*word, name, length) && (*word)[length] == '=') return atoi(*word + length + 1);
      return otherwise;
    }

    static const char *path;
    static sqlite3 *db;
    static sqlite3_stmt *begin, *commit, *take, *give, *count, *note;
    static long transactions, errors, longest, read_times;
    static char first_error[300];

    static void failed(const char *what) {
      errors++;
      if (!first_error[0]) snprintf(first_error, sizeof first_error, "%s: %s", what, db ? sqlite3_errmsg(db) : "?");
      for (char *at = first_error; *at; at++) if (*at == '\n') *at = ' ';
    }

    static int execute(const char *sql) {
      if (sqlite3_exec(db, sql, 0, 0, 0) == SQLITE_OK) return 0;
      failed(sql);
      return -1;
    }

    static sqlite3_stmt *prepared(const char *sql) {
      sqlite3_stmt *statement = 0;
      if (sqlite3_prepare_v2(db, sql, -1, &statement, 0) != SQLITE_OK) failed(sql);
      return statement;
    }

    static void close_all(void) {
      sqlite3_stmt **all[] = {&begin, &commit, &take, &give, &count, &note};
      for (int at = 0; at < 6; at++) { sqlite3_finalize(*all[at]); *all[at] = 0; }
      sqlite3_close(db);
      db = 0;
    }

    static int open_all(void) {
      if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, 0) != SQLITE_OK) { failed("open"); close_all(); return -1; }
      sqlite3_busy_timeout(db, number("busy", 5000));
      char sql[200];
      snprintf(sql, sizeof sql, "pragma synchronous=%d; pragma cache_size=%d; pragma wal_autocheckpoint=%d",
               number("sync", 1), number("cache", 2000), number("autocheckpoint", 1000));
      if (execute(sql)) { close_all(); return -1; }
      if (!number("writer", 0)) return 0;
      begin = prepared("begin immediate");
      commit = prepared("commit");
      take = prepared("update accounts set balance = balance - ?1 where id = ?2");
      give = prepared("update accounts set balance = balance + ?1 where id = ?2");
      count = prepared("update writers set serial = serial + 1 where id = ?1 returning serial");
      note = prepared("insert or replace into transfers(slot, writer, serial, amount) values(?1, ?2, ?3, ?4)");
      if (begin && commit && take && give && count && note) return 0;
      close_all();
      return -1;
    }

    static int step(sqlite3_stmt *statement, const char *what, int64_t *value) {
      int code = sqlite3_step(statement);
      if (code == SQLITE_ROW && value) *value = sqlite3_column_int64(statement, 0);
      while (code == SQLITE_ROW) code = sqlite3_step(statement);
      if (code != SQLITE_DONE) failed(what);
      sqlite3_reset(statement);
      return code == SQLITE_DONE ? 0 : -1;
    }

    static int move(int amount, int from, int to) {
      sqlite3_bind_int(take, 1, amount);
      sqlite3_bind_int(take, 2, from);
      if (step(take, "take", 0)) return -1;
      sqlite3_bind_int(give, 1, amount);
      sqlite3_bind_int(give, 2, to);
      return step(give, "give", 0);
    }

    /* One transaction; its serial number, or -1. */
    static int64_t transfer(int writer, int accounts, int ring, int many) {
      int64_t serial = -1;
      if (step(begin, "begin", 0)) return -1;
      int from = 1 + rand() % accounts, amount = rand() % 100;
      for (int at = 0; at < many; at++)
        if (move(amount, 1 + (from + at) % accounts, 1 + (from + at * 7 + 1) % accounts)) goto undo;
      sqlite3_bind_int(count, 1, writer);
      if (step(count, "count", &serial)) goto undo;
      sqlite3_bind_int64(note, 1, writer * 1000000 + serial % ring);
      sqlite3_bind_int(note, 2, writer);
      sqlite3_bind_int64(note, 3, serial);
      sqlite3_bind_int(note, 4, amount);
      if (step(note, "note", 0) || step(commit, "commit", 0)) goto undo;
      return serial;
    undo:
      sqlite3_exec(db, "rollback", 0, 0, 0);
      return -1;
    }

    /* Of the writers themselves: a statement of its own between two transfers. */
    static void between(long at) {
      int vacuum = number("vacuum", 0), ddl = number("ddl", 0), checkpoint = number("checkpoint", 0);
      if (vacuum && at % vacuum == vacuum - 1) execute("vacuum");
      if (ddl && at % ddl == ddl - 1) {
        execute("begin immediate; drop table if exists passing; create table passing(a, b unique); "
                "insert into passing select id, balance || '/' || id from accounts; commit");
        if (!sqlite3_get_autocommit(db)) sqlite3_exec(db, "rollback", 0, 0, 0);
      }
      if (checkpoint && at % checkpoint == checkpoint - 1) sqlite3_exec(db, "pragma wal_checkpoint(truncate)", 0, 0, 0);
    }

    static void tell(double since) {
      printf("%ld %ld %ld %ld %s\n", transactions, longest, errors, (long)((now() - since) * 1e6), first_error);
      fflush(stdout);
      transactions = errors = longest = 0;
      first_error[0] = 0;
    }

    /* An ordinary reader, for comparison: reads everything there is in one transaction, again and again. */
    static void read_all(void) {
      double since = now();
      pid_t parent = getppid();
      while (!ended && getppid() == parent) {
        if (!db && open_all()) { usleep(1000); continue; }
        if (!execute("begin; select sum(balance) from accounts; select count(*), max(text) from filler not indexed; commit"))
          read_times++;
        else if (!sqlite3_get_autocommit(db)) sqlite3_exec(db, "rollback", 0, 0, 0);
        close_all();
        transactions++;
        if (asked) { asked = 0; tell(since); since = now(); }
      }
    }

    int main(int argc, char **argv) {
      path = argv[1];
      words = argv + 3;
      /* Who started this may keep signals off, and what is started inherits that. */
      sigset_t none;
      sigemptyset(&none);
      sigprocmask(SIG_SETMASK, &none, 0);
      struct sigaction action = {0};
      action.sa_handler = end;
      sigaction(SIGTERM, &action, 0);
      action.sa_handler = ask;
      sigaction(SIGUSR1, &action, 0);
      int writer = number("writer", 0);
      srand(writer * 7919 + number("seed", 1));
      if (!writer) { read_all(); return 0; }
      int log = open(argv[2], O_WRONLY | O_CREAT | O_APPEND, 0644);
      int reopen = number("reopen", 0), large = number("large", 0), pause = number("pause", 0);
      double since = now();
      long done = 0;
      /* Whoever started it may be killed, and would want it gone. */
      pid_t parent = getppid();
      while (!ended && getppid() == parent) {
        double start = now();
        if (!db && open_all()) { usleep(1000); }
        else {
          int64_t serial = transfer(writer, number("accounts", 100), number("ring", 500),
                                    large && done % large == large - 1 ? number("accounts", 100) : 1);
          if (serial >= 0) {
            if (write(log, &serial, sizeof serial) != sizeof serial) return 2;
            transactions++;
            done++;
            between(done);
          }
        }
        long took = (long)((now() - start) * 1e6);
        if (took > longest) longest = took;
        if (reopen && done % reopen == 0) { close_all(); usleep(number("away", 0)); }
        if (pause) usleep(pause);
        if (asked) { asked = 0; tell(since); since = now(); }
      }
      close_all();
      tell(since);
      return 0;
    }
    """#
}
