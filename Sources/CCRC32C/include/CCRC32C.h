// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

#ifndef APUS_CRC32C_H
#define APUS_CRC32C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// How a CRC32C (Castagnoli, RFC 3385) is computed, the slower ways first.
enum apus_crc32c_way {
    /// Not by this processor.
    APUS_CRC32C_NONE,
    /// By its instruction for CRC32C, eight bytes a time.
    APUS_CRC32C_STEPS,
    /// By carry-less multiplication, 64 bytes a time.
    APUS_CRC32C_FOLDING,
    /// The same with AVX-512, 256 bytes a time.
    APUS_CRC32C_WIDE_FOLDING,
};

/// The best way that this processor has.
enum apus_crc32c_way apus_crc32c_best_way(void);

/// Continues a CRC32C over `length` bytes. `way` is one that this processor has, and not the first.
uint32_t apus_crc32c(enum apus_crc32c_way way, uint32_t crc, const void *bytes, size_t length);

#endif
