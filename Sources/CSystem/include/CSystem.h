/* What Swift's Glibc module leaves out: getopt_long, renameat2, the OFD lock commands, extended attributes,
   statx's mount-root attribute, reflinks, and variadic calls that Swift cannot import. */
#ifndef DBMEND_CSYSTEM_H
#define DBMEND_CSYSTEM_H

#include <getopt.h>
#include <pthread.h>
#include <spawn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Open-file-description record locks over [start, start + length); length 0 means to the end of the file.
   `kind`: 0 unlocks, 1 shared, 2 exclusive. Return 0, or -1 with errno (EAGAIN or EACCES when another holds it). */
int csystem_lock(int fd, int kind, int64_t start, int64_t length);

/* Who holds a lock that would stop `kind` there: the process id; 0 for nobody; -1 for a holder without one (an OFD lock)
   or, with errno set, an error. */
pid_t csystem_lock_holder(int fd, int kind, int64_t start, int64_t length);

/* Lock an open folder against all others who lock it so (flock), for as long as it is open; 0, or -1 with errno. */
int csystem_lock_folder(int fd);

/* Whether this system has OFD locks, and whether renames can exchange two names. */
bool csystem_has_ofd_locks(void);

/* Exchange two names atomically; -1 with errno (EINVAL or ENOSYS where the file system cannot). */
int csystem_rename_exchange(const char *a, const char *b);

/* Rename that fails with EEXIST rather than replace. */
int csystem_rename_exclusive(const char *from, const char *to);

/* 1 when `path` is itself a mount point (a bind-mounted file), 0 when not, -1 when the system cannot say. */
int csystem_is_mount_root(const char *path);

/* Copy `length` bytes between descriptors inside the kernel where it can; the count, or -1 with errno. */
ssize_t csystem_copy_range(int from, int64_t from_offset, int to, int64_t to_offset, size_t length);

/* Make `to` share the blocks of `from` (FICLONE); 0, or -1 with errno where the file system cannot. */
int csystem_clone_file(int from, int to);

/* Have the system start writing a range of a file to the disk, without waiting for it. Only a hint: nothing is promised. */
void csystem_start_writeback(int fd, int64_t offset, int64_t length);

/* Extended attributes by descriptor: as flistxattr, fgetxattr, fsetxattr and fremovexattr. */
ssize_t csystem_list_attributes(int fd, char *names, size_t size);
ssize_t csystem_get_attribute(int fd, const char *name, void *value, size_t size);
int csystem_set_attribute(int fd, const char *name, const void *value, size_t size);
int csystem_remove_attribute(int fd, const char *name);

/* One step of getopt_long(3). `starts` begins a new command line; the getopt of C keeps its place in variables of its own,
   so that only one command line can be read at a time. */
typedef struct {
  int result;           /* what getopt_long returned: a value of the table, 1 for a plain word, '?', ':', or -1 */
  const char *argument; /* the option's argument, or the plain word; NULL without one */
  int next;             /* the index of the word to be read next */
  int culprit;          /* optopt: for '?' and ':' the value or letter of the option, 0 for an unknown long one */
} csystem_option_step;
csystem_option_step csystem_next_option(int argc, char *const argv[], const char *letters, const struct option *table,
                                        bool starts);

/* The number of processors that this process may run on, or -1. */
int csystem_processors(void);

/* pthread_create(3), with the new thread on another processor than this one where there is another that it may run on.
   Left to itself Linux often puts it behind its creator, where it waits for milliseconds while another processor is idle.
   It may run anywhere once it runs. */
int csystem_start_thread(pthread_t *thread, void *(*body)(void *), void *context);

/* Have each heap of the C library take so many bytes of addresses at a time; pages that nobody writes to take no memory. By
   itself glibc asks the system for every page of a thread's heap, while all other threads that touch new memory wait.
   Blocks of `own_mapping` bytes and more are mapped by themselves, and given back when they are freed. */
void csystem_grow_heaps(size_t step, size_t own_mapping);

/* Has the processor begin to fetch so many bytes that will be read soon; nothing happens where they are not mapped. */
static inline void csystem_prefetch(const void *start, size_t count) {
  for (size_t at = 0; at < count; at += 64) __builtin_prefetch((const char *)start + at, 0, 3);
}

