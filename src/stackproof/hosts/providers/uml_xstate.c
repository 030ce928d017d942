/* Lets a user-mode-linux kernel of before 6.13 run on processors whose register state is larger than it knows.
 *
 * It writes back the registers of its processes by PTRACE_SETREGSET with as many bytes as it has room for.
 * The kernel of this machine takes the whole state or nothing (EFAULT), and with AMX the whole is 11 KB. So
 * the part that user-mode-linux gives is laid over the whole that is there. Preloaded only where needed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

#define X86_XSTATE ((void *)0x202)

typedef long (*ptrace_function)(int, pid_t, void *, void *);

static ptrace_function next;
static unsigned char whole[64 * 1024];

__attribute__((constructor)) static void find_next(void) {
    next = (ptrace_function)dlsym(RTLD_NEXT, "ptrace");
}

long ptrace(enum __ptrace_request request, ...) {
    va_list rest;
    va_start(rest, request);
    pid_t pid = va_arg(rest, pid_t);
    void *address = va_arg(rest, void *);
    void *data = va_arg(rest, void *);
    va_end(rest);
    if (request == PTRACE_SETREGSET && address == X86_XSTATE) {
        struct iovec *given = data, all = {whole, sizeof whole};
        if (next(PTRACE_GETREGSET, pid, address, &all) == 0 && given->iov_len < all.iov_len) {
            memcpy(whole, given->iov_base, given->iov_len);
            return next(PTRACE_SETREGSET, pid, address, &all);
        }
    }
    return next(request, pid, address, data);
}
