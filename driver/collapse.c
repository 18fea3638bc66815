#include "driver/collapse.h"

#include "common/run/stacks.h"

#include <string.h>

/* Functions that allocate on behalf of their caller: ours (common/engine/mem.c), the libraries'. */
static const char *const allocators[] = {
    "mem_alloc",      "mem_calloc",     "mem_realloc",     "openssl_alloc",  "openssl_realloc",
    "ev_realloc",     "h2_alloc",       "h2_calloc",       "h2_realloc",     "malloc",
    "calloc",         "realloc",        "aligned_alloc",   "posix_memalign", "strdup",
    "__strdup",       "CRYPTO_malloc",  "CRYPTO_zalloc",   "CRYPTO_realloc", "CRYPTO_clear_realloc",
    "nghttp2_malloc", "nghttp2_calloc", "nghttp2_realloc",
};

/* jeprof writes static functions as "name<0000000000001234>", and versions as "name@@LIB_1.0". */
static void strip_addresses(char *frames)
{
    char *to = frames;

    for (const char *from = frames; *from != '\0';) {
        size_t digits = *from == '<' ? strspn(from + 1, "0123456789abcdef") : 0;

        if (digits >= 8 && from[1 + digits] == '>')
            from += digits + 2;
        else if (*from == '@')
            from += strcspn(from, ";[");
        else
            *to++ = *from++;
    }
    *to = '\0';
}

static bool is_allocator(const char *name)
{
    size_t length = strlen(name);

    if (length > 8 && strcmp(name + length - 8, "[inline]") == 0)
        length -= 8;
    for (size_t i = 0; i < sizeof allocators / sizeof *allocators; i++) {
        if (strlen(allocators[i]) == length && strncmp(name, allocators[i], length) == 0)
            return true;
    }
    return false;
}

/* At least one frame stays. */
static void strip_allocators(char *frames)
{
    char *last;

    while ((last = strrchr(frames, ';')) != NULL && is_allocator(last + 1))
        *last = '\0';
}

bool collapse_stacks(const char *raw, const char *path, char *error, size_t cap)
{
    struct run_stacks stacks;
    bool ok;

    if (!run_stacks_read(&stacks, raw, error, cap))
        return false;
    for (size_t i = 0; i < stacks.count; i++) {
        strip_addresses(stacks.items[i].frames);
        strip_allocators(stacks.items[i].frames);
    }
    run_stacks_merge(&stacks);
    run_stacks_settle(&stacks);
    ok = run_stacks_write(&stacks, path, error, cap);
    run_stacks_free(&stacks);
    return ok;
}
