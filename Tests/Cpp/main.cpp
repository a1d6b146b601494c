/* The tests of attend.hpp: every function of attend.h is reached through it. */
#include "check.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>

std::string read_file(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
}

int main() {
    test_text();
    test_sessions();
    test_generation();
    test_tasks();
    test_media();
    test_functions();
    if (checks::failed) std::fprintf(stderr, "%d checks failed\n", checks::failed);
    return checks::failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
