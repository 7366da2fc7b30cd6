/* SPDX-License-Identifier: MIT */
/*
 * A long wire on one machine: two network namespaces, each with a TUN device, and this program
 * between them, which holds every packet for a while. For kernels without netem. usage() says how
 * to use it.
 *
 * The outer process only waits. The inner one is process 1 of a PID namespace and moves the
 * packets; it ends as soon as the outer one is gone, however that died, and then the kernel kills
 * all others and takes the devices and namespaces away.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_tun.h>
#include <linux/ipv6.h>
#include <net/if.h>

#include "core/clock.h"

#define EXIT_LINK 125 /* the link itself failed, as with env(1) and timeout(1) */
#define DELAY_MAX_MS 60000.0
#define DEVICE "link0"
#define PACKET_MAX 65600 /* with offloads a packet is as large as IP allows, and has a header */
#define QUEUE_MAX ((size_t)128 << 20)
#define READ_BURST 64 /* packets from one side before the other side has its turn */

enum end_id {
    NEAR,
    FAR,
    ENDS,
};

/* The addresses are those for documentation (RFC 5737, RFC 3849), which nobody else uses. */
struct place {
    const char *name;
    const char *v4;
    const char *v6;
    const char *env4;
    const char *env6;
};

static const struct place places[ENDS] = {
    [NEAR] = {"near", "192.0.2.1", "2001:db8::1", "LINK_NEAR", "LINK_NEAR6"},
    [FAR] = {"far", "192.0.2.2", "2001:db8::2", "LINK_FAR", "LINK_FAR6"},
};

struct packet {
    struct packet *next;
    int64_t due_ns;
    size_t size;
    unsigned char data[];
};

/* Packets on their way to one end. All wait equally long, so the first is always due first. */
struct queue {
    struct packet *first;
    struct packet **last;
    size_t bytes;
};

struct end {
    int tun;
    int netns;
    pid_t pid;
    struct queue inbound;
};

struct link {
    int64_t delay_ns;
    struct end ends[ENDS];
    int leash;   /* hangs up when the outer process is gone */
    int sigchld; /* signalfd(2) */
};

static _Noreturn void fail(const char *what)
{
    (void)fprintf(stderr, "link: %s: %s\n", what, strerror(errno));
    exit(EXIT_LINK);
}

/* --- packets ------------------------------------------------------------------------------------
 */

static void queue_push(struct queue *queue, const void *data, size_t size, int64_t due_ns)
{
    struct packet *packet = malloc(sizeof(*packet) + size);

    if (!packet)
        return; /* a wire may lose packets */
    packet->next = NULL;
    packet->due_ns = due_ns;
    packet->size = size;
    memcpy(packet->data, data, size);
    *queue->last = packet;
    queue->last = &packet->next;
    queue->bytes += size;
}

static void queue_pop(struct queue *queue)
{
    struct packet *packet = queue->first;

    queue->first = packet->next;
    if (!queue->first)
        queue->last = &queue->first;
    queue->bytes -= packet->size;
    free(packet);
}

static void end_deliver(struct end *end, int64_t now_ns)
{
    while (end->inbound.first && end->inbound.first->due_ns <= now_ns) {
        const struct packet *packet = end->inbound.first;

        /* What the kernel refuses is lost, as on any wire. */
        if (write(end->tun, packet->data, packet->size) < 0 && errno == EINTR)
            continue;
        queue_pop(&end->inbound);
    }
}

static void end_collect(const struct end *from, struct end *to, int64_t delay_ns)
{
    unsigned char data[PACKET_MAX];

    for (int i = 0; i < READ_BURST; i++) {
        ssize_t size = read(from->tun, data, sizeof(data));

        if (size <= 0)
            return;
        queue_push(&to->inbound, data, (size_t)size, clock_ns() + delay_ns);
    }
}

/* How long until the next packet is due; NULL where none is under way. */
static struct timespec *link_pause(const struct link *link, struct timespec *pause)
{
    int64_t due_ns = INT64_MAX;
    int64_t left_ns;

