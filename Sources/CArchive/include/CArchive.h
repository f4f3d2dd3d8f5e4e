/* libarchive, loaded when it is first needed. Its own libraries (XML, ICU, LZMA, ...) cost about 2 ms to load, as long
   as a whole check of a small file takes; only runs that touch an archive pay that. */
#ifndef DBMEND_CARCHIVE_H
#define DBMEND_CARCHIVE_H

#include <archive.h>
#include <archive_entry.h>

/* Every function that MendArchive calls, each with the exact type that libarchive's header declares. */
#define CARCHIVE_FUNCTIONS(X)                                                                                        \
  X(archive_version_details) X(archive_error_string) X(archive_errno)                                                \
  X(archive_write_new) X(archive_write_free) X(archive_write_close) X(archive_write_set_format_pax_restricted)       \
  X(archive_write_add_filter_zstd) X(archive_write_set_filter_option) X(archive_write_set_bytes_per_block)           \
  X(archive_write_set_format_option)                                                                                 \
  X(archive_write_set_bytes_in_last_block) X(archive_write_open) X(archive_write_header) X(archive_write_data)    \
  X(archive_write_finish_entry)                                                                                      \
  X(archive_read_new) X(archive_read_free) X(archive_read_close) X(archive_read_append_filter)                     \
  X(archive_read_support_format_tar) X(archive_read_support_format_raw) X(archive_read_open) X(archive_read_next_header) X(archive_read_data)        \
  X(archive_read_data_block) X(archive_read_data_skip)                                                               \
  X(archive_entry_new) X(archive_entry_free) X(archive_entry_clear) X(archive_entry_pathname)                        \
  X(archive_entry_set_pathname) X(archive_entry_size) X(archive_entry_set_size) X(archive_entry_size_is_set)         \
  X(archive_entry_filetype) X(archive_entry_set_filetype) X(archive_entry_perm) X(archive_entry_set_perm)            \
  X(archive_entry_uid) X(archive_entry_set_uid) X(archive_entry_gid) X(archive_entry_set_gid)                        \
  X(archive_entry_set_uname) X(archive_entry_set_gname) X(archive_entry_mtime) X(archive_entry_mtime_nsec)           \
  X(archive_entry_set_mtime) X(archive_entry_hardlink) X(archive_entry_symlink) X(archive_entry_set_symlink)         \
  X(archive_entry_xattr_add_entry) X(archive_entry_xattr_reset) X(archive_entry_xattr_next)

typedef struct {
#define CARCHIVE_FIELD(name) __typeof__(&name) name;
  CARCHIVE_FUNCTIONS(CARCHIVE_FIELD)
#undef CARCHIVE_FIELD
} carchive_api;

/* libarchive converts names by the locale of the calling thread, and a server's is often plain C, where a name that is not
   ASCII cannot be written. These put the thread into a UTF-8 locale and back; the program's own locale stays as it is. */
void *carchive_enter_utf8(void);
void carchive_leave_utf8(void *previous);

/* The functions, loaded once; NULL with a sentence in `*problem` when the library is not there or lacks one. */
const carchive_api *carchive_load(const char **problem);

#endif
