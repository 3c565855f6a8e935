# find_package(carillon [COMPONENTS engine persistence net]), and pkg-config.
#
# One export set and one install component per library, so that a consumer of
# the engine needs none of what the server links. Without COMPONENTS the engine
# is meant. The programs are the install component `runtime`.
#
#   carillon_install_library(<name>)      called by carillon_library()
#   carillon_install_pkg_config(<name> DESCRIPTION <text>)
#                                         carillon-<name>.pc beside the library
#   carillon_install_package()            called once, at the end of the root file

include(CMakePackageConfigHelpers)

set(carillon_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/carillon")

# Writes <name>-dependencies.cmake: one find_dependency() per external target
# that the library links, and the components of ours that it needs first.
function(_carillon_write_dependencies name file)
  get_target_property(links carillon_${name} CARILLON_LINKS)
  set(lines)
  foreach(library IN LISTS links)
    get_property(find GLOBAL PROPERTY "carillon_find_${library}")
    if(library MATCHES "^carillon::(.+)$")
      list(APPEND lines "_carillon_load(${CMAKE_MATCH_1})")
    elseif(find)
      list(APPEND lines "${find}")
    endif()
  endforeach()
  list(REMOVE_DUPLICATES lines)
  list(JOIN lines "\n" content)
  file(WRITE "${file}" "${content}\n")
endfunction()

function(carillon_install_library name)
  set(dependencies "${CMAKE_CURRENT_BINARY_DIR}/${name}-dependencies.cmake")
  _carillon_write_dependencies(${name} "${dependencies}")
  install(TARGETS carillon_${name} EXPORT carillon-${name} COMPONENT ${name})
  if(IS_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}/include")
    install(DIRECTORY include/ DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT ${name})
  endif()
  install(EXPORT carillon-${name} NAMESPACE carillon:: FILE ${name}-targets.cmake
    DESTINATION "${carillon_package_dir}" COMPONENT ${name})
  install(FILES "${dependencies}" DESTINATION "${carillon_package_dir}" COMPONENT ${name})
endfunction()

# The archive carries nothing of what it links, so that stands under .private:
# consumers ask with --static. The prefix is found from the file's own place.
function(carillon_install_pkg_config name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "DESCRIPTION" "")
  if(NOT CARILLON_INSTALL)
    return()
  endif()
  get_target_property(links carillon_${name} CARILLON_LINKS)
  set(requires)
  set(libraries)
  foreach(library IN LISTS links)
    get_property(module GLOBAL PROPERTY "carillon_pkg_config_${library}")
    if(library STREQUAL "Threads::Threads")
      list(APPEND libraries "-pthread")
    elseif(module)
      list(APPEND requires "${module}")
    else()
      message(FATAL_ERROR "carillon-${name}.pc: no pkg-config module is known for ${library}")
    endif()
  endforeach()
  list(JOIN requires ", " requires)
  list(JOIN libraries " " libraries)
  file(RELATIVE_PATH prefix_from_file "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
  string(REGEX REPLACE "/$" "" prefix_from_file "${prefix_from_file}")
  set(description "${arg_DESCRIPTION}")
  configure_file("${carillon_SOURCE_DIR}/tools/cmake/carillon.pc.in"
    "${CMAKE_CURRENT_BINARY_DIR}/carillon-${name}.pc" @ONLY)
  install(FILES "${CMAKE_CURRENT_BINARY_DIR}/carillon-${name}.pc"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT ${name})
endfunction()

function(carillon_install_package)
  if(NOT CARILLON_INSTALL)
    return()
  endif()
  configure_package_config_file(
    "${carillon_SOURCE_DIR}/tools/cmake/carillonConfig.cmake.in"
    "${carillon_BINARY_DIR}/carillonConfig.cmake"
    INSTALL_DESTINATION "${carillon_package_dir}"
    NO_SET_AND_CHECK_MACRO)
  # Before 1.0 a minor version may break its consumers.
  write_basic_package_version_file("${carillon_BINARY_DIR}/carillonConfigVersion.cmake"
    COMPATIBILITY SameMinorVersion)
  install(FILES
    "${carillon_BINARY_DIR}/carillonConfig.cmake"
    "${carillon_BINARY_DIR}/carillonConfigVersion.cmake"
    DESTINATION "${carillon_package_dir}" COMPONENT engine)
  if(CARILLON_WITH_PERSISTENCE)
    install(FILES "${carillon_SOURCE_DIR}/tools/cmake/FindRocksDB.cmake"
      DESTINATION "${carillon_package_dir}" COMPONENT persistence)
  endif()
  install(FILES "${carillon_SOURCE_DIR}/LICENSE"
    DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT licence)
endfunction()
