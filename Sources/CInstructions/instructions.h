/* What Swift cannot spell: asking the CPU what it can do, and the few instructions that its SIMD types have no name for.
 * Every function is inlined into its caller, and so compiled for the caller's instruction set. */
#ifndef ATTEND_INSTRUCTIONS_H
#define ATTEND_INSTRUCTIONS_H

#include <cpuid.h>
#include <immintrin.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ATTEND_INLINE static inline __attribute__((always_inline))

/* ---- The CPU ---------------------------------------------------------------------------------------------------- */

enum {
    ATTEND_CPU_AVX2 = 1,        /* AVX2, FMA, F16C, BMI1, BMI2, and an operating system that keeps the YMM registers */
    ATTEND_CPU_AVX512 = 2,      /* AVX-512 F, CD, BW, DQ, VL besides, and the ZMM registers */
    ATTEND_CPU_AVX512_VNNI = 4, /* vpdpbusd on ZMM registers */
    ATTEND_CPU_AVX512_BF16 = 8, /* vdpbf16ps */
    ATTEND_CPU_AVX_VNNI = 16    /* vpdpbusd on YMM registers without AVX-512 */
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
    const unsigned levels = a, wide = bit_AVX512F | bit_AVX512CD | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    const unsigned ymm = bit_AVX2 | bit_BMI | bit_BMI2;
    if ((b & ymm) != ymm) return 0;
    uint32_t features = ATTEND_CPU_AVX2;
    const int zmm = (low & 0xe6) == 0xe6 && (b & wide) == wide;
    if (zmm) features |= ATTEND_CPU_AVX512;
    if (zmm && (c & bit_AVX512VNNI)) features |= ATTEND_CPU_AVX512_VNNI;
    if (levels >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d)) {
        if (zmm && (a & (1u << 5))) features |= ATTEND_CPU_AVX512_BF16;
        if (a & (1u << 4)) features |= ATTEND_CPU_AVX_VNNI;
    }
    return features;
}

/** The processors that this process may use; 1 where the system does not say. */
ATTEND_INLINE int32_t attend_available_processors(void) {
    unsigned long mask[1024 / sizeof(unsigned long)];
    const long bytes = syscall(SYS_sched_getaffinity, 0, sizeof mask, mask);
    int32_t count = 0;
    for (long i = 0; i < bytes / (long)sizeof(unsigned long); i++) count += __builtin_popcountl(mask[i]);
    return count > 0 ? count : 1;
}

/** Tells the CPU that this is a waiting loop. */
ATTEND_INLINE void attend_pause(void) { _mm_pause(); }

/* ---- Vectors ---------------------------------------------------------------------------------------------------- */

typedef float attend_f32x16 __attribute__((ext_vector_type(16)));

/** a * b + c in every lane, rounded once. */
ATTEND_INLINE attend_f32x16 attend_fma(attend_f32x16 a, attend_f32x16 b, attend_f32x16 c) { return __builtin_elementwise_fma(a, b, c); }

/** Asks for the cache line of `address`. */
ATTEND_INLINE void attend_prefetch(const void *address) { __builtin_prefetch(address, 0, 3); }

#endif
