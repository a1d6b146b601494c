# What a wheel holds beside the modules of Python, which scikit-build-core puts there itself (pyproject.toml).

set(python_package "${SKBUILD_PLATLIB_DIR}/attend")
install(FILES "${ATTEND_OUTPUT}/${ATTEND_FILE}" DESTINATION "${python_package}" RENAME "${ATTEND_SONAME}" COMPONENT python)
install(FILES include/attend.h DESTINATION "${python_package}/include" COMPONENT python)
install(FILES "${ATTEND_MATERIALS}" DESTINATION "${SKBUILD_METADATA_DIR}/sboms" COMPONENT python)
if(ATTEND_PROGRAM)
  install(PROGRAMS "${ATTEND_PROGRAM_FILE}" DESTINATION "${python_package}/bin" COMPONENT python)
  install(PROGRAMS cmake/attend.py DESTINATION "${SKBUILD_SCRIPTS_DIR}" RENAME attend COMPONENT python)
  install(DIRECTORY "${ATTEND_LICENSES}/" DESTINATION "${SKBUILD_METADATA_DIR}/licenses" COMPONENT python)
  install(DIRECTORY docs/man/ DESTINATION "${SKBUILD_DATA_DIR}/share/man/man1" COMPONENT python FILES_MATCHING PATTERN "*.1")
endif()
