#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::client {

/// Which server, and who is asking.
struct Endpoint {
  std::string url = "http://localhost:9081";
  std::string token;  ///< bearer token; empty: none
  std::string user;   ///< UUID for X-User-Id; empty: the server decides
};

struct Request {
  std::string method = "GET";
  std::string path{};  ///< with its query
  std::string body{};  ///< JSON; empty: none
  std::vector<std::string> headers{};
  bool patient = false;  ///< waits for the answer without end, not for a minute
};

struct Response {
  long status = 0;  ///< 0: no answer, see `failure`
  std::string body;
  std::string failure;  ///< what kept the answer from coming

  [[nodiscard]] bool arrived() const { return status != 0 && failure.empty(); }
  [[nodiscard]] bool succeeded() const { return arrived() && status >= 200 && status < 300; }
};

/// HTTP to one server over libcurl; keeps its connection between calls.
///
/// Threads   One thread.
class HttpClient {
 public:
  explicit HttpClient(Endpoint endpoint);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  [[nodiscard]] Response send(const Request& request);

  /// GET of a body without an end. A 200's bytes go to `on_data` as they come,
  /// until the server ends it, the connection breaks or is silent for a minute
  /// (`failure` says so), or `on_data` returns false (no failure then).
  [[nodiscard]] Response stream(const std::string& path,
                                const std::function<bool(std::string_view)>& on_data);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// `name=value` with the value percent-encoded.
[[nodiscard]] std::string query_parameter(std::string_view name, const std::string& value);

}  // namespace carillon::client
