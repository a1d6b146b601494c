// The functions of an open library, found by their names.
#include <dlfcn.h>
#include <string.h>

enum { most_functions = 32 };

// Fills `functions` with those of `names`, in their order; returns the name of the first that is missing, before
// anything is written, or NULL.
static inline const char *find_functions(void *library, const char *const *names, size_t count, void *functions) {
    void *found[most_functions];
    for (size_t i = 0; i < count; i++) {
        found[i] = dlsym(library, names[i]);
        if (!found[i]) return names[i];
    }
    memcpy(functions, found, count * sizeof(void *));
    return NULL;
}
