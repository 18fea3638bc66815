#include "stress-server/counted_protobuf.h"

#include "common/engine/mem.h"

static void *allocate(void *data, size_t size)
{
    (void)data;
    return mem_alloc(MEM_APP, size);
}

static void release(void *data, void *pointer)
{
    (void)data;
    mem_free(MEM_APP, pointer);
}

ProtobufCAllocator counted_protobuf = {.alloc = allocate, .free = release};
