/* How the command keeps its memory.
 *
 * A model's tensors are made and dropped by the hundred, megabytes each. By default glibc gives
 * each block over 32 MiB back to the system when it is freed, smaller ones at the end of the heap
 * too, and the next tensor is made of fresh pages: on a virtual machine, half of the time of a small
 * model goes into page faults. Here freed memory is kept for the next tensor instead. What the
 * process holds at most stays the same, since tensors follow each other.
 *
 * Runs before main, since glibc decides with the first block; in the environment glibc's own
 * MALLOC_MMAP_THRESHOLD_ and MALLOC_TRIM_THRESHOLD_ still have the last word. Only the command does
 * this: a library leaves the memory of its program alone.
 */

#include <stdlib.h>

#if defined(__GLIBC__)
#include <malloc.h>

__attribute__((constructor)) static void keep_freed_memory(void) {
    if (getenv("MALLOC_MMAP_THRESHOLD_") == NULL) {
        mallopt(M_MMAP_THRESHOLD, 1 << 30);
    }
    if (getenv("MALLOC_TRIM_THRESHOLD_") == NULL) {
        mallopt(M_TRIM_THRESHOLD, 2147483647);
    }
}
#endif
