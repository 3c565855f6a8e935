#include "tools/loadgen/response_reader.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>

#include <stdexcept>

namespace carillon::loadgen {

namespace http = boost::beast::http;

void ResponseReader::begin() {
  parser_.emplace(on_body_);
  parser_->body_limit(boost::none);
}

std::size_t ResponseReader::feed(std::string_view bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size() && !parser_->is_done()) {
    boost::beast::error_code error;
    const auto rest = bytes.substr(taken);
    taken += parser_->put(boost::asio::buffer(rest.data(), rest.size()), error);
    if (error == http::error::need_more) break;
    if (error) throw std::runtime_error{"no HTTP answer: " + error.message()};
  }
  return taken;
}

}  // namespace carillon::loadgen
