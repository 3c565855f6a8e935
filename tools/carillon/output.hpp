#pragma once

#include "tools/carillon/http_client.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::client {

enum class Output : std::uint8_t { table, json };

/// Exit codes, a promise to scripts.
inline constexpr int exit_success = 0;
inline constexpr int exit_refused = 1;      ///< the server answered that it won't
inline constexpr int exit_usage = 2;        ///< the command line makes no sense
inline constexpr int exit_unreachable = 3;  ///< no answer

/// Of the commands on a store itself, in place of exit_usage: it can't be opened.
inline constexpr int exit_unopened = 2;

/// What a table shows of an event.
struct EventRow {
  std::string sequence{};
  std::string created_at{};
  std::string severity{};
  std::string status{};
  std::string kind{};  ///< category/action
  std::string id{};
  std::string description{};
};

/// Reads one event's JSON; nullopt if it is not an event.
[[nodiscard]] std::optional<EventRow> parse_event(const std::string& json);
/// Reads the events of a list answer, and how many there are in all.
struct EventList {
  std::vector<EventRow> rows;
  std::uint64_t total = 0;
};
[[nodiscard]] std::optional<EventList> parse_list(const std::string& json);
/// The ids in member `name` of an answer such as {"updated":[…]}.
[[nodiscard]] std::optional<std::vector<std::string>> parse_ids(const std::string& json,
                                                                std::string_view name);

/// A table with a head, every column as wide as its widest cell.
[[nodiscard]] std::string format_table(const std::vector<EventRow>& rows);
/// One line of a table that has no end: columns of fixed width.
[[nodiscard]] std::string format_live_row(const EventRow& row);
[[nodiscard]] std::string live_head();

/// Control characters become spaces, so that an event's text can't drive the
/// reader's terminal.
[[nodiscard]] std::string printable(std::string_view text);

/// Prints one line (or, of a refusal, the server's sentence and its details)
/// on standard error; returns the exit code that belongs to it.
int report_failure(const Response& response);

}  // namespace carillon::client
