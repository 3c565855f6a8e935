#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace carillon::loadgen {

enum class Scenario : std::uint8_t { fanout, ingest, idle, verify };
[[nodiscard]] const char* to_string(Scenario scenario);

/// The command line of a run. Texts with placeholders are templates
/// (text_template.hpp); an empty URL stands for Carillon's.
struct Options {
  Scenario scenario = Scenario::fanout;

  std::string url = "http://127.0.0.1:9081";
  std::string subscribe_url;
  std::string publish_url;
  std::string stream = "ws";     ///< what an empty subscribe_url is: ws or sse
  std::string publish = "http";  ///< what an empty publish_url is: http, ws, batch, ndjson
  std::vector<std::string> headers;
  std::vector<std::string> subscribe_headers;
  std::vector<std::string> publish_headers;
  std::vector<std::string> subscribe_messages;
  std::string subprotocol;
  std::string ready;                   ///< in the message that says that the subscription stands
  std::string told;                    ///< in a message that says that events were skipped
  double cut_rate = 0.0;               ///< connections cut a second, at random; 0: none
  std::chrono::milliseconds away{50};  ///< at most, between a cut and the return
  std::string cursor;                  ///< what stands before the cursor in a message
  std::string resume_url;
  std::vector<std::string> resume_headers;
  std::string id;          ///< what stands before an event's id in its message
  std::string sequence;    ///< what stands before a number that ascends at each receiver
  bool any_order = false;  ///< of different publishers' events, at each receiver its own
  std::string answer;      ///< in a WebSocket message that answers a publish
  std::vector<std::string> publish_messages;  ///< sent when a publishing WebSocket is open
  std::string publish_ready;                  ///< in the message that answers them
  bool binary = false;                        ///< send WebSocket messages as binary frames
  std::string method = "POST";
  std::string content_type = "application/json";
  std::string body;
  std::size_t payload_bytes = 200;

  std::uint32_t users = 1;
  std::uint32_t receivers = 100;  ///< per user
  std::uint32_t connections = 4;  ///< that publish
  std::uint32_t window = 1;       ///< unanswered events per connection
  double rate = 0.0;              ///< events a second in all; 0: closed loop
  bool lockstep = false;          ///< closed loop: one event in flight in all
  std::uint64_t events = 0;       ///< ends the run after so many; 0: after `duration`
  std::chrono::milliseconds warmup{1000};
  std::chrono::milliseconds duration{10'000};
  std::chrono::milliseconds settle{200};
  std::chrono::milliseconds drain{10'000};
  std::uint32_t local_addresses = 1;

  std::vector<pid_t> pids;
  std::string label;
  std::string json;
  std::string report;
  std::vector<std::string> baselines;
  bool quiet = false;
};

/// Of the subcommand `report`.
struct ReportOptions {
  std::string out;
  std::vector<std::string> inputs;
};

/// Exit codes, a promise to scripts; up to 3 the same as those of `carillon`.
inline constexpr int exit_success = 0;
inline constexpr int exit_fault = 1;        ///< events missing, doubled, out of order, …
inline constexpr int exit_usage = 2;        ///< the command line makes no sense
inline constexpr int exit_unreachable = 3;  ///< the server could not be reached, or not used
inline constexpr int exit_incomplete = 4;   ///< the run could not do all that it was asked

}  // namespace carillon::loadgen
