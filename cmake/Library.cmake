# The target Attend::attend: the library that Swift builds, stripped, under the names of an installed library.

# Swift takes CC for the Clang that it brings along, and those who set it mean another compiler.
find_program(SWIFT swift)
set(ATTEND_SWIFT ${CMAKE_COMMAND} -E env --unset=CC --unset=CXX ${SWIFT})

set(ATTEND_OUTPUT "${PROJECT_BINARY_DIR}/lib")
set(ATTEND_FILE "libattend.so.${PROJECT_VERSION}")
set(ATTEND_SONAME "libattend.so.${PROJECT_VERSION_MAJOR}")

if(ATTEND_LIBRARY)
  set(built "${ATTEND_LIBRARY}")
  set(build_command ${CMAKE_COMMAND} -E true)
else()
  if(NOT SWIFT)
    message(FATAL_ERROR "There is no swift here. Install a Swift 6.3 toolchain (https://www.swift.org/install), or name a finished library with -DATTEND_LIBRARY=.")
  endif()
  set(built "${ATTEND_SWIFT_BUILD}/release/libattend.so")
  set(build_command ${ATTEND_SWIFT} build --configuration release --product attend --package-path "${PROJECT_SOURCE_DIR}"
    --scratch-path "${ATTEND_SWIFT_BUILD}" --disable-local-rpath ${ATTEND_SWIFT_FLAGS})
endif()

find_program(STRIP strip REQUIRED)

# Swift knows what is out of date, so it is always asked; what did not change is not copied, and nothing is linked again.
add_custom_target(attend_library ALL
  COMMAND ${build_command}
  COMMAND ${CMAKE_COMMAND} -E make_directory "${ATTEND_OUTPUT}"
  COMMAND ${STRIP} -o "${ATTEND_OUTPUT}/stripped" "${built}"
  COMMAND ${CMAKE_COMMAND} -E copy_if_different "${ATTEND_OUTPUT}/stripped" "${ATTEND_OUTPUT}/${ATTEND_FILE}"
  COMMAND ${CMAKE_COMMAND} -E remove "${ATTEND_OUTPUT}/stripped"
  COMMAND ${CMAKE_COMMAND} -E create_symlink "${ATTEND_FILE}" "${ATTEND_OUTPUT}/${ATTEND_SONAME}"
  COMMAND ${CMAKE_COMMAND} -E create_symlink "${ATTEND_SONAME}" "${ATTEND_OUTPUT}/libattend.so"
  BYPRODUCTS "${ATTEND_OUTPUT}/${ATTEND_FILE}"
  COMMENT "Building libattend.so"
  USES_TERMINAL VERBATIM)

add_library(attend SHARED IMPORTED GLOBAL)
add_dependencies(attend attend_library)
set_target_properties(attend PROPERTIES
  IMPORTED_LOCATION "${ATTEND_OUTPUT}/${ATTEND_FILE}"
  IMPORTED_SONAME "${ATTEND_SONAME}"
  INTERFACE_INCLUDE_DIRECTORIES "${PROJECT_SOURCE_DIR}/include")
add_library(Attend::attend ALIAS attend)
