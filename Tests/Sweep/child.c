/* Runs what the sweep made, each case in a child process of its own, on a thread with a small stack, under bounds on
 * time and memory, and reports how the child ended. Whatever is in the case, the library has to answer with success or
 * with an error: a death, a hang or a word on the standard error is a find.
 *
 * Reads lines "NUMBER \t ACTION \t PATH \t EXTRA \t FAIL \t LEAST" from the standard input: the allocation number FAIL
 * (0: none) of at least LEAST bytes gives NULL. Writes a line "NUMBER \t ENDING \t MESSAGE" for each; ENDING is "ok",
 * "error", "printed", "hang", "signal N", or "count N" for the action that counts allocations. */
#define _GNU_SOURCE
#include "actions.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS = 20, STACK = 512 << 10 };
static const rlim_t MEMORY = (rlim_t)6 << 30;

/* MARK: An allocator that fails on demand. Names that a program defines come before those of the C library. */

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static atomic_bool counts;
static atomic_size_t seen;
static size_t failing, least;

void allocations_watch(bool on) { atomic_store(&counts, on); }
size_t allocations_seen(void) { return atomic_load(&seen); }

/** Whether this allocation is the one that fails. */
static bool fails(size_t size) {
    if (!atomic_load(&counts) || size < least) return false;
    if (atomic_fetch_add(&seen, 1) + 1 != failing) return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size) { return fails(size) ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return fails(count * size) ? NULL : __libc_calloc(count, size); }
void *realloc(void *memory, size_t size) { return fails(size) ? NULL : __libc_realloc(memory, size); }
void *aligned_alloc(size_t alignment, size_t size) { return fails(size) ? NULL : __libc_memalign(alignment, size); }
void *memalign(size_t alignment, size_t size) { return aligned_alloc(alignment, size); }
int posix_memalign(void **memory, size_t alignment, size_t size) {
    void *made = aligned_alloc(alignment, size);
    if (!made) return ENOMEM;
    *memory = made;
    return 0;
}

/* MARK: A case in a child */

static void *run(void *context) {
    sweep_case *one = context;
    action_run(one);
    return NULL;
}

/** The child's whole life; `say` is the pipe to the parent. */
static void live(sweep_case *one, int say) {
    struct rlimit memory = { MEMORY, MEMORY };
    setrlimit(RLIMIT_AS, &memory);
    alarm(SECONDS);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    pthread_t thread;
    if (pthread_create(&thread, &attributes, run, one)) _exit(2);
    pthread_join(thread, NULL);
    if (write(say, one->message, strlen(one->message)) < 0) _exit(2);
    _exit(one->failed ? 10 : 0);
}

/** What a file descriptor holds, up to a bound, with line breaks and tabs as spaces. */
static void read_all(int from, char *text, size_t size) {
    size_t count = 0;
    for (ssize_t got; count + 1 < size && (got = read(from, text + count, size - 1 - count)) > 0;) count += (size_t)got;
    text[count] = 0;
    for (char *c = text; *c; c++) *c = *c == '\n' || *c == '\t' ? ' ' : *c;
}

/** Runs a case and writes its line. */
static void attempt(sweep_case *one, const char *number) {
    int say[2];
    FILE *noise = tmpfile();
    if (!noise || pipe(say)) exit(2);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        close(say[0]);
        dup2(fileno(noise), 2);
        dup2(fileno(noise), 1);
        failing = one->fail, least = one->least;
        live(one, say[1]);
    }
    close(say[1]);
    char message[512], printed[256];
    read_all(say[0], message, sizeof message);
    close(say[0]);
    int status = 0;
    waitpid(child, &status, 0);
    rewind(noise);
    printed[fread(printed, 1, sizeof printed - 1, noise)] = 0;
    fclose(noise);
    for (char *c = printed; *c; c++) *c = *c == '\n' || *c == '\t' ? ' ' : *c;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) printf("%s\thang\t%s\n", number, message);
    else if (WIFSIGNALED(status)) printf("%s\tsignal %d\t%s\n", number, WTERMSIG(status), printed);
    else if (printed[0]) printf("%s\tprinted\t%s\n", number, printed);
    else if (WEXITSTATUS(status) == 10) printf("%s\terror\t%s\n", number, message);
    else printf("%s\t%s\t%s\n", number, WEXITSTATUS(status) ? "lost" : "ok", message);
}

int main(void) {
    static char line[1 << 16];
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        char *fields[6] = { 0 }, *rest = line;
        for (int i = 0; i < 6; i++) fields[i] = strsep(&rest, "\t");
        if (!fields[5]) return 2;
        static sweep_case one;
        memset(&one, 0, sizeof one);
        one.action = fields[1], one.path = fields[2], one.extra = fields[3];
        one.fail = strtoull(fields[4], NULL, 10), one.least = strtoull(fields[5], NULL, 10);
        attempt(&one, fields[0]);
    }
    return 0;
}
