/* What Swift cannot spell: asking the CPU what it can do, and the few instructions that its SIMD types have no name
 * for. Every function is inlined into its caller, and so compiled for the caller's instruction set. */
#ifndef ATTEND_INSTRUCTIONS_H
#define ATTEND_INSTRUCTIONS_H

#include <cpuid.h>
#include <immintrin.h>
#include <stdint.h>

#define ATTEND_INLINE static inline __attribute__((always_inline))

/* ---- The CPU ---------------------------------------------------------------------------------------------------- */

enum {
    ATTEND_CPU_AVX2 = 1,        /* AVX2, FMA, F16C, BMI1, BMI2, and an operating system that keeps the YMM registers */
    ATTEND_CPU_AVX512 = 2,      /* AVX-512 F, CD, BW, DQ, VL besides, and the ZMM registers */
    ATTEND_CPU_AVX512_VNNI = 4, /* vpdpbusd on ZMM registers */
    ATTEND_CPU_AVX512_BF16 = 8, /* vdpbf16ps */
    ATTEND_CPU_AVX_VNNI = 16,   /* vpdpbusd on YMM registers without AVX-512 */
    ATTEND_CPU_AMX_INT8 = 32    /* tdpbusd, vpdpbusd on ZMM registers, and a system that keeps tiles */
};

/** What this CPU and its operating system can run, as ATTEND_CPU_ bits. */
ATTEND_INLINE uint32_t attend_cpu_features(void) {
    unsigned a, b, c, d, low, high;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
    const unsigned basic = bit_OSXSAVE | bit_AVX | bit_FMA | bit_F16C | bit_MOVBE | bit_POPCNT;
    if ((c & basic) != basic) return 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & 0x06) != 0x06) return 0;
    if (!__get_cpuid(0x80000001, &a, &b, &c, &d) || !(c & bit_LZCNT)) return 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    const unsigned levels = a, more = d, wide = bit_AVX512F | bit_AVX512CD | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    const unsigned ymm = bit_AVX2 | bit_BMI | bit_BMI2;
    if ((b & ymm) != ymm) return 0;
    uint32_t features = ATTEND_CPU_AVX2;
    const int zmm = (low & 0xe6) == 0xe6 && (b & wide) == wide;
    if (zmm) features |= ATTEND_CPU_AVX512;
    if (zmm && (c & bit_AVX512VNNI)) features |= ATTEND_CPU_AVX512_VNNI;
    const unsigned tiles = 1u << 24 | 1u << 25; /* AMX-TILE and AMX-INT8; the system keeps both halves of their state */
    if ((features & ATTEND_CPU_AVX512_VNNI) && (more & tiles) == tiles && (low & 0x60000) == 0x60000)
        features |= ATTEND_CPU_AMX_INT8;
    if (levels >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d)) {
        if (zmm && (a & (1u << 5))) features |= ATTEND_CPU_AVX512_BF16;
        if (a & (1u << 4)) features |= ATTEND_CPU_AVX_VNNI;
    }
    return features;
}

/** Tells the CPU that this is a waiting loop. */
ATTEND_INLINE void attend_pause(void) { _mm_pause(); }

/* Vectors wider than the registers are split; nothing of this is ever called across a boundary where that would matter.
 */
#pragma clang diagnostic ignored "-Wpsabi"

/* ---- Vectors ---------------------------------------------------------------------------------------------------- */

typedef float attend_f32x16 __attribute__((ext_vector_type(16)));
typedef int32_t attend_i32x16 __attribute__((ext_vector_type(16)));
typedef uint16_t attend_u16x16 __attribute__((ext_vector_type(16), aligned(1)));

typedef float attend_f32x16_any __attribute__((ext_vector_type(16), aligned(1), may_alias));

/** Sixteen numbers at any address. Swift's own ways to read and write them are at times calls, to functions that other
 * modules may share. */
ATTEND_INLINE attend_f32x16 attend_load(const float *address) { return *(const attend_f32x16_any *)address; }

/** Sixteen numbers to any address. */
ATTEND_INLINE void attend_store(float *address, attend_f32x16 v) { *(attend_f32x16_any *)address = v; }

/** Sixteen numbers to an address that is a multiple of 64, past the caches. `attend_end_stream` comes after the last.
 */
ATTEND_INLINE void attend_stream(float *address, attend_f32x16 v) {
    __builtin_nontemporal_store(v, (attend_f32x16 *)address);
}

/** Lets other threads see what was streamed before they see what is written after. */
ATTEND_INLINE void attend_end_stream(void) { _mm_sfence(); }

