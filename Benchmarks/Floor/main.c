// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

// The least that serving a block can cost on this machine: requests over loopback TCP, a pread or pwrite for each, and
// nothing else. What a target needs beyond this is its own.
//
//     bench-floor read|write BYTES DEPTH SECONDS FILE
//
// A read is 48 bytes that are answered by 48 and the data; a write is 48 bytes and the data, answered by 48. DEPTH
// requests are under way. The server takes all that a receive brought before it answers. Prints the number of
// operations, the seconds, and the server's processor time in nanoseconds.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { HEADER = 48, RECEIVED = 256 * 1024 };

static void check(bool good, const char *what) {
    if (good) return;
    fprintf(stderr, "bench-floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void send_all(int socket, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t sent = send(socket, bytes, count, MSG_NOSIGNAL);
        check(sent > 0, "send");
        bytes += sent;
        count -= sent;
    }
}

// A place in the file for each operation, the same in every run.
static off_t next_place(uint64_t *state, off_t places, size_t bytes) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (off_t)((*state >> 33) % (uint64_t)places) * (off_t)bytes;
}

static void serve(int socket, int file, bool reads, size_t bytes, int depth) {
    size_t request = HEADER + (reads ? 0 : bytes), answer = HEADER + (reads ? bytes : 0);
    struct stat status;
    check(fstat(file, &status) == 0 && status.st_size >= (off_t)bytes, "file");
    off_t places = status.st_size / (off_t)bytes;
    char *in = calloc(1, request + RECEIVED), *out = calloc(depth, answer);
    check(in != NULL && out != NULL, "memory");
    size_t held = 0;
    uint64_t state = 1;
    for (;;) {
        ssize_t got = recv(socket, in + held, RECEIVED, 0);
        if (got <= 0) return;
        held += got;
        size_t taken = 0, filled = 0;
        for (; held - taken >= request; taken += request) {
            off_t place = next_place(&state, places, bytes);
            if (reads) {
                check(pread(file, out + filled + HEADER, bytes, place) == (ssize_t)bytes, "pread");
            } else {
                check(pwrite(file, in + taken + HEADER, bytes, place) == (ssize_t)bytes, "pwrite");
            }
            memcpy(out + filled, in + taken, HEADER);
            filled += answer;
        }
        held -= taken;
        memmove(in, in + taken, held);
        send_all(socket, out, filled);
    }
}

// Keeps `depth` requests under way for so many seconds; returns the operations done.
static long ask(int socket, bool reads, size_t bytes, int depth, double seconds) {
    size_t request = HEADER + (reads ? 0 : bytes), answer = HEADER + (reads ? bytes : 0);
    char *out = calloc(depth, request), *in = malloc(RECEIVED);
    check(in != NULL && out != NULL, "memory");
    send_all(socket, out, depth * request);
    long done = 0, under_way = depth;
    size_t rest = 0;
    double end = now() + seconds;
    while (under_way > 0) {
        ssize_t got = recv(socket, in, RECEIVED, 0);
        check(got > 0, "recv");
        long answered = (rest + got) / answer;
        rest = (rest + got) % answer;
        done += answered;
        under_way -= answered;
        if (answered > 0 && now() < end) {
            send_all(socket, out, answered * request);
            under_way += answered;
        }
    }
    return done;
}

int main(int count, char **words) {
    bool reads = count == 6 && strcmp(words[1], "read") == 0;
    if (count != 6 || (!reads && strcmp(words[1], "write") != 0)) {
        fprintf(stderr, "usage: bench-floor read|write BYTES DEPTH SECONDS FILE\n");
        return 64;
    }
    size_t bytes = strtoul(words[2], NULL, 10);
    int depth = atoi(words[3]), file = open(words[5], O_RDWR);
    double seconds = atof(words[4]);
    check(file >= 0, words[5]);
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    check(bind(listener, (struct sockaddr *)&address, length) == 0 && listen(listener, 1) == 0, "listen");
    getsockname(listener, (struct sockaddr *)&address, &length);
    pid_t server = fork();
    check(server >= 0, "fork");
    if (server == 0) {
        int peer = accept(listener, NULL, NULL);
        setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        serve(peer, file, reads, bytes, depth);
        return 0;
    }
    int client = socket(AF_INET, SOCK_STREAM, 0);
    check(connect(client, (struct sockaddr *)&address, length) == 0, "connect");
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    double start = now();
    long done = ask(client, reads, bytes, depth, seconds);
    double elapsed = now() - start;
    close(client);
    struct rusage used;
    check(wait4(server, NULL, 0, &used) == server, "wait");
    double cpu = (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e9 +
                 (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e3;
    printf("%ld %.6f %.0f\n", done, elapsed, cpu);
    return 0;
}
