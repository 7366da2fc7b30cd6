/* SPDX-License-Identifier: MIT */
#include "core/stream.h"

void stream_close(struct stream *stream)
{
    if (stream)
        stream->ops->close(stream);
}

int stream_socket(const struct stream *stream)
{
    return stream->rfd == stream->wfd ? stream->rfd : -1;
}

int stream_finish(struct stream *stream, struct err *err)
{
    return stream->ops->finish ? stream->ops->finish(stream, err) : 0;
}
