# Two Debian packages: libcarillon-engine-dev, the library to embed, and
# carillond, the server, its client and its load generator.
#
#   cmake --build build/release --target package    builds what is missing, packs
#   cpack -G DEB --config build/release/CPackConfig.cmake    packs what is built
#
# Included once, at the end of the root file, by the top project alone.

set(CARILLON_PACKAGE_CONTACT "Carillon maintainers <maintainers@carillon.invalid>" CACHE STRING
  "Maintainer in the Debian packages: name and address of who built them")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME carillon)
set(CPACK_PACKAGE_VENDOR Carillon)
set(CPACK_PACKAGE_CONTACT "${CARILLON_PACKAGE_CONTACT}")
set(CPACK_PACKAGE_DIRECTORY "${carillon_BINARY_DIR}/packages")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_STRIP_FILES ON)
# CPack puts the project's summary before that of each component, but not this
# one, which it takes for its own invention.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${CMAKE_PROJECT_NAME} built using CMake")
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

# _carillon_debian_package(<component> NAME <package> SECTION <section>
#                          SUMMARY <line> DESCRIPTION <text>)
# Policy wants the licence as share/doc/<package>/copyright; it is installed with
# its component alone, so that a plain installation does not get it as well.
macro(_carillon_debian_package component)
  cmake_parse_arguments(arg "" "NAME;SECTION;SUMMARY;DESCRIPTION" "" ${ARGN})
  string(TOUPPER "${component}" upper)
  list(APPEND CPACK_COMPONENTS_ALL ${component})
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME "${arg_NAME}")
  set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION "${arg_SECTION}")
  # CPack takes the first line for the summary.
  set(CPACK_DEBIAN_${upper}_DESCRIPTION "${arg_SUMMARY}\n${arg_DESCRIPTION}")
  install(FILES "${carillon_SOURCE_DIR}/tools/cmake/debian_copyright"
    DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/${arg_NAME}" RENAME copyright
    COMPONENT ${component} EXCLUDE_FROM_ALL)
endmacro()

set(CPACK_COMPONENTS_ALL)
_carillon_debian_package(engine NAME libcarillon-engine-dev SECTION libdevel
  SUMMARY "event broadcaster to embed in C++20 programs (development files)"
  DESCRIPTION "Takes events from any thread without a lock, gives each its place in its
user's order, and hands every live subscriber of that user its events in
batches. This package has the static library, its headers, a CMake package
(carillon) and a pkg-config file (carillon-engine).")
# The archive holds inlined code of this simdjson and calls the shared library.
get_property(simdjson_version GLOBAL PROPERTY carillon_version_simdjson)
set(CPACK_DEBIAN_ENGINE_PACKAGE_DEPENDS "libsimdjson-dev (>= ${simdjson_version})")

if(CARILLON_BUILD_TOOLS)
  _carillon_debian_package(runtime NAME carillond SECTION net
    SUMMARY "event broadcaster with durable inboxes: server and client"
    DESCRIPTION "Takes events over HTTP, keeps them in each user's inbox (read and unread, exact
counts) and delivers them live over WebSocket and SSE, in one order per
user. An event that was acknowledged survives a crash. This package has the
server carillond, the command-line client carillon and the load generator
carillon-loadgen.")
  set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
endif()

include(CPack)
