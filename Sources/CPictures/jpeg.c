// JPEG (ITU-T T.81), read by libjpeg-turbo through its oldest interface, that of libjpeg 6b (version 62), which
// Debian's libjpeg62-turbo has and which does not change. The structures below are those that this interface lays into
// the caller's memory; the library refuses a caller whose version or size is another.
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "library.h"
#include "pictures.h"

enum { interface_version = 62, message_length = 200, color_unknown = 0, color_gray = 1, color_rgb = 2, color_cmyk = 4 };
enum { color_ycck = 5, header_ok = 1, default_transform = 0 };

// Scans of a progressive file, at most. Real ones have about ten; each costs a walk over all of the picture, so a small
// file with many would take hours.
enum { maximal_scans = 500 };

struct decompressor;

struct error_manager {
    void (*error_exit)(struct decompressor *);
    void (*emit_message)(struct decompressor *, int level);
    void (*output_message)(struct decompressor *);
    void (*format_message)(struct decompressor *, char *buffer);
    void (*reset)(struct decompressor *);
    int code;
    union {
        int numbers[8];
        char text[80];
    } parameters;
    int trace_level;
    long warnings;
    const char *const *messages;
    int last_message;
    const char *const *more_messages;
    int first_more_message, last_more_message;
};

struct source_manager {
    const uint8_t *next;
    size_t left;
    void (*init)(struct decompressor *);
    int (*fill)(struct decompressor *);
    void (*skip)(struct decompressor *, long count);
    int (*resync)(struct decompressor *, int desired);
    void (*term)(struct decompressor *);
};

struct progress_manager {
    void (*monitor)(struct decompressor *);
    long done, limit;
    int passes_done, passes;
};

// jpeg_decompress_struct: the fields that are read or written here have names, the rest is room.
struct decompressor {
    struct error_manager *errors;
    void *memory;
    struct progress_manager *progress;
    void *context;
    int is_decompressor, state;
    struct source_manager *source;
    unsigned width, height;
    int components, color;
    int output_color;
    unsigned scale_numerator, scale_denominator;
    double gamma;
    int buffered, raw;
    int transform, fancy_upsampling, block_smoothing;
    int quantize, dither, two_pass, colors, one_pass, external, later_pass;
    unsigned output_width, output_height;
    int output_color_components, output_components, recommended_rows;
    int colormap_entries;
    void *colormap;
    unsigned row;
    int scan;
    unsigned input_unit_row;
    int output_scan;
    unsigned output_unit_row;
    void *coefficient_bits, *tables[12];
    int precision;
    void *component_info;
    int progressive, arithmetic;
    uint8_t rest[312];
};

_Static_assert(sizeof(struct decompressor) == 632 || sizeof(void *) != 8, "the size that version 62 has");

// libjpeg's functions, by the names that follow "jpeg_".
static struct {
    struct error_manager *(*std_error)(struct error_manager *);
    void (*CreateDecompress)(struct decompressor *, int version, size_t size);
    int (*resync_to_restart)(struct decompressor *, int desired);
    int (*read_header)(struct decompressor *, int require_image);
    int (*start_decompress)(struct decompressor *);
    unsigned (*read_scanlines)(struct decompressor *, uint8_t **rows, unsigned count);
    int (*finish_decompress)(struct decompressor *);
    void (*destroy_decompress)(struct decompressor *);
} library;

static const char *const names[] = {
    "jpeg_std_error",        "jpeg_CreateDecompress", "jpeg_resync_to_restart", "jpeg_read_header",
    "jpeg_start_decompress", "jpeg_read_scanlines",   "jpeg_finish_decompress", "jpeg_destroy_decompress",
};

_Static_assert(sizeof(library) == sizeof(names) && sizeof(library) <= most_functions * sizeof(void *),
               "a name for every function");

struct attend_jpeg {
    struct decompressor decompressor;
    struct error_manager errors;
    struct source_manager source;
    struct progress_manager progress;
    jmp_buf escape;
    char message[attend_picture_message_size];
};

const char *picture_jpeg_bind(void *handle) {
    return find_functions(handle, names, sizeof(names) / sizeof(names[0]), &library);
}

const char *picture_jpeg_message(const attend_jpeg *reader) { return reader->message; }

static void fail(struct decompressor *decompressor, const char *message) {
    attend_jpeg *reader = decompressor->context;
    strncpy(reader->message, message, sizeof(reader->message) - 1);
    longjmp(reader->escape, 1);
}

