/* SPDX-License-Identifier: MIT */
#include "core/stream.h"

#include "core/clock.h"

void stream_close(struct stream *stream)
{
    if (stream)
        stream->ops->close(stream);
}

int stream_socket(const struct stream *stream)
{
    return stream->rfd == stream->wfd ? stream->rfd : -1;
}

int stream_watch(struct stream *stream, struct pollfd *pfd)
{
    if (stream->ops->watch)
        return stream->ops->watch(stream, pfd);
    *pfd = (struct pollfd){.fd = stream->wfd};
    return 0;
}

int64_t stream_tick(struct stream *stream)
{
    return stream->ops->tick ? stream->ops->tick(stream) : CLOCK_NEVER;
}

int stream_finish(struct stream *stream, struct err *err)
{
    return stream->ops->finish ? stream->ops->finish(stream, err) : 0;
}