/* How many of sixteen bytes are the same from the start on. */
static inline unsigned csystem_common_bytes(const void *one, const void *other) {
#if defined(__SSE2__)
  typedef char block __attribute__((vector_size(16), aligned(1), may_alias));
  unsigned same = (unsigned)__builtin_ia32_pmovmskb128(*(const block *)one == *(const block *)other);
  return (unsigned)__builtin_ctz(~same);
#else
  uint64_t first, second, other_first, other_second;
  __builtin_memcpy(&first, one, 8);
  __builtin_memcpy(&second, (const char *)one + 8, 8);
  __builtin_memcpy(&other_first, other, 8);
  __builtin_memcpy(&other_second, (const char *)other + 8, 8);
  /* The bytes that differ, from the lowest on: the processors that Swift runs on here are little-endian. */
  if (first != other_first) return (unsigned)__builtin_ctzll(first ^ other_first) / 8;
  if (second != other_second) return 8 + (unsigned)__builtin_ctzll(second ^ other_second) / 8;
  return 16;
#endif
}

/* open(2) with close-on-exec added, without variadic arguments. */
int csystem_open(const char *path, int flags, mode_t mode);

/* An empty file without a name, in memory, close-on-exec; -1 with errno. */
int csystem_memory_file(void);

/* The next offset from one on at which a file has data, or a hole; -1 with errno where there is none, or where the file
   system cannot tell. */
int64_t csystem_seek_data(int fd, int64_t offset);
int64_t csystem_seek_hole(int fd, int64_t offset);

/* Whether a path is on one of the file systems in which Linux shows its own state (proc, sysfs and the like): what looks like a file
   there holds nobody's data. */
bool csystem_is_kernel_view(const char *path);

/* Wait until everything that was written to the volume of an open file or folder is on the disk. */
int csystem_sync_volume(int fd);

/* pipe(2), both ends close-on-exec. */
int csystem_pipe(int ends[2]);

/* Have a program to be spawned start in a folder; 0, or an error number. */
int csystem_spawn_in_folder(posix_spawn_file_actions_t *actions, const char *folder);

/* Have a program to be spawned get no descriptor from `first` on, as far as the C library can; 0, or an error number. */
int csystem_spawn_without(posix_spawn_file_actions_t *actions, int first);

/* A file mapped for reading. Where the disk fails, or the file is cut off meanwhile, the system would end the process with
   SIGBUS at the read; a mapping made here shows zeros from then on in that page instead, and remembers it. `slot` names
   the mapping; NULL is returned, with errno, where it cannot be made (ENOBUFS: too many at once). */
void *csystem_map(int fd, size_t length, int *slot);
/* How many pages of memory could not be read, and the offset of the first one in *first. */
size_t csystem_map_faults(int slot, size_t *first);
void csystem_unmap(int slot);

/* Bound the memory that another process of this user may map, in bytes; 0, or -1 with errno where the system cannot. */
int csystem_limit_memory(pid_t pid, uint64_t bytes);

/* A program that is not trusted, and what it may take. */
typedef struct {
  const char *path;
  char *const *arguments; /* both end with NULL */
  char *const *variables;
  const char *folder;     /* where it starts; NULL leaves it here */
  int streams[3];         /* its standard streams; it gets no other descriptor */
  int status;             /* gets one csystem_program_ending */
  uint64_t memory;        /* bytes: of each process's own data, and resident of all together; 0 for no bound, as below */
  uint64_t files;         /* open ones of each process */
  uint64_t file_size;     /* bytes of any file that it writes */
  unsigned processes;     /* at a time */
  bool confines;          /* it may write below `writable` and nowhere else, as far as this system can hold it to that */
  const int *writable;    /* descriptors of folders, or of files */
  size_t writable_count;
} csystem_program;

/* What became of it. */
typedef struct {
  int start_error; /* an error number: it was not started */
  int exceeded;    /* what it was ended for */
  int status;      /* as of wait(2), where neither is set */
} csystem_program_ending;
enum { csystem_memory_exceeded = 1, csystem_processes_exceeded = 2 };

/* Start a program in a process group of its own, below a process that watches over it and, once it has ended, ends all that it
   started, whatever groups or sessions these have made. The process id of the watching one, which is to be waited for; SIGTERM
   has it end everything at once, as does the end of the calling thread. -1 with errno. */
pid_t csystem_supervise(const csystem_program *program);

/* Whether this system can keep a program from writing elsewhere (Landlock). */
bool csystem_can_confine(void);

/* Give the exit status parts of wait(2) as functions: the macros are not imported. */
bool csystem_exited(int status);
int csystem_exit_code(int status);
int csystem_term_signal(int status);

#endif
