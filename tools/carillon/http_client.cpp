#include "tools/carillon/http_client.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <array>
#include <stdexcept>
#include <utility>

namespace carillon::client {
namespace {

constexpr long connect_timeout_s = 10;
constexpr long answer_timeout_s = 60;
// The server writes a keep-alive every 15 s; four missed ones are a dead line.
constexpr long silence_max_s = 60;

struct CurlGlobal {
  CurlGlobal() { curl_global_init(CURL_GLOBAL_DEFAULT); }
  ~CurlGlobal() { curl_global_cleanup(); }
  CurlGlobal(const CurlGlobal&) = delete;
  CurlGlobal& operator=(const CurlGlobal&) = delete;
};

struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, FreeList>;

void append(HeaderList& list, const std::string& header) {
  auto* longer = curl_slist_append(list.get(), header.c_str());
  if (longer == nullptr) throw std::bad_alloc{};
  static_cast<void>(list.release());  // now the tail's owner is `longer`
  list.reset(longer);
}

/// Where the bytes of an answer go.
struct Receiver {
  CURL* curl;
  Response* response;
  const std::function<bool(std::string_view)>* on_data = nullptr;  // null: collect the body
  bool stopped = false;
};

std::size_t receive(char* data, std::size_t size, std::size_t count, void* context) {
  auto& receiver = *static_cast<Receiver*>(context);
  const std::string_view bytes{data, size * count};
  long status = 0;
  curl_easy_getinfo(receiver.curl, CURLINFO_RESPONSE_CODE, &status);
  if (receiver.on_data == nullptr || status != 200) {
    receiver.response->body += bytes;
    return bytes.size();
  }
  receiver.stopped = !(*receiver.on_data)(bytes);
  return receiver.stopped ? 0 : bytes.size();  // a short count ends the transfer
}

}  // namespace

struct HttpClient::Impl {
  Endpoint endpoint;
  CurlGlobal global;
  CURL* curl = nullptr;
  std::array<char, CURL_ERROR_SIZE> failure{};

  explicit Impl(Endpoint to) : endpoint{std::move(to)} {
    while (endpoint.url.ends_with('/'))
      endpoint.url.pop_back();
    curl = curl_easy_init();
    if (curl == nullptr) throw std::runtime_error{"libcurl can't be initialised"};
  }
  ~Impl() { curl_easy_cleanup(curl); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  HeaderList prepare(const Request& request) {
    curl_easy_reset(curl);  // keeps the connection
    failure.fill('\0');
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, failure.data());
    curl_easy_setopt(curl, CURLOPT_URL, (endpoint.url + request.path).c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, connect_timeout_s);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    HeaderList headers;
    if (!request.body.empty()) {
      curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                       static_cast<curl_off_t>(request.body.size()));
      curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, request.body.c_str());
      append(headers, "Content-Type: application/json");
      append(headers, "Expect:");  // no round trip before a body over 1 MiB
    }
    if (!endpoint.token.empty()) append(headers, "Authorization: Bearer " + endpoint.token);
    if (!endpoint.user.empty()) append(headers, "X-User-Id: " + endpoint.user);
    for (const auto& header : request.headers)
      append(headers, header);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
    return headers;
  }

  Response perform(Receiver receiver) {
    Response response;
    receiver.response = &response;
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &receive);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &receiver);
    const auto code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &response.status);
    if (code != CURLE_OK && !receiver.stopped)
      response.failure = failure.front() != '\0' ? failure.data() : curl_easy_strerror(code);
    return response;
  }
};

HttpClient::HttpClient(Endpoint endpoint) : impl_{std::make_unique<Impl>(std::move(endpoint))} {
}
HttpClient::~HttpClient() = default;

Response HttpClient::send(const Request& request) {
  const auto headers = impl_->prepare(request);
  if (!request.patient) curl_easy_setopt(impl_->curl, CURLOPT_TIMEOUT, answer_timeout_s);
  return impl_->perform({.curl = impl_->curl, .response = nullptr});
}

Response HttpClient::stream(const std::string& path,
                            const std::function<bool(std::string_view)>& on_data) {
  const auto headers = impl_->prepare({.path = path, .headers = {"Accept: text/event-stream"}});
  curl_easy_setopt(impl_->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(impl_->curl, CURLOPT_LOW_SPEED_TIME, silence_max_s);
  return impl_->perform({.curl = impl_->curl, .response = nullptr, .on_data = &on_data});
}

std::string query_parameter(std::string_view name, const std::string& value) {
  char* escaped = curl_easy_escape(nullptr, value.c_str(), static_cast<int>(value.size()));
  if (escaped == nullptr) throw std::bad_alloc{};
  auto parameter = fmt::format("{}={}", name, escaped);
  curl_free(escaped);
  return parameter;
}

}  // namespace carillon::client
