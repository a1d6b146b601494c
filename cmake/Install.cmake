# What `cmake --install` puts into a prefix. The prefix may be moved afterwards: nothing in it holds an absolute path.
# The components are those that Debian makes packages of: runtime, development, program.

# Debian's libraries are not executable; others' are, and `ldd` asks for it.
if(ATTEND_DEBIAN)
  set(kind FILES)
else()
  set(kind PROGRAMS)
endif()
set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/Attend")

install(FILES include/attend.h include/attend.hpp DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT development)
install(DIRECTORY include/attend DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT development
  FILES_MATCHING PATTERN "*.hpp")
install(FILES "${ATTEND_OUTPUT}/libattend.so" DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT development)
install(${kind} "${ATTEND_OUTPUT}/${ATTEND_FILE}" DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT runtime)
install(FILES "${ATTEND_OUTPUT}/${ATTEND_SONAME}" DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT runtime)
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT licenses)

file(RELATIVE_PATH ATTEND_PREFIX_FROM_PC "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
configure_file(cmake/attend.pc.in attend.pc @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/attend.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT development)

configure_package_config_file(cmake/AttendConfig.cmake.in AttendConfig.cmake
  INSTALL_DESTINATION "${package_folder}" PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(AttendConfigVersion.cmake COMPATIBILITY SameMajorVersion)
install(FILES "${PROJECT_BINARY_DIR}/AttendConfig.cmake" "${PROJECT_BINARY_DIR}/AttendConfigVersion.cmake"
  DESTINATION "${package_folder}" COMPONENT development)
