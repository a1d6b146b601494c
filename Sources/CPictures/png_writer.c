// Portable Network Graphics (ISO/IEC 15948), written by libpng.
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "library.h"
#include "pictures.h"

typedef void (*message_function)(void *png, const char *message);
typedef void (*write_function)(void *png, uint8_t *source, size_t count);
typedef void (*flush_function)(void *png);

// libpng's functions, by the names that follow "png_".
static struct {
    void *(*create_write_struct)(const char *version, void *context, message_function error, message_function warning);
    void *(*create_info_struct)(void *png);
    void (*destroy_write_struct)(void **png, void **info);
    void *(*get_error_ptr)(const void *png);
    void *(*get_io_ptr)(const void *png);
    const char *(*get_libpng_ver)(const void *png);
    void (*set_write_fn)(void *png, void *context, write_function write, flush_function flush);
    void (*set_IHDR)(void *png, void *info, uint32_t width, uint32_t height, int depth, int color, int interlace,
                     int compression, int filter);
    void (*write_info)(void *png, const void *info);
    void (*write_row)(void *png, const uint8_t *row);
    void (*write_end)(void *png, void *info);
} library;

static const char *const names[] = {
    "png_create_write_struct", "png_create_info_struct", "png_destroy_write_struct",
    "png_get_error_ptr",       "png_get_io_ptr",         "png_get_libpng_ver",
    "png_set_write_fn",        "png_set_IHDR",           "png_write_info",
    "png_write_row",           "png_write_end",
};

_Static_assert(sizeof(library) == sizeof(names) && sizeof(library) <= most_functions * sizeof(void *),
               "a name for every function");

enum { eight_bits = 8, rgb = 2, standard = 0 };

struct attend_png_file {
    void *png, *info;
    uint8_t *bytes;
    size_t count, capacity;
    jmp_buf escape;
    char message[attend_picture_message_size];
};

const char *picture_png_bind_writer(void *handle) {
    return find_functions(handle, names, sizeof(names) / sizeof(names[0]), &library);
}

attend_png_file *picture_png_file(void) { return calloc(1, sizeof(attend_png_file)); }

const char *picture_png_file_message(const attend_png_file *file) { return file->message; }

const uint8_t *picture_png_file_bytes(const attend_png_file *file, size_t *count) {
    *count = file->count;
    return file->bytes;
}

static void fail(void *png, const char *message) {
    attend_png_file *file = library.get_error_ptr(png);
    strncpy(file->message, message, sizeof(file->message) - 1);
    longjmp(file->escape, 1);
}

static void ignore(void *png, const char *message) {
    (void)png;
    (void)message;
}

static void flush(void *png) { (void)png; }

static void append(void *png, uint8_t *source, size_t count) {
    attend_png_file *file = library.get_io_ptr(png);
    if (count > file->capacity - file->count) {
        size_t grown = 2 * (file->count + count);
        uint8_t *bytes = realloc(file->bytes, grown);
        if (!bytes) fail(png, "out of memory");
        file->bytes = bytes;
        file->capacity = grown;
    }
    memcpy(file->bytes + file->count, source, count);
    file->count += count;
}

int picture_png_write(attend_png_file *file, const uint8_t *pixels, uint32_t width, uint32_t height) {
    if (setjmp(file->escape)) return -1;
    file->png = library.create_write_struct(library.get_libpng_ver(NULL), file, fail, ignore);
    if (file->png) file->info = library.create_info_struct(file->png);
    if (!file->info) {
        strncpy(file->message, "out of memory", sizeof(file->message) - 1);
        return -1;
    }
    library.set_write_fn(file->png, file, append, flush);
    library.set_IHDR(file->png, file->info, width, height, eight_bits, rgb, standard, standard, standard);
    library.write_info(file->png, file->info);
    for (uint32_t row = 0; row < height; row++) library.write_row(file->png, pixels + (size_t)row * width * 3);
    library.write_end(file->png, file->info);
    return 0;
}

void picture_png_file_free(attend_png_file *file) {
    if (!file) return;
    if (file->png) library.destroy_write_struct(&file->png, &file->info);
    free(file->bytes);
    free(file);
}
