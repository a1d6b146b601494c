#define _GNU_SOURCE
#include "folder.h"
#include "check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const files[] = { "config.json", "generation_config.json", "tokenizer.json", "model.safetensors" };

static void give_up(const char *what, const char *name) {
    checks_say("cannot %s %s\n", what, name);
    exit(1);
}

folder folder_make_empty(void) {
    folder folder = { "/tmp/attend-test-XXXXXX" };
    if (!mkdtemp(folder.path)) give_up("make", folder.path);
    return folder;
}

folder folder_make(void) {
    folder folder = folder_make_empty();
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[100];
        snprintf(path, sizeof path, DEFAULT_MODEL "/%s", files[i]);
        bytes file = file_read(path);
        folder_write(&folder, files[i], file.data, file.count);
        free(file.data);
    }
    return folder;
}

void folder_remove(const folder *folder) {
    DIR *directory = opendir(folder->path);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            remove(folder_path(folder, entry->d_name));
    }
    if (directory) closedir(directory);
    rmdir(folder->path);
}

const char *folder_path(const folder *folder, const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder->path, name);
    return path;
}

void folder_write(const folder *folder, const char *name, const void *data, size_t count) {
    FILE *file = fopen(folder_path(folder, name), "wb");
    if (!file || fwrite(data, 1, count, file) != count || fclose(file) != 0) give_up("write", name);
}

void folder_write_text(const folder *folder, const char *name, const char *text) {
    folder_write(folder, name, text, strlen(text));
}

void folder_delete(const folder *folder, const char *name) {
    if (remove(folder_path(folder, name)) != 0) give_up("delete", name);
}

bytes file_read(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) give_up("read", path);
    bytes read = { NULL, (size_t)ftell(file) };
    read.data = malloc(read.count + 1);
    rewind(file);
    if (!read.data || fread(read.data, 1, read.count, file) != read.count) give_up("read", path);
    read.data[read.count] = 0;
    fclose(file);
    return read;
}

char *replaced(const char *text, const char *from, const char *to) {
    const char *found = strstr(text, from);
    if (!found) give_up("find", from);
    char *result = malloc(strlen(text) + strlen(to) + 1);
    if (!result) give_up("replace", from);
    sprintf(result, "%.*s%s%s", (int)(found - text), text, to, found + strlen(from));
    return result;
}

#define WORDS_CASE "Tests/Fixtures/conformance/bert/"

static void copy_file(const folder *folder, const char *name) {
    char path[200];
    snprintf(path, sizeof path, WORDS_CASE "%s", name);
    bytes file = file_read(path);
    folder_write(folder, name, file.data, file.count);
    free(file.data);
}

folder folder_make_words(void) {
    folder folder = folder_make_empty();
    char tokenizer[4000], *end = tokenizer;
    copy_file(&folder, "config.json");
    copy_file(&folder, "model.safetensors");
    end += sprintf(
        end, "{\"pre_tokenizer\": {\"type\": \"WhitespaceSplit\"}, \"added_tokens\": [],"
             "\"post_processor\": {\"type\": \"BertProcessing\", \"cls\": [\"[CLS]\", 1], \"sep\": [\"[SEP]\", 2]},"
             "\"model\": {\"type\": \"WordLevel\", \"unk_token\": \"w0\", \"vocab\": {\"[CLS]\": 1, \"[SEP]\": 2, "
             "\"w0\": 0");
    for (int i = 3; i < 99; i++) end += sprintf(end, ", \"w%d\": %d", i, i);
    sprintf(end, "}}}");
    folder_write_text(&folder, "tokenizer.json", tokenizer);
    return folder;
}

folder folder_make_case(const char *name, const char *preprocessor) {
    static const char *const names[] = { "config.json", "model.safetensors" };
    folder folder = folder_make_empty();
    for (size_t i = 0; i < 2; i++) {
        char path[256];
        snprintf(path, sizeof path, "Tests/Fixtures/features/%s/%s", name, names[i]);
        bytes file = file_read(path);
        folder_write(&folder, names[i], file.data, file.count);
        free(file.data);
    }
    if (preprocessor) folder_write_text(&folder, "preprocessor_config.json", preprocessor);
    return folder;
}