    for (size_t i = 0; i < ENDS; i++) {
        const struct packet *packet = link->ends[i].inbound.first;

        if (packet && packet->due_ns < due_ns)
            due_ns = packet->due_ns;
    }
    if (due_ns == INT64_MAX)
        return NULL;
    left_ns = due_ns - clock_ns();
    if (left_ns < 0)
        left_ns = 0;
    pause->tv_sec = left_ns / CLOCK_S;
    pause->tv_nsec = left_ns % CLOCK_S;
    return pause;
}

/* Buries whoever died: process 1 inherits all orphans. True, with the wait status, when near did.
 */
static bool link_reap(const struct link *link, int *status)
{
    struct signalfd_siginfo info;
    int any;
    pid_t pid;
    bool over = false;

    (void)!read(link->sigchld, &info, sizeof(info));
    while ((pid = waitpid(-1, &any, WNOHANG)) > 0) {
        if (pid == link->ends[NEAR].pid) {
            *status = any;
            over = true;
        }
    }
    return over;
}

/* Moves packets until the near command ends; returns its wait status. */
static int link_run(struct link *link)
{
    struct end *ends = link->ends;
    int status = 0;

    for (;;) {
        struct timespec pause;
        struct pollfd fds[] = {
            [NEAR] = {ends[FAR].inbound.bytes < QUEUE_MAX ? ends[NEAR].tun : -1, POLLIN, 0},
            [FAR] = {ends[NEAR].inbound.bytes < QUEUE_MAX ? ends[FAR].tun : -1, POLLIN, 0},
            {link->sigchld, POLLIN, 0},
            {link->leash, POLLIN, 0},
        };
        int64_t now_ns;

        if (ppoll(fds, sizeof(fds) / sizeof(fds[0]), link_pause(link, &pause), NULL) < 0 &&
            errno != EINTR)
            fail("poll");
        now_ns = clock_ns();
        end_deliver(&ends[NEAR], now_ns);
        end_deliver(&ends[FAR], now_ns);
        if (fds[NEAR].revents)
            end_collect(&ends[NEAR], &ends[FAR], link->delay_ns);
        if (fds[FAR].revents)
            end_collect(&ends[FAR], &ends[NEAR], link->delay_ns);
        if (fds[ENDS].revents && link_reap(link, &status))
            return status;
        if (fds[ENDS + 1].revents)
            exit(EXIT_LINK);
    }
}

/* --- namespaces and devices ---------------------------------------------------------------------
 */

static void device_up(int sock, const char *name)
{
    struct ifreq request = {0};

    (void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(sock, SIOCSIFFLAGS, &request) < 0)
        fail(name);
}

static void device_set_v4(int sock, unsigned long what, const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct ifreq request = {.ifr_name = DEVICE};

    (void)inet_pton(AF_INET, text, &address.sin_addr);
    memcpy(&request.ifr_addr, &address, sizeof(address));
    if (ioctl(sock, what, &request) < 0)
        fail(text);
}

/* Best effort: where the kernel has no IPv6, the link has none. */
static void device_set_v6(const char *text)
{
    struct in6_ifreq request = {.ifr6_prefixlen = 64, .ifr6_ifindex = (int)if_nametoindex(DEVICE)};
    int sock = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (sock < 0)
        return;
    (void)inet_pton(AF_INET6, text, &request.ifr6_addr);
    (void)ioctl(sock, SIOCSIFADDR, &request);
    (void)close(sock);
}

/*
 * A device in the present network namespace. With its header in front, a packet keeps its offloads:
 * up to 64 KiB of a TCP stream cross in one piece, without a checksum, as between real cards.
 */
static int device_new(const struct place *place)
{
    struct ifreq request = {.ifr_name = DEVICE, .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
    int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (tun < 0)
        fail("/dev/net/tun");
    if (sock < 0)
        fail("socket");
    if (ioctl(tun, TUNSETIFF, &request) < 0 ||
        ioctl(tun, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0)
        fail(DEVICE);
    device_set_v4(sock, SIOCSIFADDR, place->v4);
    device_set_v4(sock, SIOCSIFNETMASK, "255.255.255.0");
    device_up(sock, "lo");
    device_up(sock, DEVICE);
    device_set_v6(place->v6);
    (void)close(sock);
    return tun;
}

static void end_init(struct end *end, const struct place *place)
{
    if (unshare(CLONE_NEWNET) < 0)
        fail("network namespace");
    end->netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (end->netns < 0)
        fail("/proc/self/ns/net");
    end->tun = device_new(place);
    end->inbound.last = &end->inbound.first;
    if (setenv(place->env4, place->v4, 1) < 0 || setenv(place->env6, place->v6, 1) < 0)
        fail("environment");
}

/* Mounts stay in here, and /proc shows the processes that are in here. */
static void mounts_init(void)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        fail("mount namespace");
}

/* --- commands -----------------------------------------------------------------------------------
 */

/* The far end is scenery: it reads nothing, and what it says is not the output of the link. */
static void become_scenery(void)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        fail("/dev/null");
}

