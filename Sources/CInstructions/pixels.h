/* Pixels as vectors; a part of instructions.h, whose types it needs. */
#ifndef ATTEND_PIXELS_H
#define ATTEND_PIXELS_H

/** Two neighbouring pixels of three bytes in each of four rows, as pairs of 16 bits: a channel of the one beside that
 * of the other, [row, channel, pixel]; the fourth channel of a row is not one. Reads eight bytes of each row. */
ATTEND_INLINE attend_i32x16 attend_pixel_pairs(const uint8_t *address, intptr_t stride) {
    attend_i32x16 pairs;
    __m128i *const rows = (__m128i *)&pairs;
    for (int row = 0; row < 4; row++) {
        const __m128i bytes = _mm_loadl_epi64((const __m128i *)(address + row * stride));
        rows[row] = _mm_unpacklo_epi8(_mm_unpacklo_epi8(bytes, _mm_srli_epi64(bytes, 24)), _mm_setzero_si128());
    }
    return pairs;
}

/** Sixteen bytes of one row, each beside that of another, as pairs of 16 bits. */
ATTEND_INLINE attend_i32x16 attend_byte_pairs(const uint8_t *one, const uint8_t *other) {
    const __m128i a = _mm_loadu_si128((const __m128i *)one), b = _mm_loadu_si128((const __m128i *)other);
    const __m128i low = _mm_unpacklo_epi8(a, b), high = _mm_unpackhi_epi8(a, b), zero = _mm_setzero_si128();
    attend_i32x16 pairs;
    __m128i *const quarters = (__m128i *)&pairs;
    quarters[0] = _mm_unpacklo_epi8(low, zero);
    quarters[1] = _mm_unpackhi_epi8(low, zero);
    quarters[2] = _mm_unpacklo_epi8(high, zero);
    quarters[3] = _mm_unpackhi_epi8(high, zero);
    return pairs;
}

/** A pair of 16 bits, in every lane. */
ATTEND_INLINE attend_i32x16 attend_broadcast_pair(const int16_t *address) {
    int32_t pair;
    __builtin_memcpy(&pair, address, sizeof pair);
    return (attend_i32x16)(pair);
}

/** Writes sixteen numbers as bytes; those outside 0..255 become the nearest byte. */
ATTEND_INLINE void attend_store_bytes(uint8_t *address, attend_i32x16 v) {
    const __m128i *const quarters = (const __m128i *)&v;
    const __m128i low = _mm_packs_epi32(quarters[0], quarters[1]), high = _mm_packs_epi32(quarters[2], quarters[3]);
    _mm_storeu_si128((__m128i *)address, _mm_packus_epi16(low, high));
}

#endif
