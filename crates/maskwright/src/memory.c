/* How the command keeps its memory.
 *
 * A model's tensors are made and dropped by the hundred, megabytes each. By default glibc gives
 * each block over 32 MiB back to the system when it is freed, smaller ones at the end of the heap
 * too, and the next tensor is made of fresh pages: on a virtual machine, half of the time of a small
 * model goes into page faults. Here freed memory is kept for the next tensor instead. What the
 * process holds at most stays the same, since tensors follow each other.
 *
 * `maskwright studio` is another matter: it goes on for days, on many threads, each of which would keep the largest
 * images that it ever decoded. There blocks from 16 MiB on (images, and features of the encoder, but no tensor that a
 * click needs) go back to the system, and threads share four arenas.
 *
 * Runs before main, since glibc decides with the first block; in the environment glibc's own
 * MALLOC_MMAP_THRESHOLD_, MALLOC_TRIM_THRESHOLD_ and MALLOC_ARENA_MAX still have the last word. Only the command does
 * this: a library leaves the memory of its program alone.
 */

#include <stdlib.h>

#if defined(__GLIBC__)
#include <malloc.h>
#include <string.h>

static void set(const char *variable, int parameter, int value) {
    if (getenv(variable) == NULL) {
        mallopt(parameter, value);
    }
}

/* glibc hands main's arguments to constructors, too. */
__attribute__((constructor)) static void keep_freed_memory(int count, char **words) {
    int serves = count > 1 && words != NULL && strcmp(words[1], "studio") == 0;
    set("MALLOC_MMAP_THRESHOLD_", M_MMAP_THRESHOLD, serves ? 16 << 20 : 1 << 30);
    set("MALLOC_TRIM_THRESHOLD_", M_TRIM_THRESHOLD, serves ? 64 << 20 : 2147483647);
    if (serves) {
        set("MALLOC_ARENA_MAX", M_ARENA_MAX, 4);
    }
}
#endif
