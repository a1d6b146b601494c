// This target holds the linker flags of libattend.so and no code: flags here do not reach the tests.
