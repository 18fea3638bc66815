#include "results-server/verbs.h"

#include <stddef.h>
#include <string.h>

verb_main_fn *verbs_find(const char *word)
{
    static const struct {
        const char *word;
        verb_main_fn *function;
    } verbs[] = {
#define VERB_ROW(word, operands, function, text) {word, function},
        VERB_TABLE(VERB_ROW)
#undef VERB_ROW
    };

    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verbs[i].word, word) == 0)
            return verbs[i].function;
    }
    return NULL;
}
