/* Stands between a program and the C library (LD_PRELOAD): counts what it asks the system for, writes it down, and has the
   program die or the call fail at the one that is named. Interposer.swift builds it and says what the variables mean. */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE, SYNC, NAME, READ, OPEN, MAP, ALLOC, THREAD, CLASSES };
static const char *const class_names[CLASSES] = {"write", "sync", "name", "read", "open", "map", "alloc", "thread"};

enum mode { OFF, COUNT, RECORD, KILL, FAULT };

/* In a file that every process of the run maps. */
struct shared {
  _Atomic uint64_t steps;            /* changes and syncs below the scope */
  _Atomic uint64_t counts[CLASSES];  /* calls of each class */
  _Atomic int32_t pid;               /* the process that is counted */
  _Atomic int32_t lock;              /* held while something is done and written down */
};

static struct shared *shared;
static enum mode mode;
static int logging = -1;
static int class = -1;
static uint64_t target;
static int fault;
static int is_half;
static char scope[PATH_MAX];
static size_t scope_length;
static int is_active; /* whether this process is the one that is counted */

enum { SHORT = -1 }; /* as `fault`: half of what was asked is done, which is no error */

/* What is written down. The replay (FileSystemTrace.swift) knows it under the same numbers. */
enum event {
  E_CREATE = 1, E_DATA, E_SIZE, E_RENAME, E_EXCHANGE, E_LINK, E_UNLINK, E_MKDIR, E_RMDIR, E_SYMLINK, E_META, E_SYNC,
  E_SYNC_VOLUME, E_MAPPED
};

struct head {
  uint32_t event, pid;
  uint64_t inode;
  int64_t offset, length; /* where data begins; the size, or the mode */
  int64_t modified;       /* when the file was last written to, in nanoseconds since 1970 */
  uint32_t first, second; /* bytes of the two paths */
  uint64_t data;          /* bytes of data */
  uint64_t unused;
};

_Static_assert(sizeof(struct head) == 64, "Trace.swift reads 64 bytes");

#define REAL(result, name, ...)                                     \
  static result (*real)(__VA_ARGS__);                               \
  if (!real) real = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name);

/* ---- Paths ---- */

static int path_of(int fd, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return 1;
}

/* The absolute path with the links of the folder resolved, not those of the last name. */
static void resolve(int at, const char *given, char *path) {
  char text[PATH_MAX * 2], folder[PATH_MAX];
  if (!given) given = "";
  if (given[0] == '/') {
    snprintf(text, sizeof text, "%s", given);
  } else {
    char base[PATH_MAX];
    if (at == AT_FDCWD) {
      if (!getcwd(base, sizeof base)) base[0] = 0;
    } else if (!path_of(at, base)) {
      base[0] = 0;
    }
    snprintf(text, sizeof text, "%s/%s", base, given);
  }
  size_t length = strlen(text);
  while (length > 1 && text[length - 1] == '/') text[--length] = 0;
  char *slash = strrchr(text, '/');
  if (!slash || slash == text) {
    snprintf(path, PATH_MAX, "%s", text);
    return;
  }
  *slash = 0;
  if (!realpath(text, folder)) snprintf(folder, sizeof folder, "%.*s", PATH_MAX - 1, text);
  if (strcmp(slash + 1, ".") == 0 || strcmp(slash + 1, "..") == 0) {
    *slash = '/';
    if (!realpath(text, path)) snprintf(path, PATH_MAX, "%.*s", PATH_MAX - 1, text);
  } else {
    snprintf(path, PATH_MAX, "%.*s/%.255s", PATH_MAX - 260, folder, slash + 1);
  }
}

static int in_scope(const char *path) {
  return scope_length > 0 && strncmp(path, scope, scope_length) == 0 &&
         (path[scope_length] == '/' || path[scope_length] == 0 || path[scope_length] == ' ');
}

/* ---- Steps ---- */

static void say(const char *text) {
  if (logging >= 0) {
    REAL(ssize_t, write, int, const void *, size_t)
    if (real(logging, text, strlen(text)) < 0) return;
  }
}

