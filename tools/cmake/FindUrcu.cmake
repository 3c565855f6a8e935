# liburcu, as shared libraries: Urcu::qsbr and Urcu::memb (two flavours of
# read-copy-update) and Urcu::cds (its containers). Debian ships pkg-config files
# only.

find_path(Urcu_INCLUDE_DIR urcu/rculfhash.h)
mark_as_advanced(Urcu_INCLUDE_DIR)
set(urcu_variables Urcu_INCLUDE_DIR)
foreach(urcu_part IN ITEMS cds qsbr memb)
  find_library(Urcu_${urcu_part}_LIBRARY urcu-${urcu_part})
  mark_as_advanced(Urcu_${urcu_part}_LIBRARY)
  list(APPEND urcu_variables Urcu_${urcu_part}_LIBRARY)
endforeach()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Urcu REQUIRED_VARS ${urcu_variables})

if(Urcu_FOUND AND NOT TARGET Urcu::cds)
  foreach(urcu_part IN ITEMS cds qsbr memb)
    add_library(Urcu::${urcu_part} UNKNOWN IMPORTED)
    set_target_properties(Urcu::${urcu_part} PROPERTIES
      IMPORTED_LOCATION "${Urcu_${urcu_part}_LIBRARY}"
      INTERFACE_INCLUDE_DIRECTORIES "${Urcu_INCLUDE_DIR}")
  endforeach()
endif()
