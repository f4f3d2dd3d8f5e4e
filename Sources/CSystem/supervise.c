#define _GNU_SOURCE
#include "CSystem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* What the header of an older kernel lacks. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#define SCOPE_SIGNAL (1ULL << 1)

/* Everything below runs in forked children of a process with threads: system calls only, nothing that takes a lock or
   allocates. */

struct ruleset {
  uint64_t files;
  uint64_t net;
  uint64_t scoped;
};

static int allow(int rules, int fd, uint64_t access) {
  struct landlock_path_beneath_attr beneath = {.allowed_access = access, .parent_fd = fd};
  return (int)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
}

/* Take away the right to write anywhere but below `writable`, as far as this kernel can. */
static int confine(const csystem_program *program) {
  long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 1) return 0;
  uint64_t on_files = LANDLOCK_ACCESS_FS_WRITE_FILE | (abi >= 3 ? LANDLOCK_ACCESS_FS_TRUNCATE : 0);
  uint64_t on_folders = LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                        LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                        LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM |
                        (abi >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0);
  struct ruleset wanted = {.files = on_files | on_folders, .scoped = abi >= 6 ? SCOPE_SIGNAL : 0};
  size_t size = abi >= 6 ? sizeof wanted : abi >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
  int rules = (int)syscall(SYS_landlock_create_ruleset, &wanted, size, 0);
  if (rules < 0) return -1;
  for (size_t place = 0; place < program->writable_count; place++) {
    if (allow(rules, program->writable[place], on_files | on_folders) != 0) return -1;
  }
  static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/tty"};
  for (size_t place = 0; place < sizeof devices / sizeof *devices; place++) {
    int device = open(devices[place], O_PATH | O_CLOEXEC);
    if (device >= 0) (void)allow(rules, device, on_files);
  }
  return (int)syscall(SYS_landlock_restrict_self, rules, 0);
}

static int bound(int resource, uint64_t most) {
  if (most == 0) return 0;
  struct rlimit limit = {most, most}, now;
  if (getrlimit(resource, &now) == 0 && now.rlim_max < most) limit.rlim_cur = limit.rlim_max = now.rlim_max;
  return setrlimit(resource, &limit);
}

/* The least descriptor from `least` on that the program needs; -1 without one. */
static int next_needed(const csystem_program *program, int least) {
  int next = program->status >= least ? program->status : -1;
  for (int place = 0; place < 3; place++) {
    int fd = program->streams[place];
    if (fd >= least && (next < 0 || fd < next)) next = fd;
  }
  for (size_t place = 0; place < program->writable_count; place++) {
    int fd = program->writable[place];
    if (fd >= least && (next < 0 || fd < next)) next = fd;
  }
  return next;
}

static void close_between(int first, unsigned last) {
  if (syscall(SYS_close_range, first, last, 0) == 0) return;
  /* Before Linux 5.9. */
  for (unsigned fd = (unsigned)first; fd <= last && fd < 65536; fd++) close((int)fd);
}

/* Let go of everything else that is open here: a pipe to another program would not close as long as this one ran. */
static void let_go(const csystem_program *program) {
  for (int first = 0;;) {
    int needed = next_needed(program, first);
    if (needed < 0) {
      close_between(first, ~0U);
      return;
    }
    if (needed > first) close_between(first, (unsigned)needed - 1);
    first = needed + 1;
  }
}

static void become(const csystem_program *program, int status) {
  csystem_program_ending failure = {.start_error = 0};
  struct rlimit no_core = {0, 0};
  sigset_t none;
  sigemptyset(&none);
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  /* The streams may stand in each other's places: first out of the way, then into place. */
  int streams[3];
  for (int place = 0; place < 3; place++) {
    streams[place] = fcntl(program->streams[place], F_DUPFD_CLOEXEC, 3);
    if (streams[place] < 0) goto failed;
  }
  for (int place = 0; place < 3; place++) {
    if (dup2(streams[place], place) < 0) goto failed;
  }
  if (program->folder && chdir(program->folder) != 0) goto failed;
  setrlimit(RLIMIT_CORE, &no_core);
  if (bound(RLIMIT_DATA, program->memory) != 0 || bound(RLIMIT_FSIZE, program->file_size) != 0) goto failed;
  if (program->confines && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || confine(program) != 0)) goto failed;
  if (bound(RLIMIT_NOFILE, program->files) != 0) goto failed;
  /* Of what is left open here, the program gets nothing. */
  for (int fd = next_needed(program, 3); fd >= 0; fd = next_needed(program, fd + 1)) (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
  sigprocmask(SIG_SETMASK, &none, NULL);
  execve(program->path, program->arguments, program->variables);
failed:
  failure.start_error = errno;
  (void)!write(status, &failure, sizeof failure);
  _exit(127);
}

/* The beginning of a file of /proc; its length. */
static size_t content(const char *path, char *text, size_t size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? 0 : read(fd, text, size - 1);
  if (fd >= 0) close(fd);
  if (length < 0) length = 0;
  text[length] = 0;
  return (size_t)length;
}

