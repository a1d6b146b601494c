# What `cmake --install` puts into a prefix. The prefix may be moved afterwards: nothing in it holds an absolute path.

set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/Attend")

install(FILES include/attend.h include/attend.hpp DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(DIRECTORY include/attend DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.hpp")
install(PROGRAMS "${ATTEND_OUTPUT}/${ATTEND_FILE}" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(FILES "${ATTEND_OUTPUT}/${ATTEND_SONAME}" "${ATTEND_OUTPUT}/libattend.so" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")

file(RELATIVE_PATH ATTEND_PREFIX_FROM_PC "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
configure_file(cmake/attend.pc.in attend.pc @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/attend.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

configure_package_config_file(cmake/AttendConfig.cmake.in AttendConfig.cmake
  INSTALL_DESTINATION "${package_folder}" PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(AttendConfigVersion.cmake COMPATIBILITY SameMajorVersion)
install(FILES "${PROJECT_BINARY_DIR}/AttendConfig.cmake" "${PROJECT_BINARY_DIR}/AttendConfigVersion.cmake" DESTINATION "${package_folder}")
