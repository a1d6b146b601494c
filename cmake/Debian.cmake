# Debian's packages, by CPack (scripts/package): libattend0 is the library, libattend-dev what programs are compiled with,
# attend the program. They want a build with -DATTEND_DEBIAN=ON -DCMAKE_INSTALL_PREFIX=/usr.

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME attend)
set(CPACK_PACKAGE_VENDOR "Attend")
set(maintainer "The authors of Attend <attend@example.org>")
if(DEFINED ENV{DEBFULLNAME} AND DEFINED ENV{DEBEMAIL})
  set(maintainer "$ENV{DEBFULLNAME} <$ENV{DEBEMAIL}>")
endif()
set(CPACK_PACKAGE_CONTACT "${maintainer}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES OFF)
set(CPACK_COMPONENTS_ALL runtime development)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${ATTEND_OUTPUT}")

set(about "Attend runs transformer checkpoints as they were downloaded, without
conversion and without Python: encoders, decoders and encoder-decoders,
for texts, pictures and sounds.")

set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME "libattend${PROJECT_VERSION_MAJOR}")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION "runs transformer checkpoints inside a program\n${about}\nThis is the shared library.")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
configure_file(cmake/debian/shlibs.in "${PROJECT_BINARY_DIR}/debian/shlibs" @ONLY)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA
  "${PROJECT_BINARY_DIR}/debian/shlibs;${PROJECT_SOURCE_DIR}/cmake/debian/triggers")
# Opened by name when a file of the kind is met; without one that kind is an error, and nothing else.
set(CPACK_DEBIAN_RUNTIME_PACKAGE_RECOMMENDS
  "libpng16-16t64 | libpng16-16, libjpeg62-turbo, libwebp7, libsndfile1, zlib1g")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SUGGESTS libopenblas0)

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libattend-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_COMPONENT_DEVELOPMENT_DEPENDS runtime)
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
  "runs transformer checkpoints inside a program (development)\n${about}\nThis is the header, with what pkg-config and CMake ask for.")

if(ATTEND_PROGRAM)
  list(APPEND CPACK_COMPONENTS_ALL program)
  set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME attend)
  set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION science)
  set(CPACK_COMPONENT_PROGRAM_DEPENDS runtime)
  set(CPACK_DEBIAN_PROGRAM_PACKAGE_SHLIBDEPS ON)
  set(CPACK_COMPONENT_PROGRAM_DESCRIPTION
    "runs transformer checkpoints from the command line\n${about}\nThis is the program attend.")
endif()

include(CPack)

# What Debian's policy asks of each package: its copyright and its changes; pages of the manual are compressed.
if(NOT ATTEND_DEBIAN)
  return()
endif()
set(debian "${PROJECT_BINARY_DIR}/debian")
string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)
foreach(component ${CPACK_COMPONENTS_ALL})
  string(TOUPPER "${component}" upper)
  set(package "${CPACK_DEBIAN_${upper}_PACKAGE_NAME}")
  set(documents "${CMAKE_INSTALL_DATADIR}/doc/${package}")
  configure_file(cmake/debian/changelog.in "${debian}/changelog.Debian" @ONLY)
  install(FILES "${debian}/changelog.Debian" cmake/debian/copyright DESTINATION "${documents}" COMPONENT ${component})
  if(component STREQUAL "program" AND EXISTS "${ATTEND_LICENSES}")
    install(DIRECTORY "${ATTEND_LICENSES}" DESTINATION "${documents}" COMPONENT program FILES_MATCHING PATTERN "NOTICE*")
  endif()
  install(CODE "
    set(root \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}\")
    file(GLOB pages \"\${root}/${documents}/changelog.Debian\" \"\${root}/${CMAKE_INSTALL_MANDIR}/man1/*.1\")
    execute_process(COMMAND gzip -9nf \${pages} COMMAND_ERROR_IS_FATAL ANY)" COMPONENT ${component})
endforeach()
