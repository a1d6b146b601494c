// The doors to libpng and libjpeg. Both report errors by a jump over the frames of their caller (setjmp, longjmp),
// which frames of Swift must not be jumped over: here every call ends in one of C, and returns. Both libraries are
// opened by name, by the caller; no header of theirs is needed.
#ifndef ATTEND_PICTURES_H
#define ATTEND_PICTURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A sentence of a library about a file, ended by a NUL.
enum { attend_picture_message_size = 256 };

// What a file says of its picture before any pixel is read.
typedef struct {
    uint32_t width, height;
    // Bytes of a pixel as it will be read: 1 gray, 3 RGB, 4 RGBA (PNG) or inks (JPEG).
    uint32_t channels;
    // Bits of a sample in the file.
    uint32_t depth;
} attend_picture_header;

// A file that is being read. Its bytes stay where they are until it is closed.
typedef struct attend_png attend_png;
typedef struct attend_jpeg attend_jpeg;

// Takes the functions of an open library; returns the name of the first that it lacks, or NULL. Several threads may
// call it at once: each writes the same.
const char *picture_png_bind(void *library);
const char *picture_jpeg_bind(void *library);

// NULL where there is no memory.
attend_png *picture_png_open(const uint8_t *bytes, size_t count);
attend_jpeg *picture_jpeg_open(const uint8_t *bytes, size_t count);

// The rest return 0, or -1 with a message, after which the file can only be closed.
const char *picture_png_message(const attend_png *png);
const char *picture_jpeg_message(const attend_jpeg *jpeg);

int picture_png_header(attend_png *png, attend_picture_header *header);
int picture_jpeg_header(attend_jpeg *jpeg, attend_picture_header *header);

// All rows, of 8 bits a sample, [height, width, channels], `stride` bytes apart.
int picture_png_read(attend_png *png, uint8_t *pixels, size_t stride);

// Fixes the scale, eighths/8 of each side, which the inverse cosine transform brings about itself; `header` becomes
// that of the smaller picture.
int picture_jpeg_start(attend_jpeg *jpeg, unsigned eighths, attend_picture_header *header);

// The next `rows` rows, `stride` bytes apart.
int picture_jpeg_read(attend_jpeg *jpeg, uint8_t *pixels, size_t stride, unsigned rows);

// Reads what follows the last row, to the mark of the end.
int picture_jpeg_finish(attend_jpeg *jpeg);

void picture_png_close(attend_png *png);

// A PNG that is made in memory; NULL where there is none for it.
typedef struct attend_png_file attend_png_file;
const char *picture_png_bind_writer(void *library);
attend_png_file *picture_png_file(void);
const char *picture_png_file_message(const attend_png_file *file);

// Writes all rows of red, green and blue, of 8 bits each, without gaps. Once for each file. 0, or -1 with a message.
int picture_png_write(attend_png_file *file, const uint8_t *pixels, uint32_t width, uint32_t height);
const uint8_t *picture_png_file_bytes(const attend_png_file *file, size_t *count);
void picture_png_file_free(attend_png_file *file);
void picture_jpeg_close(attend_jpeg *jpeg);

// WebPBitstreamFeatures: what libwebp says of a file. It returns its errors, and so needs no door.
typedef struct {
    int width, height;
    int has_alpha, has_animation;
    int format;
    uint32_t reserved[5];
} attend_webp_features;

// Binary places of a weight of a resize, and those of its low half.
enum { attend_resample_precision = 22, attend_resample_low_bits = 12 };

// The inputs of an output of a resize, and where their weights are: pairs of the high halves, each before that of the
// low ones.
typedef struct {
    ptrdiff_t first, count;
    ptrdiff_t pairs, start;
} attend_resample_run;

// Whether the processor can do what follows.
bool picture_has_wide_vectors(void);

// Pixels of four rows made of those of four others. Up to 8 bytes behind the inputs are read.
void picture_resample_rows(const attend_resample_run *runs, const int16_t *halves, ptrdiff_t count,
                           const uint8_t *source, ptrdiff_t stride, uint8_t *target, ptrdiff_t target_stride);

// A row made of rows that lie `stride` bytes apart, as many as it has. Returns how many bytes are made: the rest is
// less than a vector.
ptrdiff_t picture_resample_columns(const attend_resample_run *run, const int16_t *halves, const uint8_t *source,
                                   ptrdiff_t stride, uint8_t *target);

#endif
