#include "persistence/src/export_line.hpp"

namespace carillon::persistence {
namespace {

void append(std::string& line, std::string_view name, std::string_view text) {
  line += line.empty() ? "{\"" : ",\"";
  line += name;
  line += "\":\"";
  line += text;
  line += '"';
}

void append(std::string& line, std::string_view name, std::uint64_t number) {
  line += line.empty() ? "{\"" : ",\"";
  line += name;
  line += "\":";
  line += std::to_string(number);
}

}  // namespace

std::string header_line(const ExportHeader& header) {
  std::string line;
  append(line, "carillon", "export");
  append(line, "format", export_format);
  append(line, "epoch", header.epoch);
  append(line, "systemId", to_string(header.identity.system_id));
  append(line, "localUser", to_string(header.identity.local_user));
  append(line, "lastSequence", header.last_sequence);
  if (header.only_user) append(line, "user", to_string(*header.only_user));
  return line + "}";
}

std::string event_line(std::string json, std::optional<engine::Sequence> change) {
  if (!change) return json;
  json.pop_back();
  append(json, "change", *change);
  return json + "}";
}

std::string mark_line(const ExportedMark& mark) {
  std::string line;
  append(line, "mark", to_string(mark.broadcast));
  append(line, "user", to_string(mark.user));
  append(line, "status", to_string(mark.state.status));
  append(line, "updatedAt", engine::to_string(mark.state.updated_at));
  if (mark.state.deleted_at) append(line, "deletedAt", engine::to_string(*mark.state.deleted_at));
  if (mark.change) append(line, "change", *mark.change);
  return line + "}";
}

std::string end_line(const TransferCounts& counts) {
  std::string line;
  append(line, "end", export_format);
  append(line, "events", counts.events);
  append(line, "broadcasts", counts.broadcasts);
  append(line, "marks", counts.marks);
  return line + "}";
}

}  // namespace carillon::persistence
