#include "limits.h"

#define ACROSS(M)                                                                                                   \
    M(0)                                                                                                            \
    M(1)                                                                                                            \
    M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) M(10) M(11) M(12) M(13) M(14) M(15) M(16) M(17) M(18) M(19) M(20) M(21) \
        M(22) M(23)
#define TWELVE(M)  M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) M(10) M(11)

#define CLEAR(i)   "vpxord %%zmm" #i ", %%zmm" #i ", %%zmm" #i "\n"
#define CLEAR_Y(i) "vpxor %%ymm" #i ", %%ymm" #i ", %%ymm" #i "\n"
#define USED_Z                                                                                                      \
    "zmm0", "zmm1", "zmm2", "zmm3", "zmm4", "zmm5", "zmm6", "zmm7", "zmm8", "zmm9", "zmm10", "zmm11", "zmm12",      \
        "zmm13", "zmm14", "zmm15", "zmm16", "zmm17", "zmm18", "zmm19", "zmm20", "zmm21", "zmm22", "zmm23", "zmm30", \
        "zmm31"
#define USED_Y                                                                                                 \
    "ymm0", "ymm1", "ymm2", "ymm3", "ymm4", "ymm5", "ymm6", "ymm7", "ymm8", "ymm9", "ymm10", "ymm11", "ymm12", \
        "ymm13", "ymm14", "ymm15"

#define LOOP_512(name, instruction)                                                                     \
    __attribute__((target("avx512f,avx512vnni,avx512bf16"))) void name(size_t steps) {                  \
        __asm__ volatile("vpxord %%zmm30, %%zmm30, %%zmm30\nvpxord %%zmm31, %%zmm31, %%zmm31\n" ACROSS( \
                             CLEAR) ".p2align 5\n1:\n" ACROSS(instruction) "dec %0\njnz 1b\n"           \
                         : "+r"(steps)                                                                  \
                         :                                                                              \
                         : USED_Z, "cc");                                                               \
    }
#define LOOP_256(name, instruction)                                                                   \
    __attribute__((target("avx2,fma,avxvnni"))) void name(size_t steps) {                             \
        steps *= 2;                                                                                   \
        __asm__ volatile("vpxor %%ymm14, %%ymm14, %%ymm14\nvpxor %%ymm15, %%ymm15, %%ymm15\n" TWELVE( \
                             CLEAR_Y) ".p2align 5\n1:\n" TWELVE(instruction) "dec %0\njnz 1b\n"       \
                         : "+r"(steps)                                                                \
                         :                                                                            \
                         : USED_Y, "cc");                                                             \
    }

#define FMA(i)    "vfmadd231ps %%zmm30, %%zmm31, %%zmm" #i "\n"
#define VNNI(i)   "vpdpbusd %%zmm30, %%zmm31, %%zmm" #i "\n"
#define BF16(i)   "vdpbf16ps %%zmm30, %%zmm31, %%zmm" #i "\n"
#define FMA_Y(i)  "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #i "\nvfmadd231ps %%ymm14, %%ymm15, %%ymm" #i "\n"
#define VNNI_Y(i) "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm" #i "\n"

/* Three instructions for 32 products, the first two in registers of their own. */
#define PAIRS_Y(i)                           \
    "vpmaddubsw %%ymm14, %%ymm15, %%ymm12\n" \
    "vpmaddwd %%ymm14, %%ymm12, %%ymm13\n"   \
    "vpaddd %%ymm13, %%ymm" #i ", %%ymm" #i "\n"

LOOP_512(limit_fma_512, FMA)
LOOP_512(limit_vnni_512, VNNI)
LOOP_512(limit_bf16_512, BF16)
LOOP_256(limit_fma_256, FMA_Y)
LOOP_256(limit_vnni_256, VNNI_Y)
LOOP_256(limit_pairs_256, PAIRS_Y)

typedef uint64_t v8 __attribute__((vector_size(64)));
typedef uint64_t v4 __attribute__((vector_size(32)));

#define READ(name, vector, isa)                                                    \
    __attribute__((target(isa))) uint64_t name(const void *memory, size_t bytes) { \
        const vector *p = memory;                                                  \
        const size_t n = bytes / sizeof(vector) / 4;                               \
        vector a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 };                         \
        for (size_t i = 0; i < n; i++) {                                           \
            a ^= p[i];                                                             \
            b ^= p[n + i];                                                         \
            c ^= p[2 * n + i];                                                     \
            d ^= p[3 * n + i];                                                     \
        }                                                                          \
        a ^= b ^ c ^ d;                                                            \
        return a[0] ^ a[1] ^ a[2] ^ a[3];                                          \
    }
READ(limit_read_512, v8, "avx512f")
READ(limit_read_256, v4, "avx2")
