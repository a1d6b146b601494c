# What is inside the files that are handed over, for those who must know: the licences of the packages that the program
# is made of, and a bill of materials (CycloneDX, https://cyclonedx.org) of library and program.

# The packages, as SwiftPM resolved them.
set(pins "${PROJECT_SOURCE_DIR}/program/Package.resolved")
set(ATTEND_LICENSES "${PROJECT_BINARY_DIR}/licenses")
set(components "")
set(parts "")
if(ATTEND_PROGRAM)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${pins}")
  file(READ "${pins}" resolved)
  string(JSON count LENGTH "${resolved}" pins)
  math(EXPR last "${count} - 1")
  foreach(index RANGE ${last})
    string(JSON name GET "${resolved}" pins ${index} identity)
    string(JSON location GET "${resolved}" pins ${index} location)
    string(JSON version ERROR_VARIABLE ignored GET "${resolved}" pins ${index} state version)
    string(JSON revision GET "${resolved}" pins ${index} state revision)
    string(REGEX REPLACE "^https?://|\\.git$" "" path "${location}")
    set(reference "pkg:swift/${path}@${version}")
    string(APPEND components ",
    {
      \"type\": \"library\", \"bom-ref\": \"${reference}\", \"name\": \"${name}\", \"version\": \"${version}\",
      \"purl\": \"${reference}\", \"licenses\": [{\"license\": {\"id\": \"Apache-2.0\"}}],
      \"externalReferences\": [{\"type\": \"vcs\", \"url\": \"${location}\", \"comment\": \"revision ${revision}\"}]
    }")
    string(APPEND parts ", \"${reference}\"")
    file(GLOB texts "${ATTEND_PROGRAM_BUILD}/checkouts/${name}/LICENSE*" "${ATTEND_PROGRAM_BUILD}/checkouts/${name}/NOTICE*")
    file(COPY ${texts} DESTINATION "${ATTEND_LICENSES}/${name}")
  endforeach()
  install(DIRECTORY "${ATTEND_LICENSES}" DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT licenses)
endif()

# The compiler, whose runtime is linked into both, and the tables that the tokenizers were written from.
set(compiler "unknown")
if(SWIFT)
  execute_process(COMMAND ${SWIFT} --version OUTPUT_VARIABLE said ERROR_QUIET)
  if(said MATCHES "Swift version ([0-9.]+)")
    set(compiler "${CMAKE_MATCH_1}")
  endif()
endif()
file(STRINGS Sources/AttendTokenizers/Unicode/UnicodeTables.swift said LIMIT_COUNT 1)
string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" unicode "${said}")

# The same contents have the same number and, with SOURCE_DATE_EPOCH, the same time.
string(UUID number NAMESPACE 6ba7b811-9dad-11d1-80b4-00c04fd430c8 NAME "libattend ${PROJECT_VERSION} ${compiler} ${parts}" TYPE SHA1)
string(TIMESTAMP now "%Y-%m-%dT%H:%M:%SZ" UTC)
set(ATTEND_MATERIALS "${PROJECT_BINARY_DIR}/libattend.cdx.json")
set(executable "")
set(program "")
if(ATTEND_PROGRAM)
  set(executable " and the program attend")
  string(PREPEND parts ", \"swift-foundation\", \"swift-corelibs-libdispatch\"")
  configure_file(cmake/materials.program.json.in materials.program.json @ONLY)
  file(READ "${PROJECT_BINARY_DIR}/materials.program.json" program)
  string(STRIP "${program}" program)
endif()
configure_file(cmake/materials.json.in "${ATTEND_MATERIALS}" @ONLY)
install(FILES "${ATTEND_MATERIALS}" DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT licenses)
