/* Checkpoint folders to spoil: copies of the default model in a temporary place. */
#ifndef FOLDER_H
#define FOLDER_H

#include <stddef.h>

typedef struct folder {
    char path[64];
} folder;

/** Some bytes, ended by a NUL that `count` does not count. Freed by free(data). */
typedef struct bytes {
    char *data;
    size_t count;
} bytes;

/** A fresh copy of the default model, or nothing; folder_remove deletes it. */
folder folder_make(void);
folder folder_make_empty(void);
/** The bert case with a tokenizer that reads the words w0 to w98 and puts [CLS] and [SEP] around them. */
folder folder_make_words(void);
/** A tiny model of Tests/Fixtures/features, with a preprocessor_config.json where one is given. */
folder folder_make_case(const char *name, const char *preprocessor);
void folder_remove(const folder *folder);

/** Writes, replaces or deletes a file of the folder. */
void folder_write(const folder *folder, const char *name, const void *data, size_t count);
void folder_write_text(const folder *folder, const char *name, const char *text);
void folder_delete(const folder *folder, const char *name);
/** A new string of at most 500 characters: the path of a file in the folder. Static. */
const char *folder_path(const folder *folder, const char *name);

/** The bytes of a file, which must exist. */
bytes file_read(const char *path);

/** A new text in which the first `from` is `to`; ends the program if there is none, for then the test would test
 * nothing. */
char *replaced(const char *text, const char *from, const char *to);

#endif
