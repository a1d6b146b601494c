# The program `attend`, a package of its own that sees the header and the library: `program/Package.swift`. What it depends
# on comes from the network the first time; without Swift or network the rest is built all the same.

option(ATTEND_PROGRAM "Build the program attend" ON)
set(ATTEND_PROGRAM_BUILD "${PROJECT_SOURCE_DIR}/program/.build" CACHE PATH "The build folder of the program")

set(program_package --package-path "${PROJECT_SOURCE_DIR}/program" --scratch-path "${ATTEND_PROGRAM_BUILD}")
if(ATTEND_PROGRAM)
  if(SWIFT)
    execute_process(COMMAND ${ATTEND_SWIFT} package resolve ${program_package} RESULT_VARIABLE resolved OUTPUT_QUIET ERROR_VARIABLE reason)
  else()
    set(resolved 1)
    set(reason "There is no swift here.")
  endif()
  if(NOT resolved EQUAL 0)
    message(WARNING "The program attend is not built: what it depends on cannot be had. ${reason}")
    set(ATTEND_PROGRAM OFF)
  endif()
endif()
if(NOT ATTEND_PROGRAM)
  return()
endif()

# The library is found beside the program in the build folder, and in an installed prefix. A system's own packages lie
# where the loader looks anyway, and name no folders.
file(RELATIVE_PATH libraries "${CMAKE_INSTALL_FULL_BINDIR}" "${CMAKE_INSTALL_FULL_LIBDIR}")
set(places "$ORIGIN/../lib" "$ORIGIN/${libraries}")
list(REMOVE_DUPLICATES places)
list(JOIN places ":" places)
set(ATTEND_PROGRAM_RPATH "${places}" CACHE STRING "Where the program looks for the library; may be empty")
if(ATTEND_PROGRAM_RPATH)
  set(rpath -Xlinker "-rpath=${ATTEND_PROGRAM_RPATH}")
endif()
set(run ${CMAKE_COMMAND} -E env "LD_LIBRARY_PATH=${ATTEND_OUTPUT}" "${PROJECT_BINARY_DIR}/bin/attend")
set(ATTEND_PROGRAM_FILE "${PROJECT_BINARY_DIR}/bin/attend")
set(completions "${PROJECT_BINARY_DIR}/completions")
add_custom_target(attend_program ALL
  COMMAND ${ATTEND_SWIFT} build --configuration release --product attend ${program_package} --disable-local-rpath ${ATTEND_SWIFT_FLAGS}
    -Xlinker "-L${ATTEND_OUTPUT}" ${rpath}
  COMMAND ${CMAKE_COMMAND} -E make_directory "${PROJECT_BINARY_DIR}/bin" "${completions}"
  COMMAND ${STRIP} -o "${ATTEND_PROGRAM_FILE}.stripped" "${ATTEND_PROGRAM_BUILD}/release/attend"
  COMMAND ${CMAKE_COMMAND} -E rename "${ATTEND_PROGRAM_FILE}.stripped" "${ATTEND_PROGRAM_FILE}"
  COMMAND ${run} --generate-completion-script bash > "${completions}/attend"
  COMMAND ${run} --generate-completion-script zsh > "${completions}/_attend"
  COMMAND ${run} --generate-completion-script fish > "${completions}/attend.fish"
  BYPRODUCTS "${ATTEND_PROGRAM_FILE}"
  COMMENT "Building the program attend"
  USES_TERMINAL VERBATIM)
add_dependencies(attend_program attend_library)

install(PROGRAMS "${ATTEND_PROGRAM_FILE}" DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT program)
install(FILES "${completions}/attend" DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" COMPONENT program)
install(FILES "${completions}/_attend" DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/site-functions" COMPONENT program)
install(FILES "${completions}/attend.fish" DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d" COMPONENT program)
install(DIRECTORY docs/man/ DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" COMPONENT program FILES_MATCHING PATTERN "*.1")
