/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes: the x86 instruction takes three cycles and a new one may start in each, so long
 * inputs are read in three lanes at once. The lanes' results are joined by one carry-less
 * multiplication each: to put N zero bytes behind a checksum is to multiply it by x^8N modulo the
 * polynomial, and crc32(0, a * b) multiplies by another x^33, which the constants take off. All is
 * bit-reflected, as the checksum is. Other processors go lane by lane, or by tables (slicing by 8).
 */
#include "persist/crc32c.h"

#include <pthread.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__AARCH64EL__) && defined(__linux__)
#include <sys/auxv.h>
#endif

#define POLYNOMIAL UINT32_C(0x82F63B78)

enum { SLICES = 8 };

/* Checksums under way are kept inverted, as the standard starts them; the callers below undo it. */

static uint32_t tables[SLICES][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void make_tables(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
        tables[0][byte] = crc;
    }
    for (uint32_t byte = 0; byte < 256; byte++) {
        for (int slice = 1; slice < SLICES; slice++) {
            uint32_t before = tables[slice - 1][byte];
            tables[slice][byte] = before >> 8 ^ tables[0][before & 0xFF];
        }
    }
}

static uint32_t little_endian(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

uint32_t crc32c_portable(uint32_t crc, struct slice bytes)
{
    (void)pthread_once(&tables_once, make_tables);
    crc = ~crc;
    const uint8_t *at = bytes.data;
    size_t left = bytes.size;
    for (; left >= SLICES; at += SLICES, left -= SLICES) {
        uint32_t low = little_endian(at) ^ crc, high = little_endian(at + 4);
        crc = tables[7][low & 0xFF] ^ tables[6][low >> 8 & 0xFF] ^ tables[5][low >> 16 & 0xFF] ^
              tables[4][low >> 24] ^ tables[3][high & 0xFF] ^ tables[2][high >> 8 & 0xFF] ^
              tables[1][high >> 16 & 0xFF] ^ tables[0][high >> 24];
    }
    for (; left > 0; at++, left--)
        crc = crc >> 8 ^ tables[0][(crc ^ *at) & 0xFF];
    return ~crc;
}

#if defined(__x86_64__)

#define X86_TARGET __attribute__((target("sse4.2,pclmul")))

/* The lanes' length, and x^(8 * length - 33) and x^(16 * length - 33) modulo the polynomial. */
enum { LANE_BYTES = 256 };
#define OVER_ONE_LANE  0xB9E02B86
#define OVER_TWO_LANES 0xDD7E3B0C

static uint64_t word_at(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

X86_TARGET static inline uint64_t multiply(uint64_t crc, uint32_t constant)
{
    __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)crc),
                                           _mm_cvtsi64_si128((long long)constant), 0);
    return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

X86_TARGET static uint64_t three_lanes(uint64_t crc, const uint8_t *at)
{
    uint64_t second = 0, third = 0;
    for (size_t i = 0; i < LANE_BYTES; i += 8) {
        crc = _mm_crc32_u64(crc, word_at(at + i));
        second = _mm_crc32_u64(second, word_at(at + LANE_BYTES + i));
        third = _mm_crc32_u64(third, word_at(at + 2 * LANE_BYTES + i));
    }
    return multiply(crc, OVER_TWO_LANES) ^ multiply(second, OVER_ONE_LANE) ^ third;
}

X86_TARGET static uint32_t by_hardware(uint32_t start, struct slice bytes)
{
    uint64_t crc = ~start;
    const uint8_t *at = bytes.data;
    size_t left = bytes.size;
    for (; left >= 3 * LANE_BYTES; at += 3 * LANE_BYTES, left -= 3 * LANE_BYTES)
        crc = three_lanes(crc, at);
    for (; left >= 8; at += 8, left -= 8)
        crc = _mm_crc32_u64(crc, word_at(at));
    for (; left > 0; at++, left--)
        crc = _mm_crc32_u8((uint32_t)crc, *at);
    return ~(uint32_t)crc;
}

/* Reads what the compiler's start-up code found out. */
static bool have_hardware(void)
{
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}

#elif defined(__AARCH64EL__) && defined(__linux__)

/* As assembly: compilers declare the intrinsics only where every processor has them. */
static uint32_t add_word(uint32_t crc, uint64_t word)
{
    __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(word));
    return crc;
}

static uint32_t add_byte(uint32_t crc, uint32_t byte)
{
    __asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(crc) : "r"(byte));
    return crc;
}

static uint32_t by_hardware(uint32_t start, struct slice bytes)
{
    uint32_t crc = ~start;
    const uint8_t *at = bytes.data;
    size_t left = bytes.size;
    for (; left >= 8; at += 8, left -= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        crc = add_word(crc, word);
    }
    for (; left > 0; at++, left--)
        crc = add_byte(crc, *at);
    return ~crc;
}

static bool have_hardware(void)
{
#ifdef __ARM_FEATURE_CRC32
    return true;
#else
    enum { HARDWARE_CRC32 = 1 << 7 }; /* HWCAP_CRC32 */
    return (getauxval(AT_HWCAP) & HARDWARE_CRC32) != 0;
#endif
}

#else

static uint32_t by_hardware(uint32_t crc, struct slice bytes)
{
    return crc32c_portable(crc, bytes);
}

static bool have_hardware(void)
{
    return false;
}

#endif

uint32_t crc32c(uint32_t crc, struct slice bytes)
{
    return have_hardware() ? by_hardware(crc, bytes) : crc32c_portable(crc, bytes);
}