static void die(const char *what, const char *path) {
  char text[PATH_MAX + 100];
  snprintf(text, sizeof text, "killed at %s %s\n", what, path);
  say(text);
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

/* Before a call of a class. Returns 0 to go on, SHORT or an error to fail with; -2: do half, then die. `path` may be NULL
   where `fd` is given. */
enum { DIE_HALFWAY = -2 };
static int before(int which, const char *what, int fd, const char *path) {
  if (!is_active) return 0;
  int saved = errno;
  int result = 0;
  char text[PATH_MAX];
  if (mode == KILL) {
    if (which > NAME) return 0;
    if (!path) {
      if (!path_of(fd, text)) return 0;
      path = text;
    }
    if (in_scope(path) && atomic_fetch_add(&shared->steps, 1) + 1 == target) {
      if (is_half && which == WRITE) result = DIE_HALFWAY;
      else die(what, path);
    }
  } else if (mode == COUNT) {
    atomic_fetch_add(&shared->counts[which], 1);
    if (which <= NAME) {
      if (!path && path_of(fd, text)) path = text;
      if (path && in_scope(path)) {
        atomic_fetch_add(&shared->steps, 1);
        say(which == WRITE ? "w" : "-");
      }
    }
  } else if (mode == FAULT && which == class) {
    if (atomic_fetch_add(&shared->counts[which], 1) + 1 == target) {
      char line[PATH_MAX + 100];
      if (which != ALLOC) {
        if (!path) path = path_of(fd, text) ? text : "?";
        snprintf(line, sizeof line, "%s %s\n", what, path);
        say(line);
      } else {
        say("alloc\n");
      }
      result = fault;
    }
  }
  errno = saved;
  return result;
}

#define FAIL_WITH(error, value) \
  do {                          \
    errno = (error);            \
    return (value);             \
  } while (0)

/* ---- Records ---- */

static void lock(void) {
  if (mode != RECORD) return;
  int32_t free = 0;
  while (!atomic_compare_exchange_weak(&shared->lock, &free, 1)) {
    free = 0;
    sched_yield();
  }
}

static void unlock(void) {
  if (mode == RECORD) atomic_store(&shared->lock, 0);
}

static void record(enum event event, const struct stat *status, int64_t offset, int64_t length, const char *first,
                   const char *second, const void *data, size_t size) {
  if (mode != RECORD || logging < 0) return;
  struct head head = {
      .event = event, .pid = getpid(), .inode = status ? status->st_ino : 0, .offset = offset, .length = length,
      .modified = status ? status->st_mtim.tv_sec * 1000000000LL + status->st_mtim.tv_nsec : 0,
      .first = first ? strlen(first) : 0, .second = second ? strlen(second) : 0, .data = size};
  struct iovec parts[4] = {{&head, sizeof head}, {(void *)first, head.first}, {(void *)second, head.second},
                           {(void *)data, size}};
  REAL(ssize_t, writev, int, const struct iovec *, int)
  ssize_t wanted = sizeof head + head.first + head.second + size;
  if (real(logging, parts, 4) != wanted) abort();
}

static void record_fd(enum event event, int fd, int64_t offset, int64_t length, const void *data, size_t size) {
  if (mode != RECORD) return;
  int saved = errno;
  char path[PATH_MAX];
  struct stat status;
  if (path_of(fd, path) && in_scope(path) && fstat(fd, &status) == 0)
    record(event, &status, offset, event == E_META ? (int64_t)status.st_mode : length, path, NULL, data, size);
  errno = saved;
}

/* What a copy inside the kernel has written. */
static void record_range(int fd, int64_t offset, int64_t length) {
  if (mode != RECORD || length <= 0) return;
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  REAL(int, open, const char *, int, ...)
  int again = real(link, O_RDONLY | O_CLOEXEC);
  if (again < 0) return;
  static ssize_t (*get)(int, void *, size_t, off_t);
  if (!get) get = (ssize_t(*)(int, void *, size_t, off_t))dlsym(RTLD_NEXT, "pread");
  char *data = malloc(length);
  int64_t done = 0;
  while (data && done < length) {
    ssize_t got = get(again, data + done, length - done, offset + done);
    if (got <= 0) break;
    done += got;
  }
  record_fd(E_DATA, fd, offset, 0, data, done);
  free(data);
  close(again);
}

static void record_size(int fd) {
  struct stat status;
  if (mode == RECORD && fstat(fd, &status) == 0) record_fd(E_SIZE, fd, 0, status.st_size, NULL, 0);
}

static void record_meta(int at, const char *path, int flags) {
  if (mode != RECORD) return;
  int saved = errno;
  char text[PATH_MAX];
  struct stat status;
  resolve(at, path, text);
  if (in_scope(text) && fstatat(at, path, &status, flags) == 0)
    record(E_META, &status, 0, status.st_mode, text, NULL, NULL, 0);
  errno = saved;
}

/* ---- Writing ---- */

static ssize_t finish_write(int fd, ssize_t result, const void *data, int64_t offset) {
  if (mode == RECORD && result > 0) {
    if (offset < 0) offset = lseek(fd, 0, SEEK_CUR) - result;
    record_fd(E_DATA, fd, offset, 0, data, result);
  }
  return result;
}

ssize_t write(int fd, const void *data, size_t size) {
  REAL(ssize_t, write, int, const void *, size_t)
  int answer = before(WRITE, "write", fd, NULL);
  if (answer > 0) FAIL_WITH(answer, -1);
  if (answer < 0 && size > 1) size /= 2;
  lock();
  ssize_t result = finish_write(fd, real(fd, data, size), data, -1);
  unlock();
  if (answer == DIE_HALFWAY) die("half of write", "");
  return result;
}

#define PWRITE(NAME)                                                   \
  ssize_t NAME(int fd, const void *data, size_t size, off_t offset) {  \
    REAL(ssize_t, NAME, int, const void *, size_t, off_t)              \
    int answer = before(WRITE, "pwrite", fd, NULL);                    \
    if (answer > 0) FAIL_WITH(answer, -1);                             \
    if (answer < 0 && size > 1) size /= 2;                             \
    lock();                                                            \
    ssize_t result = finish_write(fd, real(fd, data, size, offset), data, offset); \
    unlock();                                                          \
    if (answer == DIE_HALFWAY) die("half of pwrite", "");              \
    return result;                                                     \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

static void record_parts(int fd, ssize_t result, int64_t offset) {
  if (mode != RECORD || result <= 0) return;
  if (offset < 0) offset = lseek(fd, 0, SEEK_CUR) - result;
  record_range(fd, offset, result);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL(ssize_t, writev, int, const struct iovec *, int)
  int answer = before(WRITE, "writev", fd, NULL);
  if (answer > 0) FAIL_WITH(answer, -1);
  if (answer < 0 && count > 1) count /= 2;
  lock();
  ssize_t result = real(fd, parts, count);
  record_parts(fd, result, -1);
  unlock();
  if (answer == DIE_HALFWAY) die("half of writev", "");
  return result;
}

#define PWRITEV(NAME)                                                        \
  ssize_t NAME(int fd, const struct iovec *parts, int count, off_t offset) { \
    REAL(ssize_t, NAME, int, const struct iovec *, int, off_t)               \
    int answer = before(WRITE, "pwritev", fd, NULL);                         \
    if (answer > 0) FAIL_WITH(answer, -1);                                   \
    if (answer < 0 && count > 1) count /= 2;                                 \
    lock();                                                                  \
    ssize_t result = real(fd, parts, count, offset);                         \
    record_parts(fd, result, offset);                          \
    unlock();                                                                \
    if (answer == DIE_HALFWAY) die("half of pwritev", "");                   \
    return result;                                                           \
  }
PWRITEV(pwritev)
PWRITEV(pwritev64)

ssize_t copy_file_range(int from, off_t *in, int to, off_t *out, size_t size, unsigned flags) {
  REAL(ssize_t, copy_file_range, int, off_t *, int, off_t *, size_t, unsigned)
  int answer = before(WRITE, "copy_file_range", to, NULL);
  if (answer > 0) FAIL_WITH(answer, -1);
  if (answer < 0 && size > 1) size /= 2;
  lock();
  int64_t start = out ? *out : lseek(to, 0, SEEK_CUR);
  ssize_t result = real(from, in, to, out, size, flags);
  record_range(to, start, result);
  unlock();
  if (answer == DIE_HALFWAY) die("half of copy_file_range", "");
  return result;
}

#define SENDFILE(NAME)                                              \
  ssize_t NAME(int to, int from, off_t *offset, size_t size) {      \
    REAL(ssize_t, NAME, int, int, off_t *, size_t)                  \
    int answer = before(WRITE, "sendfile", to, NULL);               \
    if (answer > 0) FAIL_WITH(answer, -1);                          \
    lock();                                                         \
    int64_t start = lseek(to, 0, SEEK_CUR);                         \
    ssize_t result = real(to, from, offset, size);                  \
    if (start >= 0) record_range(to, start, result);                \
    unlock();                                                       \
    return result;                                                  \
  }
SENDFILE(sendfile)
SENDFILE(sendfile64)

int ioctl(int fd, unsigned long request, ...) {
  va_list list;
  va_start(list, request);
  void *argument = va_arg(list, void *);
  va_end(list);
  REAL(int, ioctl, int, unsigned long, ...)
  if (request != FICLONE && request != FICLONERANGE) return real(fd, request, argument);
  int answer = before(WRITE, "reflink", fd, NULL);
  if (answer > 0) FAIL_WITH(answer, -1);
  lock();
  int result = real(fd, request, argument);
  if (result == 0) {
    struct stat status;
    if (fstat(fd, &status) == 0) record_range(fd, 0, status.st_size);
    record_size(fd);
  }
  unlock();
  return result;
}

#define FTRUNCATE(NAME)                                \
  int NAME(int fd, off_t size) {                       \
    REAL(int, NAME, int, off_t)                        \
    int answer = before(WRITE, "ftruncate", fd, NULL); \
    if (answer > 0) FAIL_WITH(answer, -1);             \
    if (answer == DIE_HALFWAY) die("ftruncate", "");   \
    lock();                                            \
    int result = real(fd, size);                       \
    if (result == 0) record_size(fd);                  \
    unlock();                                          \
    return result;                                     \
  }
FTRUNCATE(ftruncate)
FTRUNCATE(ftruncate64)

#define FALLOCATE(NAME)                                          \
  int NAME(int fd, int how, off_t offset, off_t size) {          \
    REAL(int, NAME, int, int, off_t, off_t)                      \
    int answer = before(WRITE, "fallocate", fd, NULL);           \
    if (answer > 0) FAIL_WITH(answer, -1);                       \
    lock();                                                      \
    int result = real(fd, how, offset, size);                    \
    if (result == 0) record_size(fd);                            \
    unlock();                                                    \
    return result;                                               \
  }
FALLOCATE(fallocate)
FALLOCATE(fallocate64)

#define POSIX_FALLOCATE(NAME)                                    \
  int NAME(int fd, off_t offset, off_t size) {                   \
    REAL(int, NAME, int, off_t, off_t)                           \
    int answer = before(WRITE, "posix_fallocate", fd, NULL);     \
    if (answer > 0) return answer;                               \
    lock();                                                      \
    int result = real(fd, offset, size);                         \
    if (result == 0) record_size(fd);                            \
    unlock();                                                    \
    return result;                                               \
  }
POSIX_FALLOCATE(posix_fallocate)
POSIX_FALLOCATE(posix_fallocate64)

/* ---- Syncing ---- */

#define FSYNC(NAME, EVENT)                            \
  int NAME(int fd) {                                  \
    REAL(int, NAME, int)                              \
    int answer = before(SYNC, #NAME, fd, NULL);       \
    if (answer > 0) FAIL_WITH(answer, -1);            \
    lock();                                           \
    int result = real(fd);                            \
    if (result == 0) record_fd(EVENT, fd, 0, 0, NULL, 0); \
    unlock();                                         \
    return result;                                    \
  }
FSYNC(fsync, E_SYNC)
FSYNC(fdatasync, E_SYNC)
FSYNC(syncfs, E_SYNC_VOLUME)

/* ---- Names ---- */

static int rename_at(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
  static int (*real)(int, const char *, int, const char *, unsigned);
  if (!real) real = (int (*)(int, const char *, int, const char *, unsigned))dlsym(RTLD_NEXT, "renameat2");
  char a[PATH_MAX], b[PATH_MAX];
  resolve(from_at, from, a);
  resolve(to_at, to, b);
  int answer = before(NAME, flags & RENAME_EXCHANGE ? "exchange to" : "rename to", -1, b);
  if (answer > 0) FAIL_WITH(answer, -1);
  lock();
  int result = real(from_at, from, to_at, to, flags);
  if (result == 0 && mode == RECORD && (in_scope(a) || in_scope(b)))
    record(flags & RENAME_EXCHANGE ? E_EXCHANGE : E_RENAME, NULL, 0, 0, a, b, NULL, 0);
  unlock();
  return result;
}

int rename(const char *from, const char *to) { return rename_at(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int a, const char *from, int b, const char *to) { return rename_at(a, from, b, to, 0); }
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
  return rename_at(a, from, b, to, flags);
}

static int link_at(int from_at, const char *from, int to_at, const char *to, int flags) {
  static int (*real)(int, const char *, int, const char *, int);
  if (!real) real = (int (*)(int, const char *, int, const char *, int))dlsym(RTLD_NEXT, "linkat");
  char a[PATH_MAX], b[PATH_MAX];
  resolve(from_at, from, a);
  resolve(to_at, to, b);
  int answer = before(NAME, "link to", -1, b);
  if (answer > 0) FAIL_WITH(answer, -1);
  lock();
  int result = real(from_at, from, to_at, to, flags);
  if (result == 0 && mode == RECORD && in_scope(b)) record(E_LINK, NULL, 0, 0, a, b, NULL, 0);
  unlock();
  return result;
}

int link(const char *from, const char *to) { return link_at(AT_FDCWD, from, AT_FDCWD, to, 0); }
int linkat(int a, const char *from, int b, const char *to, int flags) { return link_at(a, from, b, to, flags); }

static int symlink_at(const char *content, int at, const char *path) {
  static int (*real)(const char *, int, const char *);
  if (!real) real = (int (*)(const char *, int, const char *))dlsym(RTLD_NEXT, "symlinkat");
  char text[PATH_MAX];
  resolve(at, path, text);
  int answer = before(NAME, "symlink", -1, text);
  if (answer > 0) FAIL_WITH(answer, -1);
  lock();
  int result = real(content, at, path);
  struct stat status;
  if (result == 0 && mode == RECORD && in_scope(text) && lstat(text, &status) == 0)
    record(E_SYMLINK, &status, 0, 0, text, content, NULL, 0);
  unlock();
  return result;
}

int symlink(const char *content, const char *path) { return symlink_at(content, AT_FDCWD, path); }
int symlinkat(const char *content, int at, const char *path) { return symlink_at(content, at, path); }

static int unlink_at(int at, const char *path, int flags) {
  static int (*real)(int, const char *, int);
  if (!real) real = (int (*)(int, const char *, int))dlsym(RTLD_NEXT, "unlinkat");
  char text[PATH_MAX];
  resolve(at, path, text);
  int answer = before(NAME, flags & AT_REMOVEDIR ? "rmdir" : "unlink", -1, text);
  if (answer > 0) FAIL_WITH(answer, -1);
  lock();
  int result = real(at, path, flags);
  if (result == 0 && mode == RECORD && in_scope(text))
    record(flags & AT_REMOVEDIR ? E_RMDIR : E_UNLINK, NULL, 0, 0, text, NULL, NULL, 0);
  unlock();
  return result;
}

int unlink(const char *path) { return unlink_at(AT_FDCWD, path, 0); }
int unlinkat(int at, const char *path, int flags) { return unlink_at(at, path, flags); }
int rmdir(const char *path) { return unlink_at(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) {
  struct stat status;
  if (lstat(path, &status) != 0) return -1;
  return unlink_at(AT_FDCWD, path, S_ISDIR(status.st_mode) ? AT_REMOVEDIR : 0);
}

static void record_new_folder(const char *text) {
  struct stat status;
  if (mode == RECORD && in_scope(text) && lstat(text, &status) == 0)
    record(E_MKDIR, &status, 0, status.st_mode, text, NULL, NULL, 0);
}

static int mkdir_at(int at, const char *path, mode_t rights) {
  static int (*real)(int, const char *, mode_t);
  if (!real) real = (int (*)(int, const char *, mode_t))dlsym(RTLD_NEXT, "mkdirat");
  char text[PATH_MAX];
  resolve(at, path, text);
  int answer = before(NAME, "mkdir", -1, text);
  if (answer > 0) FAIL_WITH(answer, -1);
  lock();
  int result = real(at, path, rights);
  if (result == 0) record_new_folder(text);
  unlock();
  return result;
}

int mkdir(const char *path, mode_t rights) { return mkdir_at(AT_FDCWD, path, rights); }
int mkdirat(int at, const char *path, mode_t rights) { return mkdir_at(at, path, rights); }

char *mkdtemp(char *path) {
  REAL(char *, mkdtemp, char *)
  char text[PATH_MAX];
  resolve(AT_FDCWD, path, text);
  int answer = before(NAME, "mkdtemp", -1, text);
  if (answer > 0) FAIL_WITH(answer, NULL);
  lock();
  char *result = real(path);
  if (result) {
    resolve(AT_FDCWD, path, text);
    record_new_folder(text);
  }
  unlock();
  return result;
}

/* ---- Attributes ---- */

#define ATTRIBUTE_FD(NAME, PARAMETERS, TYPES, ...)     \
  int NAME PARAMETERS {                                \
    static int(*real) TYPES;                           \
    if (!real) real = (int(*) TYPES)dlsym(RTLD_NEXT, #NAME); \
    int answer = before(NAME##_CLASS, #NAME, fd, NULL);\
    if (answer > 0) FAIL_WITH(answer, -1);             \
    lock();                                            \
    int result = real(__VA_ARGS__);                    \
    if (result == 0) record_fd(E_META, fd, 0, 0, NULL, 0); \
    unlock();                                          \
    return result;                                     \
  }
enum { fchmod_CLASS = NAME, fchown_CLASS = NAME, futimens_CLASS = NAME, fsetxattr_CLASS = NAME };
ATTRIBUTE_FD(fchmod, (int fd, mode_t rights), (int, mode_t), fd, rights)
ATTRIBUTE_FD(fchown, (int fd, uid_t user, gid_t group), (int, uid_t, gid_t), fd, user, group)
ATTRIBUTE_FD(futimens, (int fd, const struct timespec times[2]), (int, const struct timespec *), fd, times)
ATTRIBUTE_FD(fsetxattr, (int fd, const char *name, const void *value, size_t size, int flags),
             (int, const char *, const void *, size_t, int), fd, name, value, size, flags)

#define ATTRIBUTE_PATH(NAME, FLAGS, PARAMETERS, TYPES, ...)  \
  int NAME PARAMETERS {                                      \
    static int(*real) TYPES;                                 \
    if (!real) real = (int(*) TYPES)dlsym(RTLD_NEXT, #NAME); \
    char text[PATH_MAX];                                     \
    resolve(AT_FDCWD, path, text);                           \
    int answer = before(2, #NAME, -1, text);                 \
    if (answer > 0) FAIL_WITH(answer, -1);                   \
    lock();                                                  \
    int result = real(__VA_ARGS__);                          \
    if (result == 0) record_meta(AT_FDCWD, path, FLAGS);     \
    unlock();                                                \
    return result;                                           \
  }
ATTRIBUTE_PATH(chmod, 0, (const char *path, mode_t rights), (const char *, mode_t), path, rights)
ATTRIBUTE_PATH(chown, 0, (const char *path, uid_t user, gid_t group), (const char *, uid_t, gid_t), path, user, group)
ATTRIBUTE_PATH(lchown, AT_SYMLINK_NOFOLLOW, (const char *path, uid_t user, gid_t group),
               (const char *, uid_t, gid_t), path, user, group)

/* ---- Opening ---- */

static int open_at(int (*real)(int, const char *, int, ...), int at, const char *path, int flags, mode_t rights) {
  char text[PATH_MAX];
  int is_recorded = mode == RECORD && (flags & (O_CREAT | O_TRUNC));
  if (mode != OFF) resolve(at, path, text);
  struct stat status;
  int is_new = 0;
  if (is_active && mode != RECORD && (flags & (O_CREAT | O_TRUNC))) {
    int saved = errno;
    is_new = fstatat(at, path, &status, 0) != 0;
    errno = saved;
    int answer = is_new || (flags & O_TRUNC) ? before(NAME, is_new ? "create" : "truncate by opening", -1, text) : 0;
    if (answer > 0) FAIL_WITH(answer, -1);
  }
  int answer = is_active && mode != RECORD ? before(OPEN, "open", -1, text) : 0;
  if (answer > 0) FAIL_WITH(answer, -1);
  if (is_recorded) {
    lock();
    int saved = errno;
    is_new = (flags & O_CREAT) && fstatat(at, path, &status, 0) != 0;
    errno = saved;
  }
  int fd = real(at, path, flags, rights);
  if (is_recorded) {
    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
      if (is_new) record_fd(E_CREATE, fd, 0, status.st_mode, NULL, 0);
      else if (flags & O_TRUNC) record_fd(E_SIZE, fd, 0, 0, NULL, 0);
    }
    unlock();
  }
  return fd;
}

#define RIGHTS()                                         \
  mode_t rights = 0;                                     \
  if (flags & (O_CREAT | __O_TMPFILE)) {                 \
    va_list list;                                        \
    va_start(list, flags);                               \
    rights = va_arg(list, mode_t);                       \
    va_end(list);                                        \
  }

#define OPENAT_REAL()                                       \
  static int (*real)(int, const char *, int, ...);          \
  if (!real) real = (int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, "openat");

int open(const char *path, int flags, ...) {
  OPENAT_REAL()
  RIGHTS()
  return open_at(real, AT_FDCWD, path, flags, rights);
}
int open64(const char *path, int flags, ...) {
  OPENAT_REAL()
  RIGHTS()
  return open_at(real, AT_FDCWD, path, flags, rights);
}
int openat(int at, const char *path, int flags, ...) {
  OPENAT_REAL()
  RIGHTS()
  return open_at(real, at, path, flags, rights);
}
int openat64(int at, const char *path, int flags, ...) {
  OPENAT_REAL()
  RIGHTS()
  return open_at(real, at, path, flags, rights);
}
int __open_2(const char *path, int flags) {
  OPENAT_REAL()
  return open_at(real, AT_FDCWD, path, flags, 0);
}
int __open64_2(const char *path, int flags) {
  OPENAT_REAL()
  return open_at(real, AT_FDCWD, path, flags, 0);
}
int __openat_2(int at, const char *path, int flags) {
  OPENAT_REAL()
  return open_at(real, at, path, flags, 0);
}
int __openat64_2(int at, const char *path, int flags) {
  OPENAT_REAL()
  return open_at(real, at, path, flags, 0);
}
int creat(const char *path, mode_t rights) {
  OPENAT_REAL()
  return open_at(real, AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, rights);
}
int creat64(const char *path, mode_t rights) { return creat(path, rights); }

DIR *opendir(const char *path) {
  REAL(DIR *, opendir, const char *)
  char text[PATH_MAX];
  int answer = 0;
  if (is_active && mode != RECORD) {
    resolve(AT_FDCWD, path, text);
    answer = before(OPEN, "opendir", -1, text);
  }
  if (answer > 0) FAIL_WITH(answer, NULL);
  return real(path);
}

int pipe2(int ends[2], int flags) {
  REAL(int, pipe2, int *, int)
  int answer = before(OPEN, "pipe", -1, "a pipe");
  if (answer > 0) FAIL_WITH(answer, -1);
  return real(ends, flags);
}

int socketpair(int domain, int type, int protocol, int ends[2]) {
  REAL(int, socketpair, int, int, int, int *)
  int answer = before(OPEN, "socketpair", -1, "a socket");
  if (answer > 0) FAIL_WITH(answer, -1);
  return real(domain, type, protocol, ends);
}

/* ---- Reading ---- */

ssize_t read(int fd, void *data, size_t size) {
  REAL(ssize_t, read, int, void *, size_t)
  int answer = before(READ, "read", fd, NULL);
  if (answer > 0) FAIL_WITH(answer, -1);
  if (answer < 0 && size > 1) size /= 2;
  return real(fd, data, size);
}

ssize_t __read_chk(int fd, void *data, size_t size, size_t room) {
  (void)room;
  return read(fd, data, size);
}

#define PREAD(NAME)                                              \
  ssize_t NAME(int fd, void *data, size_t size, off_t offset) {  \
    REAL(ssize_t, NAME, int, void *, size_t, off_t)              \
    int answer = before(READ, "pread", fd, NULL);                \
    if (answer > 0) FAIL_WITH(answer, -1);                       \
    if (answer < 0 && size > 1) size /= 2;                       \
    return real(fd, data, size, offset);                         \
  }
PREAD(pread)
PREAD(pread64)
ssize_t __pread_chk(int fd, void *data, size_t size, off_t offset, size_t room) {
  (void)room;
  return pread(fd, data, size, offset);
}
ssize_t __pread64_chk(int fd, void *data, size_t size, off_t offset, size_t room) {
  (void)room;
  return pread64(fd, data, size, offset);
}

ssize_t readv(int fd, const struct iovec *parts, int count) {
  REAL(ssize_t, readv, int, const struct iovec *, int)
  int answer = before(READ, "readv", fd, NULL);
  if (answer > 0) FAIL_WITH(answer, -1);
  return real(fd, parts, count);
}

struct dirent *readdir(DIR *folder) {
  REAL(struct dirent *, readdir, DIR *)
  int answer = before(READ, "readdir", dirfd(folder), NULL);
  if (answer > 0) FAIL_WITH(answer, NULL);
  return real(folder);
}
struct dirent64 *readdir64(DIR *folder) { return (struct dirent64 *)readdir(folder); }

#define MMAP(NAME)                                                                         \
  void *NAME(void *place, size_t size, int protection, int flags, int fd, off_t offset) {  \
    REAL(void *, NAME, void *, size_t, int, int, int, off_t)                               \
    int answer = fd >= 0 ? before(MAP, "mmap", fd, NULL) : 0;                              \
    if (answer > 0) FAIL_WITH(answer, MAP_FAILED);                                         \
    void *result = real(place, size, protection, flags, fd, offset);                       \
    if (fd >= 0 && result != MAP_FAILED && (flags & MAP_SHARED) && (protection & PROT_WRITE)) \
      record_fd(E_MAPPED, fd, offset, size, NULL, 0);                                      \
    return result;                                                                         \
  }
MMAP(mmap)
MMAP(mmap64)

/* ---- Memory and threads ---- */

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static int is_refused(void) {
  if (!is_active || (mode != COUNT && mode != FAULT)) return 0;
  return before(ALLOC, "alloc", -1, "") != 0;
}

void *malloc(size_t size) {
  if (is_refused()) FAIL_WITH(ENOMEM, NULL);
  return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
  if (is_refused()) FAIL_WITH(ENOMEM, NULL);
  return __libc_calloc(count, size);
}
void *realloc(void *old, size_t size) {
  if (is_refused()) FAIL_WITH(ENOMEM, NULL);
  return __libc_realloc(old, size);
}
int posix_memalign(void **result, size_t alignment, size_t size) {
  if (is_refused()) return ENOMEM;
  *result = __libc_memalign(alignment, size);
  return *result ? 0 : ENOMEM;
}
void *aligned_alloc(size_t alignment, size_t size) {
  if (is_refused()) FAIL_WITH(ENOMEM, NULL);
  return __libc_memalign(alignment, size);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument) {
  REAL(int, pthread_create, pthread_t *, const pthread_attr_t *, void *(*)(void *), void *)
  int answer = before(THREAD, "thread", -1, "a thread");
  if (answer > 0) return answer;
  return real(thread, attributes, body, argument);
}

int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const words[], char *const variables[]) {
  REAL(int, posix_spawnp, pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
       char *const[], char *const[])
  int answer = before(THREAD, "spawn", -1, file);
  if (answer > 0) return answer;
  return real(pid, file, actions, attributes, words, variables);
}

/* ---- The beginning ---- */

static void forked(void) {
  if (mode != RECORD) is_active = 0;
}

__attribute__((constructor)) static void begin(void) {
  const char *state = getenv("TORTURE_STATE");
  const char *wanted = getenv("TORTURE_MODE");
  if (!state || !wanted) return;
  const char *text = getenv("TORTURE_SCOPE");
  if (text) scope_length = snprintf(scope, sizeof scope, "%s", text);
  REAL(int, open, const char *, int, ...)
  int fd = real(state, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void *place = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (place == MAP_FAILED) return;
  shared = place;
  if ((text = getenv("TORTURE_LOG"))) {
    /* High up, where neither a shell's redirections nor a program that closes what it does not know come by chance. */
    int low = real(text, O_WRONLY | O_APPEND | O_CLOEXEC);
    logging = fcntl(low, F_DUPFD_CLOEXEC, 900);
    close(low);
  }
  if ((text = getenv("TORTURE_AT"))) target = strtoull(text, NULL, 10);
  is_half = getenv("TORTURE_HALF") != NULL;
  if ((text = getenv("TORTURE_CLASS")))
    for (int i = 0; i < CLASSES; i++)
      if (strcmp(text, class_names[i]) == 0) class = i;
  if ((text = getenv("TORTURE_ERROR"))) fault = strcmp(text, "short") == 0 ? SHORT : atoi(text);
  enum mode chosen = strcmp(wanted, "count") == 0    ? COUNT
                     : strcmp(wanted, "record") == 0 ? RECORD
                     : strcmp(wanted, "kill") == 0   ? KILL
                     : strcmp(wanted, "fault") == 0  ? FAULT
                                                     : OFF;
  if (chosen == RECORD) {
    is_active = 1;
  } else {
    int32_t nobody = 0;
    if (strcmp(program_invocation_short_name, "dbmend") == 0 &&
        atomic_compare_exchange_strong(&shared->pid, &nobody, getpid()))
      is_active = 1;
  }
  pthread_atfork(NULL, NULL, forked);
  mode = chosen;
}
