# moodycamel::ConcurrentQueue: header-only, no CMake package of its own.
#
# Target ConcurrentQueue::ConcurrentQueue; include as <concurrentqueue.h>.
# Debian puts the header into /usr/include/concurrentqueue, upstream's own
# install into include/concurrentqueue/moodycamel. Being an imported target its
# directory is a SYSTEM one: GCC 12 has false positives inside this header.

find_path(ConcurrentQueue_INCLUDE_DIR concurrentqueue.h
  PATH_SUFFIXES concurrentqueue concurrentqueue/moodycamel)
mark_as_advanced(ConcurrentQueue_INCLUDE_DIR)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ConcurrentQueue REQUIRED_VARS ConcurrentQueue_INCLUDE_DIR)

if(ConcurrentQueue_FOUND AND NOT TARGET ConcurrentQueue::ConcurrentQueue)
  add_library(ConcurrentQueue::ConcurrentQueue INTERFACE IMPORTED)
  target_include_directories(ConcurrentQueue::ConcurrentQueue INTERFACE
    "${ConcurrentQueue_INCLUDE_DIR}")
endif()
