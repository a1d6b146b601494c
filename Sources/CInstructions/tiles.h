/* Products of bytes in AMX tiles; a part of instructions.h. Tiles are eight registers of 16 rows of 64 bytes, which
 * each thread lays out before it uses them. The instructions are spelled in assembly, as those of dot products are, and
 * for the same reason. */
#ifndef ATTEND_TILES_H
#define ATTEND_TILES_H

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/** Rows of a tile, and units of 32 bits in one of its rows. */
enum { ATTEND_TILE = 16 };

/** Asks the system for the registers of tiles, which it keeps for no process that has not asked. From then on it
 * refuses alternate stacks for signals that are too small to hold them. Whether they are granted. */
ATTEND_INLINE int attend_request_tiles(void) {
    enum { request_permission = 0x1023, tile_data = 18 };
    return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}

/** Lays out all eight tiles of this thread in full size. */
ATTEND_INLINE void attend_begin_tiles(void) {
    const struct {
        uint8_t palette, first_row, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } layout = { 1, 0, { 0 }, { 64, 64, 64, 64, 64, 64, 64, 64 }, { 16, 16, 16, 16, 16, 16, 16, 16 } };
    __asm__ volatile("ldtilecfg %0" : : "m"(layout));
}

/** Gives the tiles of this thread back: what they hold need not be kept when threads take turns. */
ATTEND_INLINE void attend_end_tiles(void) { __asm__ volatile("tilerelease"); }

#define ATTEND_ZERO_TILE(tile) __asm__ volatile("tilezero %%tmm" #tile : :)
#define ATTEND_LOAD_TILE(tile, from, stride) \
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #tile : : "r"(from), "r"(stride) : "memory")
#define ATTEND_STORE_TILE(tile, to, stride) \
    __asm__ volatile("tilestored %%tmm" #tile ", (%0,%1,1)" : : "r"(to), "r"(stride) : "memory")
/* Unsigned bytes of `x`, signed ones of `w`; sums wrap around, as those of vpdpbusd do. */
#define ATTEND_DOT_TILES(sums, x, w) __asm__ volatile("tdpbusd %%tmm" #w ", %%tmm" #x ", %%tmm" #sums : :)

/** 16 units along the inputs for 32 rows and 32 outputs: two tiles of rows with two of weights, whose units lie 32
 * apart. */
ATTEND_INLINE void attend_dot_tile_pairs(const float *x, const float *below, long x_bytes, const float *weights) {
    const long w_bytes = 2 * 4 * ATTEND_TILE;
    ATTEND_LOAD_TILE(4, x, x_bytes);
    ATTEND_LOAD_TILE(6, weights, w_bytes);
    ATTEND_DOT_TILES(0, 4, 6);
    ATTEND_LOAD_TILE(7, weights + ATTEND_TILE, w_bytes);
    ATTEND_DOT_TILES(1, 4, 7);
    ATTEND_LOAD_TILE(5, below, x_bytes);
    ATTEND_DOT_TILES(2, 5, 6);
    ATTEND_DOT_TILES(3, 5, 7);
}

/** Sums of bytes, as integers: 16 rows of inputs at `x` and 16 at `below` (which may be the same, or overlap) with a
 * panel of weights, `[groups * 16][32]` units, and 16 more at `tail` unless it is NULL. Sums of a row are 32, those at
 * `sums` and those at `sums_below`. Rows of inputs lie `x_stride` units apart. */
ATTEND_INLINE void attend_tile_products(const float *x, const float *below, long x_stride, const float *weights,
                                        long groups, const float *tail, float *sums, float *sums_below) {
    const long x_bytes = 4 * x_stride, sum_bytes = 2 * 4 * ATTEND_TILE;
    ATTEND_ZERO_TILE(0);
    ATTEND_ZERO_TILE(1);
    ATTEND_ZERO_TILE(2);
    ATTEND_ZERO_TILE(3);
    for (long group = 0; group < groups; group++) {
        const long k = group * ATTEND_TILE;
        attend_dot_tile_pairs(x + k, below + k, x_bytes, weights + 2 * ATTEND_TILE * k);
    }
    if (tail) attend_dot_tile_pairs(x + groups * ATTEND_TILE, below + groups * ATTEND_TILE, x_bytes, tail);
    ATTEND_STORE_TILE(0, sums, sum_bytes);
    ATTEND_STORE_TILE(1, sums + ATTEND_TILE, sum_bytes);
    ATTEND_STORE_TILE(2, sums_below, sum_bytes);
    ATTEND_STORE_TILE(3, sums_below + ATTEND_TILE, sum_bytes);
}

#undef ATTEND_ZERO_TILE
#undef ATTEND_LOAD_TILE
#undef ATTEND_STORE_TILE
#undef ATTEND_DOT_TILES

#endif
