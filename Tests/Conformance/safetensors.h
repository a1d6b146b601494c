/* Reads safetensors files that are known to be good, and writes them well or badly. */
#ifndef SAFETENSORS_H
#define SAFETENSORS_H

#include "folder.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct safetensors {
    bytes file;
    char *header;     /* JSON, ended by NUL */
    const char *data; /* what the offsets count from */
    size_t data_count;
} safetensors;

typedef struct entry {
    char type[8]; /* "F32" */
    size_t rank, shape[8];
    size_t begin, end;
    const char *text; /* where `"name":{...}` stands in the header */
    size_t text_length;
} entry;

safetensors safetensors_read(const char *path);
void safetensors_free(safetensors *tensors);

/** Finds a tensor; false if there is none. */
bool safetensors_find(const safetensors *tensors, const char *name, entry *entry);

/** Writes a file of this header and data to a folder; the caller may lie about the length of the header. */
void safetensors_write(const folder *folder, const char *name, uint64_t header_length, const char *header,
                       const void *data, size_t count);

#endif
