/* SPDX-License-Identifier: MIT */
#include "transports/curl/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/os.h"

curl_socket_t gate_open(struct gate *gate, struct curl_sockaddr *address, struct err *err)
{
    /* The room that libcurl gives for an address is that of any. */
    _Static_assert(sizeof(gate->address) <= sizeof(struct sockaddr_storage), "fits");
    int fd;

    gate->listener = os_listener_new(&gate->address, &gate->size);
    fd = gate->listener == -1 ? -1 : os_socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd == -1) {
        (void)err_set(err, ERR_CONNECT, "a socket for libcurl: %s", strerror(errno));
        gate_close(gate);
        return CURL_SOCKET_BAD;
    }
    address->family = AF_UNIX;
    address->socktype = SOCK_STREAM;
    address->protocol = 0;
    address->addrlen = gate->size;
    memcpy(&address->addr, &gate->address, gate->size);
    return fd;
}

int gate_accept(struct gate *gate)
{
    int fd = accept(gate->listener, NULL, NULL);

    if (fd == -1)
        return -1;
    if (!os_is_own_peer(fd)) {
        (void)close(fd);
        errno = EAGAIN;
        return -1;
    }
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    gate_close(gate);
    return fd;
}

void gate_close(struct gate *gate)
{
    if (gate->listener != -1)
        os_listener_close(gate->listener, &gate->address);
    gate->listener = -1;
}
