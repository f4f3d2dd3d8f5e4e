#define _GNU_SOURCE
#include "CSystem.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#ifdef __linux__
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#define SET_LOCK F_OFD_SETLK
#define GET_LOCK F_OFD_GETLK
#else
#define SET_LOCK F_SETLK
#define GET_LOCK F_GETLK
#endif

static struct flock region(int kind, int64_t start, int64_t length) {
  struct flock lock = {0};
  lock.l_type = kind == 2 ? F_WRLCK : kind == 1 ? F_RDLCK : F_UNLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = start;
  lock.l_len = length;
  return lock;
}

int csystem_lock(int fd, int kind, int64_t start, int64_t length) {
  struct flock lock = region(kind, start, length);
  int result;
  do result = fcntl(fd, SET_LOCK, &lock);
  while (result != 0 && errno == EINTR);
  return result;
}

pid_t csystem_lock_holder(int fd, int kind, int64_t start, int64_t length) {
  struct flock lock = region(kind, start, length);
  errno = 0;
  if (fcntl(fd, GET_LOCK, &lock) != 0) return -1;
  return lock.l_type == F_UNLCK ? 0 : lock.l_pid;
}

int csystem_lock_folder(int fd) { return flock(fd, LOCK_EX | LOCK_NB); }

bool csystem_has_ofd_locks(void) {
#ifdef __linux__
  return true;
#else
  return false;
#endif
}

int csystem_rename_exchange(const char *a, const char *b) {
#ifdef __linux__
  return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
#else
  return renamex_np(a, b, RENAME_SWAP);
#endif
}

int csystem_rename_exclusive(const char *from, const char *to) {
#ifdef __linux__
  return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
#else
  return renamex_np(from, to, RENAME_EXCL);
#endif
}

int csystem_is_mount_root(const char *path) {
#if defined(__linux__) && defined(STATX_ATTR_MOUNT_ROOT)
  struct statx status;
  if (statx(AT_FDCWD, path, AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &status) != 0) return -1;
  if (!(status.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT)) return -1;
  return (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) ? 1 : 0;
#else
  (void)path;
  return -1;
#endif
}

ssize_t csystem_copy_range(int from, int64_t from_offset, int to, int64_t to_offset, size_t length) {
#ifdef __linux__
  loff_t in = from_offset, out = to_offset;
  return copy_file_range(from, &in, to, &out, length, 0);
#else
  (void)from; (void)from_offset; (void)to; (void)to_offset; (void)length;
  errno = ENOSYS;
  return -1;
#endif
}

int csystem_clone_file(int from, int to) {
#ifdef __linux__
  return ioctl(to, FICLONE, from);
#else
  (void)from; (void)to;
  errno = ENOSYS;
  return -1;
#endif
}

int csystem_limit_memory(pid_t pid, uint64_t bytes) {
#ifdef __linux__
  struct rlimit limit = {bytes, bytes};
  return prlimit(pid, RLIMIT_AS, &limit, NULL);
#else
  (void)pid; (void)bytes;
  errno = ENOSYS;
  return -1;
#endif
}

void csystem_start_writeback(int fd, int64_t offset, int64_t length) {
#ifdef __linux__
  (void)sync_file_range(fd, offset, length, SYNC_FILE_RANGE_WRITE);
#else
  (void)fd; (void)offset; (void)length;
#endif
}

#ifdef __linux__
ssize_t csystem_list_attributes(int fd, char *names, size_t size) { return flistxattr(fd, names, size); }
ssize_t csystem_get_attribute(int fd, const char *name, void *value, size_t size) {
  return fgetxattr(fd, name, value, size);
}
int csystem_set_attribute(int fd, const char *name, const void *value, size_t size) {
  return fsetxattr(fd, name, value, size, 0);
}
int csystem_remove_attribute(int fd, const char *name) { return fremovexattr(fd, name); }
#else
ssize_t csystem_list_attributes(int fd, char *names, size_t size) { return flistxattr(fd, names, size, 0); }
ssize_t csystem_get_attribute(int fd, const char *name, void *value, size_t size) {
  return fgetxattr(fd, name, value, size, 0, 0);
}
int csystem_set_attribute(int fd, const char *name, const void *value, size_t size) {
  return fsetxattr(fd, name, value, size, 0, 0);
}
int csystem_remove_attribute(int fd, const char *name) { return fremovexattr(fd, name, 0); }
#endif

csystem_option_step csystem_next_option(int argc, char *const argv[], const char *letters, const struct option *table,
                                        bool starts) {
  if (starts) {
#ifdef __linux__
    optind = 0; /* GNU: read `letters` anew, and start at word 1 */
#else
    optind = 1;
    optreset = 1;
#endif
  }
  opterr = 0;
  optopt = 0;
  optarg = NULL;
  csystem_option_step step;
  step.result = getopt_long(argc, argv, letters, table, NULL);
  step.argument = optarg;
  step.next = optind;
  step.culprit = optopt;
  return step;
}

