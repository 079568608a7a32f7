// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

#ifndef APUS_CRC32C_H
#define APUS_CRC32C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Whether this processor has CRC32C instructions.
bool apus_crc32c_has_hardware(void);

/// Continues a CRC32C (Castagnoli, RFC 3385) over `length` bytes with the processor's instructions.
/// Only to be called where `apus_crc32c_has_hardware` is true.
uint32_t apus_crc32c_hardware(uint32_t crc, const void *bytes, size_t length);

#endif
