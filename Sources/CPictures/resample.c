// The passes of a resize in vectors of 256 bits, for processors that have them; the rest of a row is the caller's.
#include <immintrin.h>
#include <string.h>

#include "pictures.h"

bool picture_has_wide_vectors(void) { return __builtin_cpu_supports("avx2"); }

// A sum of products with the high halves of weights and one with the low halves, rounded to whole numbers.
__attribute__((target("avx2"))) static inline __m256i whole(__m256i high, __m256i low) {
    const __m256i half = _mm256_set1_epi32(1 << (attend_resample_precision - 1));
    const __m256i sum =
        _mm256_add_epi32(_mm256_add_epi32(_mm256_slli_epi32(high, attend_resample_low_bits), low), half);
    return _mm256_srai_epi32(sum, attend_resample_precision);
}

// A pair of 16 bits, in each place.
__attribute__((target("avx2"))) static inline __m256i pair(const int16_t *weights) {
    int32_t both;
    memcpy(&both, weights, sizeof both);
    return _mm256_set1_epi32(both);
}

// Two neighbouring pixels of each of two rows, as pairs of 16 bits: [row, channel, pixel].
__attribute__((target("avx2"))) static inline __m256i pixels(const uint8_t *one, const uint8_t *other) {
    const __m128i low = _mm_loadl_epi64((const __m128i *)one), high = _mm_loadl_epi64((const __m128i *)other);
    const __m256i places = _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, //
                                            0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1);
    return _mm256_shuffle_epi8(_mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1), places);
}

__attribute__((target("avx2"))) static inline __m256i dot(__m256i sums, __m256i a, __m256i b) {
    return _mm256_add_epi32(sums, _mm256_madd_epi16(a, b));
}

__attribute__((target("avx2"))) void picture_resample_rows(const attend_resample_run *runs, const int16_t *halves,
                                                           ptrdiff_t count, const uint8_t *source, ptrdiff_t stride,
                                                           uint8_t *target, ptrdiff_t target_stride) {
    for (ptrdiff_t index = 0; index < count; index++) {
        const uint8_t *from = source + runs[index].first * 3;
        const int16_t *weights = halves + runs[index].start * 4;
        __m256i high[2] = { _mm256_setzero_si256(), _mm256_setzero_si256() };
        __m256i low[2] = { _mm256_setzero_si256(), _mm256_setzero_si256() };
        for (ptrdiff_t step = 0; step < runs[index].pairs; step++, from += 6, weights += 4) {
            const __m256i upper = pixels(from, from + stride), lower = pixels(from + 2 * stride, from + 3 * stride);
            const __m256i high_weights = pair(weights), low_weights = pair(weights + 2);
            high[0] = dot(high[0], upper, high_weights);
            low[0] = dot(low[0], upper, low_weights);
            high[1] = dot(high[1], lower, high_weights);
            low[1] = dot(low[1], lower, low_weights);
        }
        // Rows 0 and 2 lie in one half, 1 and 3 in the other.
        const __m256i words = _mm256_packs_epi32(whole(high[0], low[0]), whole(high[1], low[1]));
        const __m256i bytes = _mm256_packus_epi16(words, words);
        const uint64_t even = (uint64_t)_mm256_extract_epi64(bytes, 0), odd = (uint64_t)_mm256_extract_epi64(bytes, 2);
        const uint32_t made[4] = { (uint32_t)even, (uint32_t)odd, (uint32_t)(even >> 32), (uint32_t)(odd >> 32) };
        for (int row = 0; row < 4; row++) memcpy(target + row * target_stride + index * 3, &made[row], 3);
    }
}

__attribute__((target("avx2"))) ptrdiff_t picture_resample_columns(const attend_resample_run *run,
                                                                   const int16_t *halves, const uint8_t *source,
                                                                   ptrdiff_t stride, uint8_t *target) {
    const __m256i zero = _mm256_setzero_si256();
    const int16_t *const first = halves + run->start * 4;
    ptrdiff_t place = 0;
    for (; place + 32 <= stride; place += 32) {
        __m256i high[4] = { zero, zero, zero, zero }, low[4] = { zero, zero, zero, zero };
        for (ptrdiff_t step = 0; step < run->pairs; step++) {
            const uint8_t *const upper = source + (run->first + step * 2) * stride + place;
            // The second row of an odd run has weight 0 and may not be there.
            const uint8_t *const lower = step * 2 + 1 < run->count ? upper + stride : upper;
            const __m256i a = _mm256_loadu_si256((const __m256i *)upper);
            const __m256i b = _mm256_loadu_si256((const __m256i *)lower);
            const __m256i left = _mm256_unpacklo_epi8(a, b), right = _mm256_unpackhi_epi8(a, b);
            const __m256i pairs[4] = { _mm256_unpacklo_epi8(left, zero), _mm256_unpackhi_epi8(left, zero),
                                       _mm256_unpacklo_epi8(right, zero), _mm256_unpackhi_epi8(right, zero) };
            const __m256i high_weights = pair(first + step * 4), low_weights = pair(first + step * 4 + 2);
            for (int part = 0; part < 4; part++) {
                high[part] = dot(high[part], pairs[part], high_weights);
                low[part] = dot(low[part], pairs[part], low_weights);
            }
        }
        const __m256i left = _mm256_packs_epi32(whole(high[0], low[0]), whole(high[1], low[1]));
        const __m256i right = _mm256_packs_epi32(whole(high[2], low[2]), whole(high[3], low[3]));
        _mm256_storeu_si256((__m256i *)(target + place), _mm256_packus_epi16(left, right));
    }
    return place;
}
