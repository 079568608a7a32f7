// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <malloc.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <scsi/sg.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

static int result(int value) { return value < 0 ? -errno : value; }

ssize_t clinux_read_now(int fd, void *buffer, size_t count, off_t offset, bool may_wait) {
    struct iovec vector = {.iov_base = buffer, .iov_len = count};
    // Without a flag to carry, the plain call is the cheaper one.
    ssize_t bytes = may_wait ? pread(fd, buffer, count, offset) : preadv2(fd, &vector, 1, offset, RWF_NOWAIT);
    return bytes < 0 ? -errno : bytes;
}

bool clinux_is_in_memory(int fd) {
    struct statfs status;
    return fstatfs(fd, &status) == 0 && (status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC);
}

void clinux_leave_access_time(int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0) fcntl(fd, F_SETFL, flags | O_NOATIME);
}

int clinux_lock(int fd, bool exclusive) {
    struct flock lock = {.l_type = exclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET};
    return result(fcntl(fd, F_OFD_SETLK, &lock));
}

int clinux_unlock(int fd) {
    struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
    return result(fcntl(fd, F_OFD_SETLK, &lock));
}

int clinux_punch_hole(int fd, off_t offset, off_t length) {
    return result(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length));
}

int clinux_zero_range(int fd, off_t offset, off_t length) {
    return result(fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, offset, length));
}

int clinux_is_reserved(int fd, uint64_t offset, uint64_t length, uint64_t *alike) {
    // A map with room for one extent.
    struct {
        struct fiemap map;
        struct fiemap_extent extent;
    } request = {.map = {.fm_start = offset, .fm_length = length, .fm_extent_count = 1}};
    *alike = length;
    int status = result(ioctl(fd, FS_IOC_FIEMAP, &request.map));
    if (status < 0 || request.map.fm_mapped_extents == 0) return status;
    const struct fiemap_extent *extent = &request.extent;
    if (extent->fe_logical > offset) {
        *alike = extent->fe_logical - offset;
        return 0;
    }
    *alike = extent->fe_logical + extent->fe_length - offset;
    return 1;
}

bool clinux_can_reserve(int fd) {
    struct statfs system;
    if (fstatfs(fd, &system) < 0) return false;
    return system.f_type == EXT4_SUPER_MAGIC || system.f_type == XFS_SUPER_MAGIC || system.f_type == BTRFS_SUPER_MAGIC;
}

int clinux_device_size(int fd, uint64_t *bytes) { return result(ioctl(fd, BLKGETSIZE64, bytes)); }

int clinux_device_block_sizes(int fd, int *logical, unsigned int *physical) {
    int status = ioctl(fd, BLKSSZGET, logical);
    return result(status < 0 ? status : ioctl(fd, BLKPBSZGET, physical));
}

int clinux_device_is_rotational(int fd, unsigned short *rotational) {
    return result(ioctl(fd, BLKROTATIONAL, rotational));
}

int clinux_device_discard(int fd, uint64_t offset, uint64_t length) {
    uint64_t range[2] = {offset, length};
    return result(ioctl(fd, BLKDISCARD, range));
}

int clinux_device_zero(int fd, uint64_t offset, uint64_t length) {
    uint64_t range[2] = {offset, length};
    return result(ioctl(fd, BLKZEROOUT, range));
}

int clinux_clone(int to, int from) { return result(ioctl(to, FICLONE, from)); }

int clinux_event(void) { return result(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

int clinux_ready_event(void) {
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
    if (fd < 0) return -errno;
    uint64_t count = UINT64_MAX - 1;
    if (write(fd, &count, sizeof count) == sizeof count) return fd;
    int status = -errno;
    close(fd);
    return status;
}

int clinux_open_direct(int fd, bool writes, struct clinux_alignment *alignment) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int direct = open(path, O_DIRECT | O_CLOEXEC | (writes ? O_RDWR : O_RDONLY));
    if (direct < 0) return -errno;
    *alignment = (struct clinux_alignment){.memory = 4096, .offset = 4096};
#ifdef STATX_DIOALIGN
    struct statx status;
    if (statx(direct, "", AT_EMPTY_PATH, STATX_DIOALIGN, &status) == 0 && (status.stx_mask & STATX_DIOALIGN) != 0 &&
        status.stx_dio_offset_align != 0)
        *alignment = (struct clinux_alignment){.memory = status.stx_dio_mem_align, .offset = status.stx_dio_offset_align};
#endif
    return direct;
}

int clinux_will_read(int fd, off_t offset, off_t length) { return -posix_fadvise(fd, offset, length, POSIX_FADV_WILLNEED); }

void clinux_keep_freed_memory(int largest, int kept) {
    mallopt(M_MMAP_THRESHOLD, largest);
    mallopt(M_TRIM_THRESHOLD, kept);
}

static off_t next(int fd, off_t offset, int whence) {
    off_t found = lseek(fd, offset, whence);
    return found < 0 ? -errno : found;
}

off_t clinux_next_data(int fd, off_t offset) { return next(fd, offset, SEEK_DATA); }

off_t clinux_next_hole(int fd, off_t offset) { return next(fd, offset, SEEK_HOLE); }

ssize_t clinux_copy_range(int from, off_t from_offset, int to, off_t to_offset, size_t count) {
    off64_t in = from_offset, out = to_offset;
    ssize_t bytes = copy_file_range(from, &in, to, &out, count, 0);
    return bytes < 0 ? -errno : bytes;
}

int clinux_modified(const char *path, int64_t *nanoseconds) {
    struct stat status;
    if (stat(path, &status) != 0) return -errno;
    *nanoseconds = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
    return 0;
}

int clinux_send_datagram(const char *path, const char *text) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof address.sun_path) return -EINVAL;
    memcpy(address.sun_path, path, length);
    if (path[0] == '@') address.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    ssize_t sent = sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
    int status = sent < 0 ? -errno : 0;
    close(fd);
    return status;
}

int clinux_scsi(int fd, struct clinux_scsi_command *command) {
    struct sg_io_hdr header = {
        .interface_id = 'S',
        .dxfer_direction = command->data_length == 0 ? SG_DXFER_NONE : command->writes ? SG_DXFER_TO_DEV : SG_DXFER_FROM_DEV,
        .cmd_len = command->cdb_length,
        .mx_sb_len = 252,
        .dxfer_len = command->data_length,
        .dxferp = command->data,
        .cmdp = (unsigned char *)command->cdb,
        .sbp = command->sense,
        .timeout = command->timeout_milliseconds,
    };
    if (ioctl(fd, SG_IO, &header) < 0) return -errno;
    command->sense_length = header.sb_len_wr;
    command->status = header.status;
    command->residual = header.resid < 0 ? 0 : (uint32_t)header.resid;
    command->host_status = header.host_status;
    return 0;
}

int clinux_scsi_reset(int fd) {
    // 0x100 is the kernel's SG_SCSI_RESET_NO_ESCALATE, which glibc's header has not.
    int what = SG_SCSI_RESET_DEVICE | 0x100;
    return ioctl(fd, SG_SCSI_RESET, &what) < 0 ? -errno : 0;
}
