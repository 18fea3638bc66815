#include "results-server/uploader/line_input.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 65536

static void hold(struct line_input *input, const char *bytes, size_t size)
{
    if (input->held.size + size > LINE_INPUT_MAX || input->too_long) {
        input->too_long = true;
        return;
    }
    text_add(&input->held, bytes, size);
    input->too_long = input->held.failed;
}

static void hand_out(struct line_input *input)
{
    hold(input, "", 1);
    input->take(input->user, input->too_long ? NULL : input->held.bytes);
    input->too_long = false;
    text_clear(&input->held);
}

bool line_input_read(struct line_input *input)
{
    static char chunk[CHUNK];
    ssize_t size = read(input->fd, chunk, sizeof chunk);
    const char *at = chunk, *end, *last;

    if (size < 0)
        return errno == EINTR || errno == EAGAIN;
    last = chunk + size;
    while ((end = memchr(at, '\n', (size_t)(last - at))) != NULL) {
        hold(input, at, (size_t)(end - at));
        hand_out(input);
        at = end + 1;
    }
    hold(input, at, (size_t)(last - at));
    /* The last line may have no end. */
    if (size == 0 && (input->held.size > 0 || input->too_long))
        hand_out(input);
    return size > 0;
}
