// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

// The Linux system calls that Swift's Glibc module does not show, as they need _GNU_SOURCE or variadic arguments.
// Each returns what the call returns, or the negated error number.

#ifndef APUS_CLINUX_H
#define APUS_CLINUX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

// Reads; unless it may wait for the medium, only as much as needs no waiting: -EAGAIN where that is nothing.
ssize_t clinux_read_now(int fd, void *buffer, size_t count, off_t offset, bool may_wait);

// Whether the file's file system keeps what it has in memory alone: tmpfs, ramfs.
bool clinux_is_in_memory(int fd);

// Reads shall not touch the file's access time from now on (O_NOATIME), where the process may ask for that: as its owner.
void clinux_leave_access_time(int fd);

// An open-file-description lock of the whole file: other open file descriptions that want it exclusively get -EAGAIN.
int clinux_lock(int fd, bool exclusive);

// Gives that lock back at once. Closing does so only when the last copy of the descriptor goes, and a child process that
// is about to execute a program has one for a moment.
int clinux_unlock(int fd);

// fallocate: the range reads as zeroes and gives its space back; the file keeps its size.
int clinux_punch_hole(int fd, off_t offset, off_t length);

// fallocate: the range reads as zeroes and keeps its space reserved; the file keeps its size.
int clinux_zero_range(int fd, off_t offset, off_t length);

// A counter that becomes readable when it is added to (eventfd).
int clinux_event(void);

// One that is readable for ever: each read takes one of its 2^64 - 2.
int clinux_ready_event(void);

// What reads and writes past the page cache must be multiples of: the memory's address; the offset and the length.
struct clinux_alignment {
    uint32_t memory;
    uint32_t offset;
};

// Opens the file behind `fd` once more, past the page cache; -EINVAL where its file system cannot.
int clinux_open_direct(int fd, bool writes, struct clinux_alignment *alignment);

// Has the kernel begin to read the range into the page cache.
int clinux_will_read(int fd, off_t offset, off_t length);

// Has malloc keep up to `kept` bytes at the end of each of its heaps when they are freed, and take pieces of up to
// `largest` bytes from there: what the kernel gives anew it clears page by page.
void clinux_keep_freed_memory(int largest, int kept);

// Block devices.
int clinux_device_size(int fd, uint64_t *bytes);
int clinux_device_block_sizes(int fd, int *logical, unsigned int *physical);
int clinux_device_is_rotational(int fd, unsigned short *rotational);
int clinux_device_discard(int fd, uint64_t offset, uint64_t length);
int clinux_device_zero(int fd, uint64_t offset, uint64_t length);

// Makes `to` share the blocks of `from` (a reflink): -EOPNOTSUPP, -EXDEV or -EINVAL where the file system cannot.
int clinux_clone(int to, int from);

// The offset of the first data, or of the first hole, at or after `offset`; -ENXIO past the last data.
off_t clinux_next_data(int fd, off_t offset);
off_t clinux_next_hole(int fd, off_t offset);

// Whether space is reserved at `offset`, where no data is, and how many of the `length` bytes from there are alike.
int clinux_is_reserved(int fd, uint64_t offset, uint64_t length, uint64_t *alike);

// Whether the file's file system can reserve space that reads as zeroes, and tells of it.
bool clinux_can_reserve(int fd);

// When the file was modified last, in nanoseconds since 1970.
int clinux_modified(const char *path, int64_t *nanoseconds);

// Copies within the kernel; returns the bytes copied, 0 at the end of `from`.
ssize_t clinux_copy_range(int from, off_t from_offset, int to, off_t to_offset, size_t count);

// Sends one datagram to the Unix socket at `path`; one that begins with @ has an abstract name.
int clinux_send_datagram(const char *path, const char *text);

// What a SCSI command is given, and what came of it.
struct clinux_scsi_command {
    const uint8_t *cdb;
    uint8_t cdb_length;
    // The data goes to the device rather than comes from it.
    bool writes;
    void *data;
    uint32_t data_length;
    uint32_t timeout_milliseconds;
    // 252 bytes, as much as sense data can have.
    uint8_t *sense;
    // The answer.
    uint8_t sense_length;
    uint8_t status;
    // Bytes of data that were not moved.
    uint32_t residual;
    // The host adapter's words: not 0 where the device did not answer (linux/scsi/scsi_host.h: DID_…).
    uint16_t host_status;
};

// SG_IO: has the SCSI device behind `fd` perform a command, and waits for it.
int clinux_scsi(int fd, struct clinux_scsi_command *command);

// SG_SCSI_RESET: resets the SCSI device behind `fd`, and nothing beside it.
int clinux_scsi_reset(int fd);

#endif