typedef float attend_f32x8_any __attribute__((ext_vector_type(8), aligned(1), may_alias));

/** Eight numbers at any address, each twice. */
ATTEND_INLINE attend_f32x16 attend_load_twice(const float *address) {
    const attend_f32x8_any v = *(const attend_f32x8_any *)address;
    return __builtin_shufflevector(v, v, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
}

/** The two of every pair of lanes exchanged. */
ATTEND_INLINE attend_f32x16 attend_exchange_pairs(attend_f32x16 v) {
    return __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
}

/* Sums and differences of lanes whose numbers differ in one bit: the sum goes to the lower of the two. */
#define ATTEND_BUTTERFLY(distance, signs, ...)                                        \
    ATTEND_INLINE attend_f32x16 attend_butterfly##distance(attend_f32x16 v) {         \
        return __builtin_shufflevector(v, v, __VA_ARGS__) + v * (attend_f32x16)signs; \
    }
#define ATTEND_SIGNS(...) { __VA_ARGS__ }
ATTEND_BUTTERFLY(1, ATTEND_SIGNS(1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1), 1, 0, 3, 2, 5, 4, 7, 6, 9, 8,
                 11, 10, 13, 12, 15, 14)
ATTEND_BUTTERFLY(2, ATTEND_SIGNS(1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1), 2, 3, 0, 1, 6, 7, 4, 5, 10,
                 11, 8, 9, 14, 15, 12, 13)
ATTEND_BUTTERFLY(4, ATTEND_SIGNS(1, 1, 1, 1, -1, -1, -1, -1, 1, 1, 1, 1, -1, -1, -1, -1), 4, 5, 6, 7, 0, 1, 2, 3, 12,
                 13, 14, 15, 8, 9, 10, 11)
ATTEND_BUTTERFLY(8, ATTEND_SIGNS(1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1, -1), 8, 9, 10, 11, 12, 13, 14, 15,
                 0, 1, 2, 3, 4, 5, 6, 7)
#undef ATTEND_SIGNS
#undef ATTEND_BUTTERFLY

