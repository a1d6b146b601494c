// Portable Network Graphics (ISO/IEC 15948), read by libpng.
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "library.h"
#include "pictures.h"

typedef void (*message_function)(void *png, const char *message);
typedef void (*read_function)(void *png, uint8_t *target, size_t count);

// libpng's functions, by the names that follow "png_".
static struct {
    void *(*create_read_struct)(const char *version, void *context, message_function error, message_function warning);
    void *(*create_info_struct)(void *png);
    void (*destroy_read_struct)(void **png, void **info, void **end);
    void *(*get_error_ptr)(const void *png);
    void *(*get_io_ptr)(const void *png);
    const char *(*get_libpng_ver)(const void *png);
    void (*set_read_fn)(void *png, void *context, read_function read);
    void (*set_crc_action)(void *png, int critical, int ancillary);
    void (*set_keep_unknown_chunks)(void *png, int keep, const uint8_t *list, int count);
    void (*read_info)(void *png, void *info);
    uint32_t (*get_IHDR)(const void *png, const void *info, uint32_t *width, uint32_t *height, int *depth, int *color,
                         int *interlace, int *compression, int *filter);
    uint32_t (*get_valid)(const void *png, const void *info, uint32_t what);
    void (*set_expand)(void *png);
    void (*set_strip_16)(void *png);
    void (*set_gray_to_rgb)(void *png);
    int (*set_interlace_handling)(void *png);
    void (*read_update_info)(void *png, void *info);
    size_t (*get_rowbytes)(const void *png, const void *info);
    void (*read_row)(void *png, uint8_t *row, uint8_t *display);
    void (*read_end)(void *png, void *info);
} library;

static const char *const names[] = {
    "png_create_read_struct",
    "png_create_info_struct",
    "png_destroy_read_struct",
    "png_get_error_ptr",
    "png_get_io_ptr",
    "png_get_libpng_ver",
    "png_set_read_fn",
    "png_set_crc_action",
    "png_set_keep_unknown_chunks",
    "png_read_info",
    "png_get_IHDR",
    "png_get_valid",
    "png_set_expand",
    "png_set_strip_16",
    "png_set_gray_to_rgb",
    "png_set_interlace_handling",
    "png_read_update_info",
    "png_get_rowbytes",
    "png_read_row",
    "png_read_end",
};

_Static_assert(sizeof(library) == sizeof(names) && sizeof(library) <= most_functions * sizeof(void *),
               "a name for every function");

enum {
    quit_on_error = 1, // PNG_CRC_ERROR_QUIT
    never_keep = 1,    // PNG_HANDLE_CHUNK_NEVER
    all_ancillary = -1,
    has_transparency = 0x10, // PNG_INFO_tRNS
    alpha_bit = 4            // of the color type
};

struct attend_png {
    void *png, *info;
    const uint8_t *bytes;
    size_t left;
    attend_picture_header header;
    jmp_buf escape;
    char message[attend_picture_message_size];
};

const char *picture_png_bind(void *handle) {
    return find_functions(handle, names, sizeof(names) / sizeof(names[0]), &library);
}

const char *picture_png_message(const attend_png *reader) { return reader->message; }

static void fail(void *png, const char *message) {
    attend_png *reader = library.get_error_ptr(png);
    strncpy(reader->message, message, sizeof(reader->message) - 1);
    longjmp(reader->escape, 1);
}

static void ignore(void *png, const char *message) {
    (void)png;
    (void)message;
}

static void read_bytes(void *png, uint8_t *target, size_t count) {
    attend_png *reader = library.get_io_ptr(png);
    if (count > reader->left) fail(png, "the file ends before its picture does");
    memcpy(target, reader->bytes, count);
    reader->bytes += count;
    reader->left -= count;
}

attend_png *picture_png_open(const uint8_t *bytes, size_t count) {
    attend_png *reader = calloc(1, sizeof(attend_png));
    if (!reader) return NULL;
    reader->bytes = bytes;
    reader->left = count;
    if (setjmp(reader->escape)) {
        picture_png_close(reader);
        return NULL;
    }
    // The library is asked for its own version: any 1.6 has the functions above.
    reader->png = library.create_read_struct(library.get_libpng_ver(NULL), reader, fail, ignore);
    if (reader->png) reader->info = library.create_info_struct(reader->png);
    if (!reader->info) {
        picture_png_close(reader);
        return NULL;
    }
    library.set_read_fn(reader->png, reader, read_bytes);
    return reader;
}

int picture_png_header(attend_png *reader, attend_picture_header *header) {
    if (setjmp(reader->escape)) return -1;
    void *png = reader->png, *info = reader->info;
    // A wrong sum anywhere means a damaged file. Of the chunks that are not needed for pixels none is unpacked, and so
    // none asks for memory, and none changes a value: colour profiles and gammas are not applied, as in Pillow.
    library.set_crc_action(png, quit_on_error, quit_on_error);
    library.set_keep_unknown_chunks(png, never_keep, NULL, all_ancillary);
    library.read_info(png, info);
    int depth, color, interlace, compression, filter;
    library.get_IHDR(png, info, &header->width, &header->height, &depth, &color, &interlace, &compression, &filter);
    bool alpha = (color & alpha_bit) || library.get_valid(png, info, has_transparency);
    header->channels = alpha ? 4 : 3;
    header->depth = (uint32_t)depth;
    reader->header = *header;
    return 0;
}

int picture_png_read(attend_png *reader, uint8_t *pixels, size_t stride) {
    if (setjmp(reader->escape)) return -1;
    void *png = reader->png;
    library.set_expand(png); // palettes, 1, 2 and 4 bits, and transparent colours
    library.set_strip_16(png);
    library.set_gray_to_rgb(png);
    int passes = library.set_interlace_handling(png);
    library.read_update_info(png, reader->info);
    const attend_picture_header *header = &reader->header;
    if (library.get_rowbytes(png, reader->info) != (size_t)header->width * header->channels)
        fail(png, "its rows have another length than its header says");
    for (int pass = 0; pass < passes; pass++)
        for (uint32_t row = 0; row < header->height; row++) library.read_row(png, pixels + row * stride, NULL);
    library.read_end(png, NULL);
    return 0;
}

void picture_png_close(attend_png *reader) {
    if (reader->png) library.destroy_read_struct(&reader->png, &reader->info, NULL);
    free(reader);
}