static pid_t start(const struct link *link, enum end_id id, const char *command)
{
    sigset_t none;
    pid_t pid = fork();

    if (pid < 0)
        fail("fork");
    if (pid > 0)
        return pid;
    if (setns(link->ends[id].netns, CLONE_NEWNET) < 0)
        fail(places[id].name);
    if (id == FAR)
        become_scenery();
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    fail("/bin/sh");
}

/* Process 1 of the PID namespace. Returns what the outer process will exit with. */
static int inner(struct link *link, char *const commands[ENDS])
{
    sigset_t chld;
    int status;

    mounts_init();
    for (size_t i = 0; i < ENDS; i++)
        end_init(&link->ends[i], &places[i]);
    (void)sigemptyset(&chld);
    (void)sigaddset(&chld, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &chld, NULL);
    link->sigchld = signalfd(-1, &chld, SFD_NONBLOCK | SFD_CLOEXEC);
    if (link->sigchld < 0)
        fail("signalfd");
    /* The kernel rounds waits to 50 us unless told otherwise. */
    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    link->ends[FAR].pid = start(link, FAR, commands[FAR]);
    link->ends[NEAR].pid = start(link, NEAR, commands[NEAR]);
    status = link_run(link);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* --- start --------------------------------------------------------------------------------------
 */

static int usage(FILE *out, int status)
{
    (void)fputs(
        "usage: link MS NEAR FAR\n"
        "Joins two network namespaces by a wire on which every packet takes MS milliseconds (one way;\n"
        "fractions allowed), runs the shell command FAR in one and NEAR in the other, and exits as NEAR\n"
        "does, with 128+n when signal n killed it. All processes that are left then are killed.\n"
        "\n"
        "  near   192.0.2.1  2001:db8::1   $LINK_NEAR  $LINK_NEAR6\n"
        "  far    192.0.2.2  2001:db8::2   $LINK_FAR   $LINK_FAR6\n"
        "\n"
        "NEAR has the stdin, stdout and stderr of link. FAR has no stdin, and writes to the stderr of link.\n"
        "NEAR must wait for what it needs of FAR: they start at the same time. Both have loopback, no other\n"
        "network, and share a mount and a PID namespace of their own, so what they mount goes with them.\n"
        "Whatever ends link, a SIGKILL too, ends all of it.\n"
        "\n"
        "Exits with 125 when the link cannot be made: it needs root and /dev/net/tun.\n"
        "\n"
        "Example, a round trip of 50 ms:\n"
        "  link 25 'until nc -d $LINK_FAR 7000; do sleep 0.1; done' 'date | nc -lN 7000'\n",
        out);
    return status;
}

static bool parse_delay(const char *text, int64_t *out_ns)
{
    char *end;
    double ms = strtod(text, &end);

    if (end == text || *end || !(ms >= 0 && ms <= DELAY_MAX_MS))
        return false;
    *out_ns = (int64_t)(ms * (double)CLOCK_MS);
    return true;
}

int main(int argc, char **argv)
{
    struct link link = {0};
    int leash[2];
    int status;
    pid_t pid;

    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return usage(stdout, 0);
    if (argc != 4 || !parse_delay(argv[1], &link.delay_ns))
        return usage(stderr, EXIT_LINK);
    if (pipe2(leash, O_CLOEXEC) < 0)
        fail("pipe");
    if (unshare(CLONE_NEWPID) < 0)
        fail("PID namespace");
    pid = fork();
    if (pid < 0)
        fail("fork");
    if (pid == 0) {
        (void)close(leash[1]);
        link.leash = leash[0];
        exit(inner(&link, argv + 2));
    }
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            fail("wait");
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_LINK;
}
