#include "tools/carillon/commands.hpp"
#include "tools/carillon/sse_parser.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

namespace carillon::client {
namespace {

using namespace std::chrono_literals;

constexpr auto pause_min = 500ms;
constexpr auto pause_max = 30s;

/// One run of the subcommand, over as many connections as it takes.
class Tail {
 public:
  Tail(const Common& common, const TailOptions& options)
      : common_{common}, options_{options}, http_{common.endpoint} {
    const auto query = to_query(options.filter);
    path_ = "/api/events/subscribe" + (query.empty() ? query : "?" + query);
  }

  int run() {
    auto pause = std::chrono::milliseconds{pause_min};
    while (true) {
      connected_ = false;
      const auto response = connect();
      if (done()) return exit_success;
      if (connected_) {
        pause = pause_min;
      } else if (!was_connected_ || is_refusal(response)) {
        return report_failure(response);
      }
      // Live only: this version of the server can't resume after a cursor.
      fmt::print(stderr,
                 "carillon: the stream ended ({}); connecting again in {:.1f} s; events in between "
                 "are not shown here, `carillon list` has them\n",
                 response.failure.empty() ? "closed by the server" : response.failure,
                 std::chrono::duration<double>{pause}.count());
      std::this_thread::sleep_for(pause);
      pause = std::min<std::chrono::milliseconds>(pause * 2, pause_max);
    }
  }

 private:
  // A server that is starting, draining or overloaded is worth another try.
  static bool is_refusal(const Response& response) {
    return response.arrived() && response.status < 500 && response.status != 429;
  }

  [[nodiscard]] bool done() const { return options_.count > 0 && shown_ >= options_.count; }

  Response connect() {
    SseParser parser{[this](const SseEvent& event) { return take(event); }};
    return http_.stream(path_, [this, &parser](std::string_view bytes) {
      greet();
      return parser.feed(bytes);
    });
  }

  // The first bytes are the stream's welcome: what is published from now on comes.
  void greet() {
    if (connected_) return;
    fmt::print(stderr, "carillon: subscribed, waiting for events\n");
    if (!was_connected_ && common_.output == Output::table) write(live_head());
    connected_ = was_connected_ = true;
  }

  bool take(const SseEvent& event) {
    if (!event.type.empty()) {
      if (event.type == "goodbye" || event.type == "gap" || event.type == "reset")
        fmt::print(stderr, "carillon: {}: {}\n", event.type, printable(event.data));
      return true;
    }
    const auto row = common_.output == Output::table ? parse_event(event.data) : std::nullopt;
    write(row ? format_live_row(*row) : event.data + "\n");
    ++shown_;
    return !done();
  }

  // Flushed at once: who tails wants to see it now, in a pipe too.
  static void write(const std::string& text) {
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
  }

  const Common& common_;
  const TailOptions& options_;
  HttpClient http_;
  std::string path_;
  std::uint64_t shown_ = 0;
  bool connected_ = false;
  bool was_connected_ = false;
};

}  // namespace

int tail(const Common& common, const TailOptions& options) {
  return Tail{common, options}.run();
}

}  // namespace carillon::client
