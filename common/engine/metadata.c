#include "common/engine/metadata.h"

#include "common/engine/mem.h"

#include <openssl/evp.h>
#include <string.h>

/* An entry: this, the name with its NUL, the value. */
struct entry {
    uint32_t name_size, value_size;
};

static bool starts_with(const char *name, size_t size, const char *prefix)
{
    size_t length = strlen(prefix);

    return size >= length && memcmp(name, prefix, length) == 0;
}

static bool is_binary(const char *name, size_t size)
{
    return size > 4 && memcmp(name + size - 4, "-bin", 4) == 0;
}

bool metadata_is_custom(const char *name, size_t size)
{
    static const char *const own[] = {"te", "content-type", "user-agent", "accept-encoding"};

    if (starts_with(name, size, ":") || starts_with(name, size, "grpc-"))
        return false;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (strlen(own[i]) == size && memcmp(own[i], name, size) == 0)
            return false;
    }
    return true;
}

bool metadata_add_raw(struct codec_buffer *list, const char *name, size_t name_size,
                      const char *value, size_t size)
{
    struct entry entry = {(uint32_t)name_size, (uint32_t)size};
    size_t before = list->size;

    if (codec_buffer_put(list, &entry, sizeof entry) && codec_buffer_put(list, name, name_size) &&
        codec_buffer_put(list, "", 1) && codec_buffer_put(list, value, size))
        return true;
    list->size = before;
    return false;
}

bool metadata_add(struct codec_buffer *list, const struct grpc_metadata *metadata)
{
    size_t name_size = strlen(metadata->name);
    unsigned char *text;
    int size;
    bool done;

    if (!is_binary(metadata->name, name_size))
        return metadata_add_raw(list, metadata->name, name_size, metadata->value, metadata->size);
    text = mem_alloc(MEM_APP, metadata->size / 3 * 4 + 5);
    if (text == NULL)
        return false;
    size = EVP_EncodeBlock(text, metadata->value, (int)metadata->size);
    done = metadata_add_raw(list, metadata->name, name_size, (const char *)text, (size_t)size);
    mem_free(MEM_APP, text);
    return done;
}

size_t metadata_put(const struct codec_buffer *list, nghttp2_nv *nv, size_t cap)
{
    size_t at = 0, count = 0;

    while (at < list->size && count < cap) {
        struct entry entry;
        uint8_t *name = list->data + at + sizeof entry;

        memcpy(&entry, list->data + at, sizeof entry);
        nv[count++] = (nghttp2_nv){name, name + entry.name_size + 1, entry.name_size,
                                   entry.value_size, NGHTTP2_NV_FLAG_NONE};
        at += sizeof entry + entry.name_size + 1 + entry.value_size;
    }
    return count;
}

/* Senders may leave the padding out (PROTOCOL-HTTP2, "Binary-Header"). *size becomes 0 if it is not
 * base64. */
static unsigned char *decode_base64(const char *value, size_t *size)
{
    size_t padded = (*size + 3) / 4 * 4, pad = 0;
    char *text = mem_alloc(MEM_APP, padded + 1);
    unsigned char *out = mem_alloc(MEM_APP, padded / 4 * 3 + 1);
    int n = -1;

    if (text != NULL && out != NULL) {
        memcpy(text, value, *size);
        memset(text + *size, '=', padded - *size);
        while (pad < 2 && pad < padded && text[padded - 1 - pad] == '=')
            pad++;
        n = padded == 0 ? 0 : EVP_DecodeBlock(out, (unsigned char *)text, (int)padded);
        *size = n < (int)pad ? 0 : (size_t)n - pad;
    }
    mem_free(MEM_APP, text);
    if (n < 0) {
        mem_free(MEM_APP, out);
        return NULL;
    }
    return out;
}

static void decode_one(const char *name, const char *value, size_t size,
                       void (*fn)(void *arg, const struct grpc_metadata *metadata), void *arg)
{
    unsigned char *bytes = decode_base64(value, &size);

    if (bytes == NULL)
        return;
    fn(arg, &(struct grpc_metadata){name, bytes, size});
    mem_free(MEM_APP, bytes);
}

bool metadata_decode(const char *name, size_t name_size, const char *value, size_t size,
                     void (*fn)(void *arg, const struct grpc_metadata *metadata), void *arg)
{
    char *text = mem_alloc(MEM_APP, name_size + 1);

    if (text == NULL)
        return false;
    memcpy(text, name, name_size);
    text[name_size] = '\0';
    if (!is_binary(name, name_size)) {
        fn(arg, &(struct grpc_metadata){text, value, size});
    } else {
        while (size > 0) {
            const char *comma = memchr(value, ',', size);
            size_t part = comma != NULL ? (size_t)(comma - value) : size;

            decode_one(text, value, part, fn, arg);
            value += comma != NULL ? part + 1 : part;
            size -= comma != NULL ? part + 1 : part;
        }
    }
    mem_free(MEM_APP, text);
    return true;
}
