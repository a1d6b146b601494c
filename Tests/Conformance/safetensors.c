#include "safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

safetensors safetensors_read(const char *path) {
    safetensors tensors = { file_read(path), NULL, NULL, 0 };
    uint64_t length;
    memcpy(&length, tensors.file.data, sizeof length);
    tensors.header = malloc(length + 1);
    memcpy(tensors.header, tensors.file.data + sizeof length, length);
    tensors.header[length] = 0;
    tensors.data = tensors.file.data + sizeof length + length;
    tensors.data_count = tensors.file.count - sizeof length - length;
    return tensors;
}

void safetensors_free(safetensors *tensors) {
    free(tensors->file.data);
    free(tensors->header);
}

/** The numbers of `"key":[1,2]` inside `text`; how many. */
static size_t numbers(const char *text, const char *key, size_t *values, size_t most) {
    const char *at = strstr(text, key);
    if (!at) return 0;
    at = strchr(at, '[') + 1;
    size_t count = 0;
    while (count < most && *at != ']') {
        char *after;
        values[count++] = strtoull(at, &after, 10);
        at = *after == ',' ? after + 1 : after;
    }
    return count;
}

bool safetensors_find(const safetensors *tensors, const char *name, entry *entry) {
    char quoted[200];
    snprintf(quoted, sizeof quoted, "\"%s\":{", name);
    const char *at = strstr(tensors->header, quoted);
    if (!at) return false;
    size_t offsets[2] = { 0, 0 };
    entry->text = at;
    entry->text_length = (size_t)(strchr(at, '}') + 1 - at);
    entry->rank = numbers(at, "\"shape\":", entry->shape, 8);
    numbers(at, "\"data_offsets\":", offsets, 2);
    entry->begin = offsets[0];
    entry->end = offsets[1];
    return sscanf(strstr(at, "\"dtype\":"), "\"dtype\":\"%7[A-Z0-9]", entry->type) == 1;
}

void safetensors_write(const folder *folder, const char *name, uint64_t header_length, const char *header,
                       const void *data, size_t count) {
    size_t length = strlen(header);
    char *file = malloc(sizeof header_length + length + count);
    memcpy(file, &header_length, sizeof header_length);
    memcpy(file + sizeof header_length, header, length);
    memcpy(file + sizeof header_length + length, data, count);
    folder_write(folder, name, file, sizeof header_length + length + count);
    free(file);
}
