/* What --version says of the allocator that a stress program was built with. */
#ifndef FLATLINE_CHILD_ALLOCATOR_VERSION_H
#define FLATLINE_CHILD_ALLOCATOR_VERSION_H

#include "config.h"

#ifdef HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>
#define ALLOCATOR_TEXT(x) #x
#define ALLOCATOR_NUMBER(a, b, c) ALLOCATOR_TEXT(a) "." ALLOCATOR_TEXT(b) "." ALLOCATOR_TEXT(c)
#define ALLOCATOR_VERSION                                                        \
    "jemalloc " ALLOCATOR_NUMBER(JEMALLOC_VERSION_MAJOR, JEMALLOC_VERSION_MINOR, \
                                 JEMALLOC_VERSION_BUGFIX)
#else
#define ALLOCATOR_VERSION "the C library's malloc"
#endif

#endif
