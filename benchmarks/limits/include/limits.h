/* What this machine can do at most: loops of nothing but the instruction in question. */
#ifndef ATTEND_LIMITS_H
#define ATTEND_LIMITS_H
#include <stddef.h>
#include <stdint.h>

/** Runs `steps` times 24 multiply-adds of 16 (or twice 8) float32 lanes; 24 * 16 * 2 operations a step. */
void limit_fma_512(size_t steps);
void limit_fma_256(size_t steps);
/** Runs `steps` times 24 vpdpbusd of 64 (or 32) products; 24 * 64 * 2 (or 24 * 32 * 2) operations a step. */
void limit_vnni_512(size_t steps);
void limit_vnni_256(size_t steps);
/** The same 24 * 32 products a step without vpdpbusd: vpmaddubsw, vpmaddwd and vpaddd. */
void limit_pairs_256(size_t steps);
/** Runs `steps` times 24 vdpbf16ps of 32 products; 24 * 32 * 2 operations a step. */
void limit_bf16_512(size_t steps);
/** Reads `bytes` bytes, a multiple of 512, in `streams` even pieces side by side; `bytes / streams` a multiple of 64.
 */
uint64_t limit_read_512(const void *memory, size_t bytes);
uint64_t limit_read_256(const void *memory, size_t bytes);
#endif