/* The number that a text begins with, after spaces; where it ends. */
static const char *number(const char *text, long *value) {
  while (*text == ' ' || *text == '\t') text++;
  for (*value = 0; *text >= '0' && *text <= '9'; text++) *value = *value * 10 + (*text - '0');
  return text;
}

/* "/proc/PID/" and what follows. */
static void proc_path(char *path, pid_t pid, const char *prefix, const char *name) {
  char digits[16];
  int count = 0;
  do digits[count++] = (char)('0' + pid % 10);
  while ((pid /= 10) > 0);
  char *end = stpcpy(path, prefix);
  while (count > 0) *end++ = digits[--count];
  strcpy(end, name);
}

/* The children of a process that has one thread, or of the first thread of another. */
static int children(pid_t pid, long *into, int most) {
  char path[96], name[64], text[4096];
  proc_path(name, pid, "/task/", "/children");
  proc_path(path, pid, "/proc/", name);
  content(path, text, sizeof text);
  int count = 0;
  const char *at = text;
  while (count < most && *at >= '0' && *at <= '9') {
    at = number(at, &into[count++]);
    if (*at == ' ') at++;
  }
  return count;
}

/* The memory that nothing but a process holds, and what it shares with its children: without the files that it has mapped,
   which the system can take back. In bytes. */
static uint64_t resident(pid_t pid) {
  static const char *const kinds[] = {"RssAnon:", "RssShmem:"};
  char path[96], text[4096];
  proc_path(path, pid, "/proc/", "/status");
  content(path, text, sizeof text);
  uint64_t sum = 0;
  for (int kind = 0; kind < 2; kind++) {
    const char *at = strstr(text, kinds[kind]);
    long kilobytes = 0;
    if (at) number(at + strlen(kinds[kind]), &kilobytes);
    sum += (uint64_t)kilobytes << 10;
  }
  return sum;
}

enum { most_processes = 256 };

/* All that a process has below it: how many processes there are, and their memory. */
static int below(pid_t pid, uint64_t *memory) {
  long found[most_processes];
  int count = children(pid, found, most_processes);
  *memory = 0;
  for (int at = 0; at < count; at++) {
    *memory += resident((pid_t)found[at]);
    count += children((pid_t)found[at], found + count, most_processes - count);
  }
  return count;
}

/* End every process below this one. Whatever a dying one leaves behind becomes this one's child, and its turn comes. */
static void end_all(pid_t group) {
  kill(-group, SIGKILL);
  for (;;) {
    long found[most_processes];
    int count = children(getpid(), found, most_processes);
    for (int at = 0; at < count; at++) kill((pid_t)found[at], SIGKILL);
    pid_t ended = waitpid(-1, NULL, count > 0 ? 0 : WNOHANG);
    if (ended < 0 && errno == ECHILD) return;
    if (ended == 0) {
      /* The list of children is not to be had here. */
      struct timespec pause = {0, 1000000};
      kill(-group, SIGKILL);
      nanosleep(&pause, NULL);
    }
  }
}

static void supervise(const csystem_program *program, pid_t parent) {
  csystem_program_ending ending = {0};
  sigset_t awaited;
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  setpgid(0, 0);
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGCHLD);
  sigaddset(&awaited, SIGTERM);
  sigprocmask(SIG_SETMASK, &awaited, NULL);
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  if (getppid() != parent) _exit(1);
  let_go(program);
  pid_t child = _Fork();
  if (child == 0) become(program, program->status);
  if (child < 0) {
    ending.start_error = errno;
    (void)!write(program->status, &ending, sizeof ending);
    _exit(1);
  }
  setpgid(child, child);
  for (int place = 0; place < 3; place++) close(program->streams[place]);
  /* Looked at often at first: a program that takes all memory there is does so at once. */
  struct timespec pause = {0, 5000000};
  for (;;) {
    int number = sigtimedwait(&awaited, NULL, &pause);
    if (number == SIGTERM) break;
    int status;
    pid_t ended = 0;
    while ((ended = waitpid(-1, &status, WNOHANG)) > 0 && ended != child) continue;
    if (ended == child) {
      ending.status = status;
      child = -child;
      break;
    }
    uint64_t memory;
    int count = below(getpid(), &memory);
    if (program->memory && memory > program->memory) ending.exceeded = csystem_memory_exceeded;
    if (program->processes && count > (int)program->processes) ending.exceeded = csystem_processes_exceeded;
    if (ending.exceeded) break;
    if (pause.tv_nsec < 40000000) pause.tv_nsec *= 2;
  }
  end_all(child < 0 ? -child : child);
  (void)!write(program->status, &ending, sizeof ending);
  _exit(0);
}

pid_t csystem_supervise(const csystem_program *program) {
  pid_t parent = getpid();
  sigset_t all, before;
  /* No handler of this process runs in the child, which shares its files. */
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_t pid = _Fork();
  if (pid == 0) supervise(program, parent);
  int number = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  errno = number;
  return pid;
}

bool csystem_can_confine(void) {
  return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
}
#else
pid_t csystem_supervise(const csystem_program *program) {
  errno = ENOSYS;
  return -1;
}

bool csystem_can_confine(void) { return false; }
#endif
