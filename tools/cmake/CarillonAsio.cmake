# carillon::asio: Boost.Asio and Boost.Beast, compiled once.
#
# Link this, not Boost::headers, wherever Asio or Beast is included: the
# definitions below must be the same in every file of a program. Measured with
# GCC 12 on one session with HTTP, WebSocket and coroutines: 12.1 s for the file
# header-only, 8.8 s with this (at -O0 8.6 s and 6.6 s). asio::ssl is not
# compiled in; who needs it adds boost/asio/ssl/impl/src.hpp to asio.cpp.

carillon_library(asio
  SOURCES tools/cmake/asio.cpp
  PUBLIC Boost::headers Threads::Threads)
target_compile_definitions(carillon_asio PUBLIC
  BOOST_ASIO_SEPARATE_COMPILATION
  BOOST_BEAST_SEPARATE_COMPILATION
  BOOST_ASIO_NO_DEPRECATED)
