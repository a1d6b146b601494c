/* Requests to the system for which Swift sees no function. */
#ifndef ATTEND_SYSTEM_H
#define ATTEND_SYSTEM_H

#include <stdint.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

/** Writes the processors that a thread may use, 0 being the caller's, as words of bits; gives the number of bytes, or
 * less than 0. */
static inline long attend_get_affinity(int32_t thread, uint64_t *words, long bytes) {
    return syscall(SYS_sched_getaffinity, thread, bytes, words);
}

/** Ties the calling thread to processors; 0, or less where the system refuses. */
static inline long attend_set_affinity(const uint64_t *words, long bytes) {
    return syscall(SYS_sched_setaffinity, 0, bytes, words);
}

/** Whether the files of a directory lie in memory, as those of tmpfs and ramfs do. */
static inline int32_t attend_is_in_memory(const char *directory) {
    struct statfs status;
    return statfs(directory, &status) == 0 && (status.f_type == 0x01021994 || status.f_type == (long)0x858458f6);
}

/** Spreads the pages of a range, whole ones that nobody has written, over memory nodes in turn; 0, or less where the
 * system refuses. */
static inline long attend_interleave(void *address, long bytes, const uint64_t *nodes, long words) {
    const int interleave = 3; /* MPOL_INTERLEAVE */
    return syscall(SYS_mbind, address, bytes, interleave, nodes, 64 * words + 1, 0);
}

#endif
