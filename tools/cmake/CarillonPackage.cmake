# find_package(carillon [COMPONENTS engine persistence net]).
#
# One export set per component, so that a consumer of the engine needs none of
# what the server links. Without COMPONENTS the engine is meant.
#
#   carillon_install_library(<name>)   called by carillon_library()
#   carillon_install_package()         called once, at the end of the root file

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
  install(TARGETS carillon_${name} EXPORT carillon-${name} COMPONENT development)
  if(IS_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}/include")
    install(DIRECTORY include/ DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT development)
  endif()
  install(EXPORT carillon-${name} NAMESPACE carillon:: FILE ${name}-targets.cmake
    DESTINATION "${carillon_package_dir}" COMPONENT development)
  install(FILES "${dependencies}" DESTINATION "${carillon_package_dir}" COMPONENT development)
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
    "${carillon_SOURCE_DIR}/tools/cmake/FindConcurrentQueue.cmake"
    "${carillon_SOURCE_DIR}/tools/cmake/FindRocksDB.cmake"
    DESTINATION "${carillon_package_dir}" COMPONENT development)
  install(FILES "${carillon_SOURCE_DIR}/LICENSE"
    DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT development)
endfunction()