/* Turns sixteen rows into columns at `to`, whose rows are `to_stride` apart. */
ATTEND_INLINE void attend_store_turned(attend_f32x16 rows[16], float *to, long to_stride) {
    /* Blocks of 8, 4, 2 and 1 numbers change places across the diagonal. */
    for (int i = 0; i < 16; i++)
        if (!(i & 8)) {
            const attend_f32x16 a = rows[i], b = rows[i + 8];
            rows[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
            rows[i + 8] = __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
        }
    for (int i = 0; i < 16; i++)
        if (!(i & 4)) {
            const attend_f32x16 a = rows[i], b = rows[i + 4];
            rows[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
            rows[i + 4] = __builtin_shufflevector(a, b, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
        }
    for (int i = 0; i < 16; i++)
        if (!(i & 2)) {
            const attend_f32x16 a = rows[i], b = rows[i + 2];
            rows[i] = __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
            rows[i + 2] = __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
        }
    for (int i = 0; i < 16; i++)
        if (!(i & 1)) {
            const attend_f32x16 a = rows[i], b = rows[i + 1];
            rows[i] = __builtin_shufflevector(a, b, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);
            rows[i + 1] = __builtin_shufflevector(a, b, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
        }
    for (int i = 0; i < 16; i++) attend_store(to + i * to_stride, rows[i]);
}

/** Sixteen rows of sixteen numbers from `from`, `stride` numbers apart, to columns at `to`, whose rows are `to_stride`
 * apart. */
ATTEND_INLINE void attend_transpose(const float *from, long stride, float *to, long to_stride) {
    attend_f32x16 rows[16];
    for (int i = 0; i < 16; i++) rows[i] = attend_load(from + i * stride);
    attend_store_turned(rows, to, to_stride);
}

/** a * b + c in every lane, rounded once. */
ATTEND_INLINE attend_f32x16 attend_fma(attend_f32x16 a, attend_f32x16 b, attend_f32x16 c) {
    return __builtin_elementwise_fma(a, b, c);
}

/** The sum of the lanes by the fixed tree 8, 4, 2, 1. */
ATTEND_INLINE float attend_sum(attend_f32x16 v) {
    const __auto_type eight = v.lo + v.hi;
    const __auto_type four = eight.lo + eight.hi;
    const __auto_type two = four.lo + four.hi;
    return two.x + two.y;
}

/** The largest lane, where none is NaN. */
ATTEND_INLINE float attend_largest(attend_f32x16 v) {
    const __auto_type eight = v.lo > v.hi ? v.lo : v.hi;
    const __auto_type four = eight.lo > eight.hi ? eight.lo : eight.hi;
    const __auto_type two = four.lo > four.hi ? four.lo : four.hi;
    return two.x > two.y ? two.x : two.y;
}

/** Sixteen unsigned numbers of 16 bits at `address`, in 32 bits each. */
ATTEND_INLINE attend_i32x16 attend_widen16(const void *address) {
    return __builtin_convertvector(*(const attend_u16x16 *)address, attend_i32x16);
}

/** Sixteen numbers in bfloat16 at `address`, as float32. */
ATTEND_INLINE attend_f32x16 attend_widen_bfloat16(const void *address) {
    return (attend_f32x16)(attend_widen16(address) << 16);
}

/** IEEE half precision from its bits: exponent and fraction moved to their places in a float32, then 2^112 corrects the
 * bias of the exponent, which also makes subnormals right. */
ATTEND_INLINE attend_f32x16 attend_widen_half(attend_i32x16 bits) {
    const attend_i32x16 sign = (bits & 0x8000) << 16, size = (bits & 0x7fff) << 13;
    const attend_i32x16 normal = (attend_i32x16)((attend_f32x16)size * 0x1p112f);
    const attend_i32x16 special = size | 0x7f800000; /* infinity and NaN */
    return (attend_f32x16)((size >= (0x7c00 << 13) ? special : normal) | sign);
}

/** `attend_transpose` of numbers in bfloat16. */
ATTEND_INLINE void attend_transpose_bfloat16(const void *from, long stride, float *to, long to_stride) {
    attend_f32x16 rows[16];
    for (int i = 0; i < 16; i++) rows[i] = attend_widen_bfloat16((const uint16_t *)from + i * stride);
    attend_store_turned(rows, to, to_stride);
}

/** `attend_transpose` of numbers in half precision. */
ATTEND_INLINE void attend_transpose_half(const void *from, long stride, float *to, long to_stride) {
    attend_f32x16 rows[16];
    for (int i = 0; i < 16; i++) rows[i] = attend_widen_half(attend_widen16((const uint16_t *)from + i * stride));
    attend_store_turned(rows, to, to_stride);
}

/** Every lane as float32, rounded to nearest. */
ATTEND_INLINE attend_f32x16 attend_to_float(attend_i32x16 v) { return __builtin_convertvector(v, attend_f32x16); }

typedef uint8_t attend_u8x16_any __attribute__((ext_vector_type(16), aligned(1)));

/** The low 16 bits of every lane to `address`. */
ATTEND_INLINE void attend_narrow16(void *address, attend_i32x16 v) {
    *(attend_u16x16 *)address = __builtin_convertvector(v, attend_u16x16);
}

/** The low 8 bits of every lane to `address`. */
ATTEND_INLINE void attend_narrow8(void *address, attend_i32x16 v) {
    *(attend_u8x16_any *)address = __builtin_convertvector(v, attend_u8x16_any);
}

typedef int8_t attend_i8x16_any __attribute__((ext_vector_type(16), aligned(1)));

/** Sixteen signed bytes at `address`, in 32 bits each. */
ATTEND_INLINE attend_i32x16 attend_widen8(const void *address) {
    return __builtin_convertvector(*(const attend_i8x16_any *)address, attend_i32x16);
}

/** Sixteen unsigned bytes at `address`, in 32 bits each. */
ATTEND_INLINE attend_i32x16 attend_widen_unsigned8(const void *address) {
    return __builtin_convertvector(*(const attend_u8x16_any *)address, attend_i32x16);
}

/** The largest lane. */
ATTEND_INLINE int32_t attend_largest_integer(attend_i32x16 v) { return __builtin_reduce_max(v); }

/** The sum of the lanes. */
ATTEND_INLINE int32_t attend_sum_integer(attend_i32x16 v) { return __builtin_reduce_add(v); }

/* ---- Products of small numbers: the last operand is broadcast or loaded, the sums are exact
 * ------------------------------ The instructions are spelled in assembly because the targets that hold them are
 * compiled for CPUs without them; who calls them has asked attend_cpu_features. */

#ifdef __AVX512BW__
/** sums + a * b in every lane, rounded once; spelled so that it stays in its place among the loads. */
ATTEND_INLINE attend_f32x16 attend_fma_here(attend_f32x16 sums, attend_f32x16 a, attend_f32x16 b) {
    __asm__("vfmadd231ps %2, %1, %0" : "+v"(sums) : "v"(a), "v"(b));
    return sums;
}

/** sums + the products of four unsigned bytes of `u` and four signed bytes of `s` in every lane. */
ATTEND_INLINE attend_i32x16 attend_dot_vnni(attend_i32x16 sums, attend_i32x16 u, attend_i32x16 s) {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(u), "v"(s));
    return sums;
}

/** sums + the products of two bfloat16 of `a` and of `b` in every lane, as vdpbf16ps rounds them. */
ATTEND_INLINE attend_f32x16 attend_dot_bf16(attend_f32x16 sums, attend_i32x16 a, attend_i32x16 b) {
    __asm__("vdpbf16ps %2, %1, %0" : "+v"(sums) : "v"(a), "v"(b));
    return sums;
}

/** Every lane rounded to bfloat16 to `address`. */
ATTEND_INLINE void attend_narrow_bf16(void *address, attend_f32x16 v) {
    __m256i halves;
    __asm__("vcvtneps2bf16 %1, %0" : "=v"(halves) : "v"(v));
    _mm256_storeu_si256((__m256i_u *)address, halves);
}
#elif defined(__AVX2__)
ATTEND_INLINE attend_f32x16 attend_fma_here(attend_f32x16 sums, attend_f32x16 a, attend_f32x16 b) {
    __m256 low = (__m256)sums.lo, high = (__m256)sums.hi;
    __asm__("vfmadd231ps %2, %1, %0" : "+x"(low) : "x"(a.lo), "x"(b.lo));
    __asm__("vfmadd231ps %2, %1, %0" : "+x"(high) : "x"(a.hi), "x"(b.hi));
    sums.lo = (__typeof__(sums.lo))low;
    sums.hi = (__typeof__(sums.hi))high;
    return sums;
}

ATTEND_INLINE attend_i32x16 attend_dot_vnni(attend_i32x16 sums, attend_i32x16 u, attend_i32x16 s) {
    __m256i low = (__m256i)sums.lo, high = (__m256i)sums.hi;
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(low) : "x"(u.lo), "x"(s.lo));
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(high) : "x"(u.hi), "x"(s.hi));
    sums.lo = (__typeof__(sums.lo))low;
    sums.hi = (__typeof__(sums.hi))high;
    return sums;
}
#endif

/** sums + the products of two signed numbers of 16 bits of `a` and of `b` in every lane. */
ATTEND_INLINE attend_i32x16 attend_dot16(attend_i32x16 sums, attend_i32x16 a, attend_i32x16 b) {
#ifdef __AVX512BW__
    return sums + (attend_i32x16)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
    attend_i32x16 products;
    products.lo = (__typeof__(products.lo))_mm256_madd_epi16((__m256i)a.lo, (__m256i)b.lo);
    products.hi = (__typeof__(products.hi))_mm256_madd_epi16((__m256i)a.hi, (__m256i)b.hi);
    return sums + products;
#else
    attend_i32x16 products;
    products.lo.lo = (__typeof__(products.lo.lo))_mm_madd_epi16((__m128i)a.lo.lo, (__m128i)b.lo.lo);
    products.lo.hi = (__typeof__(products.lo.hi))_mm_madd_epi16((__m128i)a.lo.hi, (__m128i)b.lo.hi);
    products.hi.lo = (__typeof__(products.hi.lo))_mm_madd_epi16((__m128i)a.hi.lo, (__m128i)b.hi.lo);
    products.hi.hi = (__typeof__(products.hi.hi))_mm_madd_epi16((__m128i)a.hi.hi, (__m128i)b.hi.hi);
    return sums + products;
#endif
}

typedef int16_t attend_i16x32 __attribute__((ext_vector_type(32)));

/** The products of unsigned bytes of `u` and signed bytes of `s`, every two neighbours added, in 16 bits, which must
 * hold these sums. */
ATTEND_INLINE attend_i32x16 attend_pair_products(attend_i32x16 u, attend_i32x16 s) {
#ifdef __AVX512BW__
    return (attend_i32x16)_mm512_maddubs_epi16((__m512i)u, (__m512i)s);
#elif defined(__AVX2__)
    attend_i32x16 pairs;
    pairs.lo = (__typeof__(pairs.lo))_mm256_maddubs_epi16((__m256i)u.lo, (__m256i)s.lo);
    pairs.hi = (__typeof__(pairs.hi))_mm256_maddubs_epi16((__m256i)u.hi, (__m256i)s.hi);
    return pairs;
#else
    const attend_i16x32 even = (attend_i16x32)(u & 0x00ff00ff), odd = (attend_i16x32)((u >> 8) & 0x00ff00ff);
    const attend_i16x32 signs = (attend_i16x32)s;
    return (attend_i32x16)(even * ((signs << 8) >> 8) + odd * (signs >> 8));
#endif
}

/** The sums of two numbers of 16 bits in every lane, which must fit them. */
ATTEND_INLINE attend_i32x16 attend_add16(attend_i32x16 a, attend_i32x16 b) {
    return (attend_i32x16)((attend_i16x32)a + (attend_i16x32)b);
}

/** sums + the two numbers of 16 bits of every lane. */
ATTEND_INLINE attend_i32x16 attend_add_pairs(attend_i32x16 sums, attend_i32x16 pairs) {
    return attend_dot16(sums, pairs, (attend_i32x16)(0x00010001));
}

/** sums + the products of four unsigned bytes at `u`, the same in all lanes, and four signed bytes of `s`, as
 * attend_pair_products takes them. With AVX2 spelled so that nothing but the sums and `s` takes registers for long. */
ATTEND_INLINE attend_i32x16 attend_dot_pairs(attend_i32x16 sums, const float *u, attend_i32x16 s) {
#if defined(__AVX2__) && !defined(__AVX512BW__)
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i low = (__m256i)sums.lo, high = (__m256i)sums.hi, products;
#define ATTEND_DOT_PAIRS(half, of)                                                               \
    __asm__("vpbroadcastd %2, %1\nvpmaddubsw %3, %1, %1\nvpmaddwd %4, %1, %1\nvpaddd %1, %0, %0" \
            : "+x"(half), "=&x"(products)                                                        \
            : "m"(*u), "x"(of), "x"(ones))
    ATTEND_DOT_PAIRS(low, s.lo);
    ATTEND_DOT_PAIRS(high, s.hi);
#undef ATTEND_DOT_PAIRS
    sums.lo = (__typeof__(sums.lo))low;
    sums.hi = (__typeof__(sums.hi))high;
    return sums;
#else
    int32_t units;
    __builtin_memcpy(&units, u, sizeof units);
    return attend_add_pairs(sums, attend_pair_products((attend_i32x16)(units), s));
#endif
}

/** sums + the products of two signed numbers of 16 bits at `x`, the same in all lanes, and two of `w`; spelled as
 * attend_dot_pairs is. */
ATTEND_INLINE attend_i32x16 attend_dot16_at(attend_i32x16 sums, const float *x, attend_i32x16 w) {
#if defined(__AVX2__) && !defined(__AVX512BW__)
    __m256i low = (__m256i)sums.lo, high = (__m256i)sums.hi, products;
#define ATTEND_DOT16(half, of)                                            \
    __asm__("vpbroadcastd %2, %1\nvpmaddwd %3, %1, %1\nvpaddd %1, %0, %0" \
            : "+x"(half), "=&x"(products)                                 \
            : "m"(*x), "x"(of))
    ATTEND_DOT16(low, w.lo);
    ATTEND_DOT16(high, w.hi);
#undef ATTEND_DOT16
    sums.lo = (__typeof__(sums.lo))low;
    sums.hi = (__typeof__(sums.hi))high;
    return sums;
#else
    int32_t units;
    __builtin_memcpy(&units, x, sizeof units);
    return attend_dot16(sums, (attend_i32x16)(units), w);
#endif
}

#include "pixels.h"
#include "tiles.h"

/** Makes subnormal numbers zeros, those read and those made, until the modes it returns are restored. */
ATTEND_INLINE uint32_t attend_flush_subnormals(void) {
    const uint32_t modes = _mm_getcsr();
    _mm_setcsr(modes | 0x8040);
    return modes;
}

/** The modes that attend_flush_subnormals returned. */
ATTEND_INLINE void attend_restore_modes(uint32_t modes) { _mm_setcsr(modes); }

/** The compiler moves no read or write across. */
ATTEND_INLINE void attend_keep_order(void) { __asm__ volatile("" ::: "memory"); }

/** Asks for the cache line of `address`; to lie in the second cache; to write to it. */
ATTEND_INLINE void attend_prefetch(const void *address) { __builtin_prefetch(address, 0, 3); }
ATTEND_INLINE void attend_prefetch_far(const void *address) { __builtin_prefetch(address, 0, 2); }
ATTEND_INLINE void attend_prefetch_write(const void *address) { __builtin_prefetch(address, 1, 3); }

#endif