static void fail_with_own_words(struct decompressor *decompressor) {
    char message[message_length] = "";
    decompressor->errors->format_message(decompressor, message);
    fail(decompressor, message);
}

// Damaged data that the library can go on from is only counted, as by Pillow; nothing is printed.
static void count_warnings(struct decompressor *decompressor, int level) {
    if (level < 0) decompressor->errors->warnings++;
}

static void print_nothing(struct decompressor *decompressor) { (void)decompressor; }

static int end_too_early(struct decompressor *decompressor) {
    fail(decompressor, "the file ends before its picture does");
    return 0;
}

static void skip_bytes(struct decompressor *decompressor, long count) {
    struct source_manager *source = decompressor->source;
    if (count <= 0) return;
    if ((unsigned long)count > source->left) end_too_early(decompressor);
    source->next += count;
    source->left -= (size_t)count;
}

static void limit_scans(struct decompressor *decompressor) {
    if (decompressor->scan > maximal_scans) fail(decompressor, "it has more than 500 scans");
}

attend_jpeg *picture_jpeg_open(const uint8_t *bytes, size_t count) {
    attend_jpeg *reader = calloc(1, sizeof(attend_jpeg));
    if (!reader) return NULL;
    struct decompressor *decompressor = &reader->decompressor;
    decompressor->errors = library.std_error(&reader->errors);
    reader->errors.error_exit = fail_with_own_words;
    reader->errors.emit_message = count_warnings;
    reader->errors.output_message = print_nothing;
    decompressor->context = reader;
    reader->source = (struct source_manager){ bytes,         count,      print_nothing,
                                              end_too_early, skip_bytes, library.resync_to_restart,
                                              print_nothing };
    return reader;
}

int picture_jpeg_header(attend_jpeg *reader, attend_picture_header *header) {
    if (setjmp(reader->escape)) return -1;
    struct decompressor *decompressor = &reader->decompressor;
    library.CreateDecompress(decompressor, interface_version, sizeof(*decompressor));
    decompressor->source = &reader->source;
    reader->progress.monitor = limit_scans;
    decompressor->progress = &reader->progress;
    if (library.read_header(decompressor, 1) != header_ok) fail(decompressor, "it holds no picture");
    bool inks = decompressor->color == color_cmyk || decompressor->color == color_ycck;
    if (decompressor->color == color_unknown || (decompressor->components > 3 && !inks))
        fail(decompressor, "its colours are neither gray, RGB, YCbCr, CMYK nor YCCK");
    decompressor->output_color = inks ? color_cmyk : decompressor->color == color_gray ? color_gray : color_rgb;
    decompressor->transform = default_transform;
    *header = (attend_picture_header){ decompressor->width, decompressor->height,
                                       inks                                ? 4
                                       : decompressor->color == color_gray ? 1
                                                                           : 3,
                                       (uint32_t)decompressor->precision };
    return 0;
}

int picture_jpeg_start(attend_jpeg *reader, unsigned eighths, attend_picture_header *header) {
    if (setjmp(reader->escape)) return -1;
    struct decompressor *decompressor = &reader->decompressor;
    decompressor->scale_numerator = eighths;
    decompressor->scale_denominator = 8;
    library.start_decompress(decompressor);
    if (decompressor->output_components != (int)header->channels) fail(decompressor, "its colours cannot be converted");
    header->width = decompressor->output_width;
    header->height = decompressor->output_height;
    return 0;
}

int picture_jpeg_read(attend_jpeg *reader, uint8_t *pixels, size_t stride, unsigned rows) {
    if (setjmp(reader->escape)) return -1;
    struct decompressor *decompressor = &reader->decompressor;
    enum { at_once = 16 };
    for (unsigned done = 0; done < rows;) {
        uint8_t *targets[at_once];
        unsigned count = rows - done < at_once ? rows - done : at_once;
        for (unsigned i = 0; i < count; i++) targets[i] = pixels + (done + i) * stride;
        unsigned got = library.read_scanlines(decompressor, targets, count);
        if (got == 0) fail(decompressor, "the file ends before its picture does");
        done += got;
    }
    return 0;
}

int picture_jpeg_finish(attend_jpeg *reader) {
    if (setjmp(reader->escape)) return -1;
    library.finish_decompress(&reader->decompressor);
    return 0;
}

void picture_jpeg_close(attend_jpeg *reader) {
    if (reader->decompressor.memory && !setjmp(reader->escape)) library.destroy_decompress(&reader->decompressor);
    free(reader);
}
