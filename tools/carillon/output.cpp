#include "tools/carillon/output.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>

namespace carillon::client {
namespace {

using simdjson::dom::element;
using std::string_view;

constexpr std::size_t columns = 7;
using Cells = std::array<string_view, columns>;

Cells cells_of(const EventRow& row) {
  return {row.sequence, row.created_at, row.severity,   row.status,
          row.kind,     row.id,         row.description};
}

constexpr Cells head{"SEQUENCE", "CREATED", "SEVERITY", "STATUS", "KIND", "ID", "DESCRIPTION"};
// A UUID has 36 characters, a timestamp 27; kinds longer than this push the rest.
constexpr std::array<std::size_t, columns> live_widths{10, 27, 13, 6, 28, 36, 0};

std::string text_of(const element& event, string_view member) {
  string_view text;
  if (event[member].get_string().get(text) != simdjson::SUCCESS) return {};
  return printable(text);
}

EventRow row_of(const element& event) {
  EventRow row{.created_at = text_of(event, "createdAt"),
               .severity = text_of(event, "severity"),
               .status = text_of(event, "status"),
               .kind = text_of(event, "category") + "/" + text_of(event, "action"),
               .id = text_of(event, "id"),
               .description = text_of(event, "description")};
  std::uint64_t sequence = 0;
  if (event["sequence"].get_uint64().get(sequence) == simdjson::SUCCESS)
    row.sequence = std::to_string(sequence);
  return row;
}

// Code points, which is close enough to columns for a table.
std::size_t width(string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string format_line(const Cells& cells, const std::array<std::size_t, columns>& widths) {
  std::string line;
  for (std::size_t column = 0; column < columns; ++column) {
    line += cells[column];
    if (column + 1 == columns) break;
    const auto used = width(cells[column]);
    line.append((widths[column] > used ? widths[column] - used : 0) + 2, ' ');
  }
  return line + "\n";
}

}  // namespace

std::optional<EventRow> parse_event(const std::string& json) {
  simdjson::dom::parser parser;
  element event;
  if (parser.parse(json).get(event) != simdjson::SUCCESS || !event.is_object()) return std::nullopt;
  return row_of(event);
}

std::optional<EventList> parse_list(const std::string& json) {
  simdjson::dom::parser parser;
  element page;
  simdjson::dom::array events;
  EventList list;
  if (parser.parse(json).get(page) != simdjson::SUCCESS) return std::nullopt;
  if (page["data"].get_array().get(events) != simdjson::SUCCESS) return std::nullopt;
  if (page["totalCount"].get_uint64().get(list.total) != simdjson::SUCCESS) return std::nullopt;
  for (const element event : events)
    list.rows.push_back(row_of(event));
  return list;
}

std::optional<std::vector<std::string>> parse_ids(const std::string& json, string_view name) {
  simdjson::dom::parser parser;
  element answer;
  simdjson::dom::array ids;
  if (parser.parse(json).get(answer) != simdjson::SUCCESS) return std::nullopt;
  if (answer[name].get_array().get(ids) != simdjson::SUCCESS) return std::nullopt;
  std::vector<std::string> found;
  for (const element id : ids) {
    string_view text;
    if (id.get_string().get(text) == simdjson::SUCCESS) found.emplace_back(text);
  }
  return found;
}

std::string format_table(const std::vector<EventRow>& rows) {
  std::array<std::size_t, columns> widths{};
  const auto widen = [&widths](const Cells& cells) {
    for (std::size_t column = 0; column < columns; ++column)
      widths[column] = std::max(widths[column], width(cells[column]));
  };
  widen(head);
  for (const auto& row : rows)
    widen(cells_of(row));

  std::string table = format_line(head, widths);
  for (const auto& row : rows)
    table += format_line(cells_of(row), widths);
  return table;
}

std::string format_live_row(const EventRow& row) {
  return format_line(cells_of(row), live_widths);
}
std::string live_head() {
  return format_line(head, live_widths);
}

std::string printable(string_view text) {
  std::string out{text};
  for (std::size_t at = 0; at < out.size(); ++at) {
    const auto byte = static_cast<unsigned char>(out[at]);
    if (byte < 0x20 || byte == 0x7F) out[at] = ' ';
    // U+0080 to U+009F, the other control characters, are C2 80 to C2 9F.
    const bool pair = byte == 0xC2 && at + 1 < out.size();
    if (pair && static_cast<unsigned char>(out[at + 1]) < 0xA0) out[at] = out[at + 1] = ' ';
  }
  return out;
}

int report_failure(const Response& response) {
  if (!response.arrived()) {
    fmt::print(stderr, "carillon: no answer: {}\n", response.failure);
    return exit_unreachable;
  }
  simdjson::dom::parser parser;
  element answer;
  string_view sentence;
  if (parser.parse(response.body).get(answer) != simdjson::SUCCESS ||
      answer["error"].get_string().get(sentence) != simdjson::SUCCESS) {
    fmt::print(stderr, "carillon: the server answered {}\n", response.status);
    return exit_refused;
  }
  fmt::print(stderr, "carillon: {} ({})\n", printable(sentence), response.status);
  simdjson::dom::array details;
  if (answer["details"].get_array().get(details) == simdjson::SUCCESS)
    for (const element detail : details)
      fmt::print(stderr, "  {}: {}\n", text_of(detail, "field"), text_of(detail, "error"));
  return exit_refused;
}

}  // namespace carillon::client