int csystem_processors(void) {
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

#ifdef __linux__
typedef struct {
  void *(*body)(void *);
  void *context;
  cpu_set_t allowed;
} elsewhere;

static void *run_elsewhere(void *argument) {
  elsewhere own = *(elsewhere *)argument;
  free(argument);
  sched_setaffinity(0, sizeof own.allowed, &own.allowed);
  return own.body(own.context);
}

/* Whether the thread could be created on another processor. */
static bool start_elsewhere(pthread_t *thread, void *(*body)(void *), void *context) {
  elsewhere *start = malloc(sizeof *start);
  if (start == NULL) return false;
  start->body = body;
  start->context = context;
  const int here = sched_getcpu();
  bool started = false;
  if (here >= 0 && here < CPU_SETSIZE && sched_getaffinity(0, sizeof start->allowed, &start->allowed) == 0) {
    cpu_set_t others = start->allowed;
    CPU_CLR(here, &others);
    pthread_attr_t attributes;
    if (CPU_COUNT(&others) > 0 && pthread_attr_init(&attributes) == 0) {
      started = pthread_attr_setaffinity_np(&attributes, sizeof others, &others) == 0 &&
                pthread_create(thread, &attributes, run_elsewhere, start) == 0;
      pthread_attr_destroy(&attributes);
    }
  }
  if (!started) free(start);
  return started;
}
#endif

int csystem_start_thread(pthread_t *thread, void *(*body)(void *), void *context) {
#ifdef __linux__
  if (start_elsewhere(thread, body, context)) return 0;
#endif
  return pthread_create(thread, NULL, body, context);
}

void csystem_grow_heaps(size_t step, size_t own_mapping) {
#ifdef __GLIBC__
  mallopt(M_TOP_PAD, (int)step);
  mallopt(M_MMAP_THRESHOLD, (int)own_mapping);
  mallopt(M_TRIM_THRESHOLD, (int)(2 * step));
#else
  (void)step;
  (void)own_mapping;
#endif
}

int csystem_open(const char *path, int flags, mode_t mode) {
  int fd;
  do fd = open(path, flags | O_CLOEXEC, mode);
  while (fd < 0 && errno == EINTR);
  return fd;
}

int csystem_memory_file(void) {
#ifdef __linux__
  return (int)syscall(SYS_memfd_create, "dbmend", 1u /* MFD_CLOEXEC */);
#else
  errno = ENOSYS;
  return -1;
#endif
}

int64_t csystem_seek_data(int fd, int64_t offset) { return lseek(fd, offset, SEEK_DATA); }
int64_t csystem_seek_hole(int fd, int64_t offset) { return lseek(fd, offset, SEEK_HOLE); }

bool csystem_is_kernel_view(const char *path) {
#ifdef __linux__
  struct statfs status;
  if (statfs(path, &status) != 0) return false;
  switch ((unsigned long)status.f_type) {
    case PROC_SUPER_MAGIC:
    case SYSFS_MAGIC:
    case CGROUP_SUPER_MAGIC:
    case CGROUP2_SUPER_MAGIC:
    case DEBUGFS_MAGIC:
    case TRACEFS_MAGIC:
    case DEVPTS_SUPER_MAGIC:
    case SECURITYFS_MAGIC:
    case PSTOREFS_MAGIC:
    case BPF_FS_MAGIC:
    case EFIVARFS_MAGIC:
    case BINFMTFS_MAGIC:
    case SELINUX_MAGIC:
    case 0x62656570UL: /* configfs */
    case 0x65735543UL: /* fusectl */
      return true;
    default: return false;
  }
#else
  (void)path;
  return false;
#endif
}

int csystem_sync_volume(int fd) {
#ifdef __linux__
  return syncfs(fd);
#else
  (void)fd;
  sync();
  return 0;
#endif
}

int csystem_pipe(int ends[2]) {
#ifdef __linux__
  return pipe2(ends, O_CLOEXEC);
#else
  if (pipe(ends) != 0) return -1;
  fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  fcntl(ends[1], F_SETFD, FD_CLOEXEC);
  return 0;
#endif
}

int csystem_spawn_in_folder(posix_spawn_file_actions_t *actions, const char *folder) {
  return posix_spawn_file_actions_addchdir_np(actions, folder);
}

int csystem_spawn_without(posix_spawn_file_actions_t *actions, int first) {
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
  return posix_spawn_file_actions_addclosefrom_np(actions, first);
#else
  return ENOSYS;
#endif
}

bool csystem_exited(int status) { return WIFEXITED(status); }
int csystem_exit_code(int status) { return WEXITSTATUS(status); }
int csystem_term_signal(int status) { return WIFSIGNALED(status) ? WTERMSIG(status) : 0; }
