// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

// The CRC32C instructions have no Swift spelling, so this much is C.

#include "CCRC32C.h"

#include <string.h>

#if defined(__x86_64__)

#include <nmmintrin.h>

bool apus_crc32c_has_hardware(void) {
    return __builtin_cpu_supports("sse4.2");
}

__attribute__((target("sse4.2")))
uint32_t apus_crc32c_hardware(uint32_t crc, const void *bytes, size_t length) {
    const uint8_t *next = bytes;
    uint64_t sum = crc;
    for (; length >= 8; length -= 8, next += 8) {
        uint64_t word;
        memcpy(&word, next, 8);
        sum = _mm_crc32_u64(sum, word);
    }
    uint32_t tail = (uint32_t)sum;
    while (length-- > 0) tail = _mm_crc32_u8(tail, *next++);
    return tail;
}

#elif defined(__aarch64__)

#include <arm_acle.h>
#include <sys/auxv.h>
#include <asm/hwcap.h>

bool apus_crc32c_has_hardware(void) {
    return getauxval(AT_HWCAP) & HWCAP_CRC32;
}

__attribute__((target("crc")))
uint32_t apus_crc32c_hardware(uint32_t crc, const void *bytes, size_t length) {
    const uint8_t *next = bytes;
    for (; length >= 8; length -= 8, next += 8) {
        uint64_t word;
        memcpy(&word, next, 8);
        crc = __crc32cd(crc, word);
    }
    while (length-- > 0) crc = __crc32cb(crc, *next++);
    return crc;
}

#else

bool apus_crc32c_has_hardware(void) { return false; }

uint32_t apus_crc32c_hardware(uint32_t crc, const void *bytes, size_t length) {
    (void)bytes;
    (void)length;
    return crc;
}

#endif
