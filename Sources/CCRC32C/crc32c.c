// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

// The CRC32C instructions have no Swift spelling, so this much is C.

#include "CCRC32C.h"

#include <string.h>

#if defined(__x86_64__)

#include <immintrin.h>

// The instruction has three cycles of latency for eight bytes. Long runs are folded instead by carry-less
// multiplication: a block at a distance of D bits from another counts as the same remainder when its two halves are
// multiplied by x^(D+32) and x^(D-32) modulo the polynomial (bit-reflected, as everything here) and added to it. What is left
// in the end, sixteen bytes, goes through the instruction.

#define FOLD_BY_128 0x14cd00bd6LL, 0x0f20c0dfeLL
#define FOLD_BY_512 0x09e4addf8LL, 0x0740eef02LL
#define FOLD_BY_2048 0x0b9e02b86LL, 0x0dcb17aa4LL

enum { WIDE_BYTES = 256, NARROW_BYTES = 64 };

__attribute__((target("sse4.2")))
static uint32_t step_by_step(uint32_t crc, const uint8_t *next, size_t length) {
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

__attribute__((target("sse4.2,pclmul")))
static inline __m128i folded(__m128i block, __m128i by, __m128i onto) {
    __m128i early = _mm_clmulepi64_si128(block, by, 0x00);
    __m128i late = _mm_clmulepi64_si128(block, by, 0x11);
    return _mm_xor_si128(_mm_xor_si128(early, late), onto);
}

// The remainder of four blocks that follow each other.
__attribute__((target("sse4.2,pclmul")))
static inline uint32_t remainder_of(__m128i a, __m128i b, __m128i c, __m128i d) {
    const __m128i by = _mm_set_epi64x(FOLD_BY_128);
    __m128i last = folded(folded(folded(a, by, b), by, c), by, d);
    uint64_t sum = _mm_crc32_u64(0, (uint64_t)_mm_extract_epi64(last, 0));
    return (uint32_t)_mm_crc32_u64(sum, (uint64_t)_mm_extract_epi64(last, 1));
}

// Whole blocks of NARROW_BYTES, at least one.
__attribute__((target("sse4.2,pclmul")))
static uint32_t fold_narrow(uint32_t crc, const uint8_t *next, size_t length) {
    const __m128i by = _mm_set_epi64x(FOLD_BY_512);
    const __m128i *block = (const __m128i *)next;
    __m128i a = _mm_xor_si128(_mm_loadu_si128(block), _mm_cvtsi32_si128((int)crc));
    __m128i b = _mm_loadu_si128(block + 1), c = _mm_loadu_si128(block + 2), d = _mm_loadu_si128(block + 3);
    for (length -= NARROW_BYTES, block += 4; length >= NARROW_BYTES; length -= NARROW_BYTES, block += 4) {
        a = folded(a, by, _mm_loadu_si128(block));
        b = folded(b, by, _mm_loadu_si128(block + 1));
        c = folded(c, by, _mm_loadu_si128(block + 2));
        d = folded(d, by, _mm_loadu_si128(block + 3));
    }
    return remainder_of(a, b, c, d);
}

__attribute__((target("avx512f,avx512vl,vpclmulqdq,pclmul,sse4.2")))
static inline __m512i folded_wide(__m512i block, __m512i by, __m512i onto) {
    __m512i early = _mm512_clmulepi64_epi128(block, by, 0x00);
    __m512i late = _mm512_clmulepi64_epi128(block, by, 0x11);
    // The sum of the three.
    return _mm512_ternarylogic_epi64(early, late, onto, 0x96);
}

// Whole blocks of WIDE_BYTES, at least one.
__attribute__((target("avx512f,avx512vl,vpclmulqdq,pclmul,sse4.2")))
static uint32_t fold_wide(uint32_t crc, const uint8_t *next, size_t length) {
    __m512i by = _mm512_broadcast_i32x4(_mm_set_epi64x(FOLD_BY_2048));
    __m512i a = _mm512_loadu_si512(next), b = _mm512_loadu_si512(next + 64);
    __m512i c = _mm512_loadu_si512(next + 128), d = _mm512_loadu_si512(next + 192);
    a = _mm512_xor_si512(a, _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)crc)));
    for (length -= WIDE_BYTES, next += WIDE_BYTES; length >= WIDE_BYTES; length -= WIDE_BYTES, next += WIDE_BYTES) {
        a = folded_wide(a, by, _mm512_loadu_si512(next));
        b = folded_wide(b, by, _mm512_loadu_si512(next + 64));
        c = folded_wide(c, by, _mm512_loadu_si512(next + 128));
        d = folded_wide(d, by, _mm512_loadu_si512(next + 192));
    }
    by = _mm512_broadcast_i32x4(_mm_set_epi64x(FOLD_BY_512));
    d = folded_wide(folded_wide(folded_wide(a, by, b), by, c), by, d);
    return remainder_of(
        _mm512_extracti32x4_epi32(d, 0), _mm512_extracti32x4_epi32(d, 1), _mm512_extracti32x4_epi32(d, 2),
        _mm512_extracti32x4_epi32(d, 3));
}

enum apus_crc32c_way apus_crc32c_best_way(void) {
    if (!__builtin_cpu_supports("sse4.2")) return APUS_CRC32C_NONE;
    if (!__builtin_cpu_supports("pclmul")) return APUS_CRC32C_STEPS;
    bool is_wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("vpclmulqdq");
    return is_wide ? APUS_CRC32C_WIDE_FOLDING : APUS_CRC32C_FOLDING;
}

uint32_t apus_crc32c(enum apus_crc32c_way way, uint32_t crc, const void *bytes, size_t length) {
    const uint8_t *next = bytes;
    if (way >= APUS_CRC32C_WIDE_FOLDING && length >= WIDE_BYTES) {
        size_t whole = length / WIDE_BYTES * WIDE_BYTES;
        crc = fold_wide(crc, next, whole);
        next += whole, length -= whole;
    }
    if (way >= APUS_CRC32C_FOLDING && length >= NARROW_BYTES) {
        size_t whole = length / NARROW_BYTES * NARROW_BYTES;
        crc = fold_narrow(crc, next, whole);
        next += whole, length -= whole;
    }
    return step_by_step(crc, next, length);
}

#elif defined(__aarch64__)

#include <arm_acle.h>
#include <sys/auxv.h>
#include <asm/hwcap.h>

enum apus_crc32c_way apus_crc32c_best_way(void) {
    return getauxval(AT_HWCAP) & HWCAP_CRC32 ? APUS_CRC32C_STEPS : APUS_CRC32C_NONE;
}

__attribute__((target("crc")))
uint32_t apus_crc32c(enum apus_crc32c_way way, uint32_t crc, const void *bytes, size_t length) {
    (void)way;
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

enum apus_crc32c_way apus_crc32c_best_way(void) { return APUS_CRC32C_NONE; }

uint32_t apus_crc32c(enum apus_crc32c_way way, uint32_t crc, const void *bytes, size_t length) {
    (void)way;
    (void)bytes;
    (void)length;
    return crc;
}

#endif
