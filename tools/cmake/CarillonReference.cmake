# Target docs: the reference of the engine's public headers, in
# <build directory>/docs/html; only where doxygen is installed. What a public
# header leaves undocumented is a warning, and a warning is a failure.

find_package(Doxygen QUIET)
if(NOT DOXYGEN_FOUND)
  return()
endif()

set(DOXYGEN_PROJECT_NAME "Carillon engine")
set(DOXYGEN_OUTPUT_DIRECTORY "${carillon_BINARY_DIR}/docs")
set(DOXYGEN_FILE_PATTERNS *.hpp)
set(DOXYGEN_STRIP_FROM_PATH "${carillon_SOURCE_DIR}/engine/include")
set(DOXYGEN_STRIP_FROM_INC_PATH "${carillon_SOURCE_DIR}/engine/include")
set(DOXYGEN_EXCLUDE_SYMBOLS carillon::engine::detail)
set(DOXYGEN_BUILTIN_STL_SUPPORT YES)
set(DOXYGEN_JAVADOC_AUTOBRIEF YES)
set(DOXYGEN_GENERATE_LATEX NO)
set(DOXYGEN_HAVE_DOT NO)
set(DOXYGEN_QUIET YES)
set(DOXYGEN_EXTRACT_ALL NO)
set(DOXYGEN_WARN_IF_UNDOCUMENTED YES)
set(DOXYGEN_WARN_AS_ERROR FAIL_ON_WARNINGS)
# The cards of the concurrent types are tables by their white space, which
# doxygen joins into a paragraph: a line of the card begins with its bold word.
set(DOXYGEN_INPUT_FILTER
  "sed -E 's,/// (Role|Threads|Order|Bound|Progress|Wake-up|Lifetime|Invariant)  +,/// <br><b>\\1</b> ,'")
doxygen_add_docs(docs "${carillon_SOURCE_DIR}/engine/include"
  COMMENT "Writing the engine's reference")

if(CARILLON_BUILD_TESTS)
  add_test(NAME reference COMMAND Doxygen::doxygen "${CMAKE_CURRENT_BINARY_DIR}/Doxyfile.docs"
    WORKING_DIRECTORY "${carillon_SOURCE_DIR}")
  set_tests_properties(reference PROPERTIES LABELS unit TIMEOUT 120)
endif()
