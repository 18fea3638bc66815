/* What the TLS transport needs of a context. */
#ifndef FLATLINE_ENGINE_TLS_INTERNAL_H
#define FLATLINE_ENGINE_TLS_INTERNAL_H

#include "common/engine/tls.h"

#include <openssl/ssl.h>

struct tls_context {
    SSL_CTX *ssl;
    bool validate; /* client: check chain and host name */
};

#endif
