#pragma once

#include "tools/loadgen/options.hpp"
#include "tools/loadgen/target_url.hpp"
#include "tools/loadgen/text_template.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::loadgen {

/// What each receiver does.
struct SubscribePlan {
  TargetUrl url;
  std::vector<TextTemplate> headers;
  std::vector<TextTemplate> messages;
  std::string subprotocol;
  std::string ready;
  std::vector<std::string> told;
  bool binary = false;  ///< messages are sent as binary frames

  bool resumes = false;  ///< what is lost is subscribed again, after its cursor
  TargetUrl resume_url;
  std::vector<TextTemplate> resume_headers;
  std::string cursor;
  std::string id;        ///< empty: not looked for
  std::string sequence;  ///< empty: not looked for
  bool order = false;    ///< the order of different publishers' events is compared
};

/// Events in one request: each by itself, or as Carillon takes many.
enum class Batches : std::uint8_t { none, arrays, lines };

/// What each publishing connection does.
struct PublishPlan {
  TargetUrl url;
  std::vector<TextTemplate> headers;
  TextTemplate body{""};
  std::string method;
  std::string content_type;
  std::string subprotocol;
  std::string answer;                  ///< empty over a WebSocket: there are no answers
  std::vector<TextTemplate> messages;  ///< when the WebSocket is open
  std::string ready;                   ///< empty: publishing may begin at once
  bool binary = false;
  std::string padding;
  Batches batches = Batches::none;

  [[nodiscard]] bool answers() const { return !url.websocket || !answer.empty(); }
};

/// Parses the templates and fills in Carillon's where there are none. Throws
/// std::invalid_argument that begins with the option at fault.
[[nodiscard]] SubscribePlan plan_subscribing(const Options& options);
[[nodiscard]] PublishPlan plan_publishing(const Options& options);

/// The head of a request, its last line not ended yet: more headers may follow.
void append_head(std::string& out,
                 std::string_view method,
                 const TargetUrl& url,
                 const std::vector<TextTemplate>& headers,
                 const TemplateValues& values);
/// The whole request that asks for a WebSocket with that Sec-WebSocket-Key.
void append_upgrade(std::string& out,
                    const TargetUrl& url,
                    const std::vector<TextTemplate>& headers,
                    const std::string& subprotocol,
                    std::string_view key,
                    const TemplateValues& values);

}  // namespace carillon::loadgen
