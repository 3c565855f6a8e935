#include "persistence/src/import_line.hpp"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

namespace carillon::persistence {
namespace {

namespace ondemand = simdjson::ondemand;
using engine::Errc;
using engine::Error;
using engine::Result;
using engine::Uuid;

/// Everything in a line but the fields that a publisher sends. `id` is both.
constexpr std::array<std::string_view, 19> member_names{
    "carillon", "format", "epoch",      "systemId",  "localUser", "lastSequence", "user",
    "mark",     "status", "createdAt",  "updatedAt", "deletedAt", "change",       "sequence",
    "end",      "events", "broadcasts", "marks",     "id"};

Error bad(std::string text) {
  return {Errc::invalid_argument, std::move(text)};
}

/// The members of a line that are strings or numbers, as text.
class Members {
 public:
  [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }

  [[nodiscard]] std::uint64_t number(std::string_view name) {
    const auto* text = find(name);
    std::uint64_t value = 0;
    const auto* end = text == nullptr ? nullptr : text->data() + text->size();
    if (text == nullptr || std::from_chars(text->data(), end, value).ptr != end || text->empty())
      fault(name, "must be a number");
    return value;
  }
  [[nodiscard]] engine::Sequence sequence(std::string_view name) {
    const auto value = number(name);
    if (value == 0 || value > engine::sequence_max) fault(name, "must be a sequence");
    return value;
  }
  [[nodiscard]] Uuid uuid(std::string_view name) {
    const auto* text = find(name);
    const auto value = text == nullptr ? std::nullopt : engine::parse_uuid(*text);
    if (!value) fault(name, "must be a UUID");
    return value.value_or(Uuid{});
  }
  [[nodiscard]] engine::Timestamp time(std::string_view name) {
    const auto* text = find(name);
    const auto value = text == nullptr ? std::nullopt : engine::parse_timestamp(*text);
    if (!value) fault(name, "must be a time (RFC 3339)");
    return value.value_or(engine::Timestamp{});
  }
  [[nodiscard]] engine::EventState state() {
    engine::EventState state;
    const auto* word = find("status");
    const auto status = word == nullptr ? std::nullopt : engine::parse_status(*word);
    if (!status) fault("status", "must be read or unread");
    state.status = status.value_or(engine::Status::unread);
    state.updated_at = time("updatedAt");
    if (has("deletedAt")) state.deleted_at = time("deletedAt");
    return state;
  }
  [[nodiscard]] std::optional<engine::Sequence> change() {
    return has("change") ? std::optional{sequence("change")} : std::nullopt;
  }

  void set(std::size_t name, std::string text) { texts_[name] = std::move(text); }
  [[nodiscard]] const std::string& first_fault() const noexcept { return fault_; }

 private:
  [[nodiscard]] const std::string* find(std::string_view name) const {
    const auto* at = std::find(member_names.begin(), member_names.end(), name);
    const auto& text = texts_[static_cast<std::size_t>(at - member_names.begin())];
    return text ? &*text : nullptr;
  }
  void fault(std::string_view name, std::string_view what) {
    if (fault_.empty()) fault_ = std::string{name} + " " + std::string{what};
  }

  std::array<std::optional<std::string>, member_names.size()> texts_;
  std::string fault_;
};

}  // namespace

engine::EventView ImportedEvent::view(engine::Sequence as) const {
  auto view = event->view();
  view.sequence = as;
  view.created_at = created_at;
  if (!changed() || view.audience == engine::Audience::everyone) view.initial_status = state.status;
  return view;
}

struct ImportReader::Impl {
  [[nodiscard]] bool read_members(std::string_view line, Members& members);
  [[nodiscard]] Result<ImportLine> read_header(Members& members);
  [[nodiscard]] Result<ImportLine> read_event(std::string_view line, Members& members);

  engine::EventPool pool;
  engine::EventParser events{pool, Uuid{}};
  ondemand::parser parser;
  std::string padded;
};

ImportReader::ImportReader() : impl_{std::make_unique<Impl>()} {
}
ImportReader::~ImportReader() = default;

bool ImportReader::Impl::read_members(std::string_view line, Members& members) {
  padded.assign(line);
  padded.append(simdjson::SIMDJSON_PADDING, ' ');
  ondemand::document document;
  ondemand::object object;
  if (parser.iterate(padded.data(), line.size(), padded.size()).get(document) !=
          simdjson::SUCCESS ||
      document.get_object().get(object) != simdjson::SUCCESS)
    return false;
  for (auto member : object) {
    std::string_view name;
    ondemand::value value;
    if (member.unescaped_key().get(name) != simdjson::SUCCESS) continue;
    const auto* known = std::find(member_names.begin(), member_names.end(), name);
    if (known == member_names.end()) continue;
    if (member.value().get(value) != simdjson::SUCCESS) return false;
    std::string_view text;
    if (value.get_string().get(text) != simdjson::SUCCESS) {
      text = value.raw_json_token();
      text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
    }
    members.set(static_cast<std::size_t>(known - member_names.begin()), std::string{text});
  }
  return true;
}

Result<ImportLine> ImportReader::Impl::read_header(Members& members) {
  if (const auto format = members.number("format"); format != export_format)
    return bad("is of format " + std::to_string(format) + "; this program reads format " +
               std::to_string(export_format));
  ExportHeader header;
  header.epoch = members.number("epoch");
  header.identity = {.system_id = members.uuid("systemId"),
                     .local_user = members.uuid("localUser")};
  header.last_sequence = members.sequence("lastSequence");
  if (members.has("user")) header.only_user = members.uuid("user");
  if (!members.first_fault().empty()) return bad(members.first_fault());
  return ImportLine{header};
}

Result<ImportLine> ImportReader::Impl::read_event(std::string_view line, Members& members) {
  ImportedEvent imported;
  static_cast<void>(members.uuid("id"));  // a publisher may leave it out, an export not
  imported.sequence = members.sequence("sequence");
  imported.created_at = members.time("createdAt");
  imported.state = members.state();
  imported.change = members.change();
  if (!members.first_fault().empty()) return bad(members.first_fault());
  auto parsed = events.parse(line, {.service = true});
  if (!parsed) return bad(parsed.error);
  if (parsed.event->audience() == engine::Audience::user && parsed.event->owner().is_nil())
    return bad("owner must be a user's UUID");
  if (parsed.event->audience() == engine::Audience::everyone && imported.changed())
    return bad("is a broadcast that was changed, but that is what marks are for");
  imported.event = std::move(parsed.event);
  return ImportLine{std::move(imported)};
}

Result<ImportLine> ImportReader::read(std::string_view line) {
  if (const auto fault = engine::check_json(line); !fault.empty())
    return bad("is not JSON: " + fault);
  Members members;
  if (!impl_->read_members(line, members)) return bad("is no JSON object");
  if (members.has("carillon")) return impl_->read_header(members);
  if (members.has("mark")) {
    ExportedMark mark{.user = members.uuid("user"),
                      .broadcast = members.uuid("mark"),
                      .state = members.state(),
                      .change = members.change()};
    if (!members.first_fault().empty()) return bad(members.first_fault());
    if (mark.user.is_nil()) return bad("user must be a user's UUID");
    return ImportLine{mark};
  }
  if (members.has("end")) {
    const TransferCounts counts{.events = members.number("events"),
                                .broadcasts = members.number("broadcasts"),
                                .marks = members.number("marks")};
    if (!members.first_fault().empty()) return bad(members.first_fault());
    return ImportLine{counts};
  }
  return impl_->read_event(line, members);
}

}  // namespace carillon::persistence
