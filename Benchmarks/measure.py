"""Runs programs side by side and times them; a table of what came out."""

import os
import statistics
import threading
import time


class Run:
    """One run of a program: wall time in seconds, exit code, and the most anonymous memory that it had, in bytes."""

    def __init__(self, start, end, code, anonymous):
        self.start, self.end, self.code, self.anonymous = start, end, code, anonymous

    @property
    def seconds(self):
        return self.end - self.start


def run(words, *, limit=None, watch_memory=False, folder=None):
    """Runs a program to its end, its output thrown away. After `limit` seconds it is killed; its code is then None."""
    quiet = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1, 2)]
    here = os.getcwd()
    if folder:
        os.chdir(folder)
    # A spawn, since a fork of this interpreter costs as much as some of what is measured.
    start = time.monotonic()
    pid = os.posix_spawnp(words[0], words, os.environ, file_actions=quiet, setpgroup=0)
    os.chdir(here)
    state = {"most": 0, "killed": False}
    done = threading.Event()
    watcher = None
    if limit or watch_memory:
        watcher = threading.Thread(target=watch, args=(pid, start, limit, watch_memory, state, done))
        watcher.start()
    _, status = os.waitpid(pid, 0)
    end = time.monotonic()
    done.set()
    if watcher:
        watcher.join()
    code = None if state["killed"] else os.waitstatus_to_exitcode(status)
    return Run(start, end, code, state["most"])


def watch(pid, start, limit, watch_memory, state, done):
    while not done.wait(0.005):
        if watch_memory:
            state["most"] = max(state["most"], anonymous_memory(pid))
        if limit and time.monotonic() - start > limit:
            state["killed"] = True
            os.killpg(pid, 9)
            return


def anonymous_memory(pid):
    try:
        with open(f"/proc/{pid}/status") as file:
            for line in file:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def interleaved(rounds, *sides, before=lambda: None):
    """Runs of each side in turn, A B A B, so that what else the machine does hits them alike. The first round is left out:
    it fills caches."""
    results = [[] for _ in sides]
    for number in range(rounds + 1):
        for side, result in zip(sides, results):
            before()
            outcome = side()
            if number > 0:
                result.append(outcome)
    return results


def median(values):
    return statistics.median(values)


def sync_time(folder):
    """How long this disk takes to make a small change durable, in seconds: the median of a few."""
    times = []
    with open(os.path.join(folder, "sync"), "wb") as file:
        for _ in range(11):
            file.write(bytes(4096))
            file.flush()
            start = time.monotonic()
            os.fsync(file.fileno())
            times.append(time.monotonic() - start)
    return median(times)


def words(seconds):
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


class Table:
    """Lines are printed as they come."""

    WIDTHS = (66, 10, 10, 7, 11)

    def __init__(self):
        self.line("", "dbmend", "instead", "ratio", "target", "")
        print("-" * 112)

    def line(self, name, *cells):
        *aligned, last = cells
        text = name.ljust(self.WIDTHS[0]) + "".join(c.rjust(w) for c, w in zip(aligned, self.WIDTHS[1:]))
        print(f"{text}  {last}".rstrip(), flush=True)

    def times(self, name, ours, theirs, *, ratio=None, limit=None):
        """A line of two times in seconds; the target is a ratio, a limit in seconds for dbmend alone, or neither."""
        quotient = ours / theirs if theirs else None
        isMet = (ratio is None or quotient is None or quotient <= ratio) and (limit is None or ours < limit)
        target = f"≤ {ratio:g}" if ratio else f"< {words(limit)}" if limit else ""
        verdict = ("ok" if isMet else "MISSED") if target else ""
        self.line(
            name, words(ours), words(theirs) if theirs else "–", f"{quotient:.2f}" if quotient else "–", target, verdict
        )

    def counts(self, name, ours, theirs):
        self.line(name, str(ours), str(theirs), "", "", "")

    def bytes(self, name, ours, limit):
        verdict = "ok" if ours < limit else "MISSED"
        self.line(name, f"{ours / 1048576:.1f} MiB", "–", "–", f"< {limit >> 20} MiB", verdict)

    def note(self, text):
        print(f"  {text}", flush=True)
