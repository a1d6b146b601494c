/* The smallest test library: checks that say where they failed. */
#ifndef CHECK_HPP
#define CHECK_HPP

#include <attend.hpp>
#include <cstdio>
#include <string>

namespace checks {

inline int failed = 0;

inline bool holds(bool condition, const char *text, const char *file, int line) {
    if (!condition) {
        std::fprintf(stderr, "FAILED %s:%d: %s\n", file, line, text);
        ++failed;
    }
    return condition;
}

/// The body throws an error of this code, whose sentence holds `part`.
template <class Body>
void throws(attend::error_code code, const char *part, Body &&body, const char *text, const char *file, int line) {
    try {
        body();
    } catch (const attend::error &error) {
        const bool told = error.code() == code && std::string(error.what()).find(part) != std::string::npos;
        if (!told) std::fprintf(stderr, "it said (%d): %s\n", static_cast<int>(error.code()), error.what());
        holds(told, text, file, line);
        return;
    }
    holds(false, text, file, line);
}

/// The body throws what a callback threw: the number.
template <class Body> void throws_number(int number, Body &&body, const char *text, const char *file, int line) {
    try {
        body();
    } catch (int thrown) {
        holds(thrown == number, text, file, line);
        return;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "it said: %s\n", error.what());
    }
    holds(false, text, file, line);
}

} // namespace checks

#define CHECK(condition) checks::holds((condition), #condition, __FILE__, __LINE__)
#define CHECK_THROWS(code, part, ...) \
    checks::throws(attend::error_code::code, part, [&] { (void)(__VA_ARGS__); }, #__VA_ARGS__, __FILE__, __LINE__)
#define CHECK_THROWS_NUMBER(number, ...) \
    checks::throws_number(number, [&] { (void)(__VA_ARGS__); }, #__VA_ARGS__, __FILE__, __LINE__)

/// The models that are in the repository.
inline const std::string spelling = "models/g2p-en", hearing = "models/numbers-en", seeing = "models/shapes-en";
inline const std::string fixtures = "Tests/Fixtures/";

/// A file's bytes.
std::string read_file(const std::string &path);

// The tests, a function for each file.
void test_text();
void test_sessions();
void test_generation();
void test_tasks();
void test_media();
void test_functions();

#endif
