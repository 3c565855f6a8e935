// The one file that compiles the bodies of Asio and Beast (CarillonAsio.cmake).

#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
