#include "persistence/src/postgres_event.hpp"

#include "carillon/engine/event_parser.hpp"
#include "persistence/src/keys.hpp"
#include "persistence/src/retention_rows.hpp"

#include <utility>

namespace carillon::persistence {
namespace {

using engine::Audience;
using engine::Severity;
using engine::Uuid;

/// What a row keeps of an event's text.
struct BodyParts {
  Uuid id, owner, system_id, operation_id, acted_upon;
  bool broadcast = false;
  std::string_view category;
  std::string_view action;
  Severity severity{};
  std::string_view description;
  std::string_view metadata;
};

void append_uuid_member(std::string& out, std::string_view name, const Uuid& value) {
  out += name;
  const auto at = out.size();
  out.resize(at + engine::uuid_text_bytes);
  engine::format_uuid(value, out.data() + at);
  out += '"';
}

/// The `body_json` that the engine makes of these fields. Whatever it would make
/// different of an event goes to exact_body instead: compose() is compared with
/// the event before it is relied upon, so only space hangs on the likeness.
std::string compose(const BodyParts& parts) {
  std::string body;
  body.reserve(384 + parts.description.size() + parts.metadata.size());
  append_uuid_member(body, "{\"id\":\"", parts.id);
  append_uuid_member(body, ",\"owner\":\"", parts.owner);
  append_uuid_member(body, ",\"systemId\":\"", parts.system_id);
  append_uuid_member(body, ",\"operationId\":\"", parts.operation_id);
  append_uuid_member(body, ",\"actedUpon\":\"", parts.acted_upon);
  if (parts.broadcast) body += ",\"audience\":\"everyone\"";
  body += ",\"category\":\"";
  body += parts.category;
  body += "\",\"action\":\"";
  body += parts.action;
  body += "\",\"severity\":\"";
  body += to_string(parts.severity);
  body += "\",\"description\":";
  engine::append_json_string(body, parts.description);
  body += ",\"metadata\":";
  body += parts.metadata;
  return body;
}

/// PostgreSQL's text can't hold NUL.
void replace_nul(std::string& text) {
  constexpr std::string_view replacement = "\xEF\xBF\xBD";
  for (auto at = text.find('\0'); at != std::string::npos; at = text.find('\0', at))
    text.replace(at, 1, replacement);
}

}  // namespace

PostgresEventRows::PostgresEventRows() = default;

const std::string& PostgresEventRows::insert_new_sql() {
  // An event enters with updated_at = created_at, so that one parameter serves both.
  static const std::string sql = R"(
INSERT INTO carillon.events
       (user_id, sequence, created_at, updated_at, severity, status, id, system_id, operation_id,
        acted_upon, broadcast_owner, category, action, description, metadata, exact_body, aged_at)
SELECT u, n, t, t, s, r, i, y, o, a, b, c, k, d, m, x, g
  FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::smallint[], $5::smallint[],
              $6::uuid[], $7::uuid[], $8::uuid[], $9::uuid[], $10::uuid[], $11::text[],
              $12::text[], $13::text[], $14::text[], $15::text[], $16::timestamptz[])
       AS row (u, n, t, s, r, i, y, o, a, b, c, k, d, m, x, g)
)";
  return sql;
}

const std::string& PostgresEventRows::insert_sql() {
  static const std::string sql = insert_new_sql() + " ON CONFLICT (id, user_id) DO NOTHING";
  return sql;
}

std::vector<Oid> PostgresEventRows::types() {
  return PostgresEventRows{}.take().types();
}

void PostgresEventRows::add(const engine::Event& event) {
  add(event, event.view());
}

void PostgresEventRows::add(const engine::Event& event, const engine::EventView& view) {
  const bool broadcast = view.audience == Audience::everyone;
  ++count_;
  user_id_.add_uuid(broadcast ? broadcasts_owner : view.owner);
  sequence_.add_int8(to_bigint(view.sequence));
  created_at_.add_time(view.created_at);
  severity_.add_int2(static_cast<std::int16_t>(view.severity));
  status_.add_int2(static_cast<std::int16_t>(view.initial_status));
  id_.add_uuid(view.id);
  system_id_.add_uuid(view.system_id);
  operation_id_.add_uuid(view.operation_id);
  acted_upon_.add_uuid(view.acted_upon);
  if (broadcast) {
    broadcast_owner_.add_uuid(view.owner);
  } else {
    broadcast_owner_.add_null();
  }
  category_.add_text(view.category);
  action_.add_text(view.action);
  auto description = event.description();
  replace_nul(description);
  description_.add_text(description);
  metadata_.add_text(event.metadata_json());
  bytes_ += postgres_event_fixed_bytes + view.category.size() + view.action.size() +
            description.size() + event.metadata_json().size();
  const bool follows = compose({.id = view.id,
                                .owner = view.owner,
                                .system_id = view.system_id,
                                .operation_id = view.operation_id,
                                .acted_upon = view.acted_upon,
                                .broadcast = broadcast,
                                .category = view.category,
                                .action = view.action,
                                .severity = view.severity,
                                .description = description,
                                .metadata = event.metadata_json()}) == view.body_json;
  if (follows) {
    exact_body_.add_null();
  } else {
    exact_body_.add_text(view.body_json);
    bytes_ += view.body_json.size();
  }
  if (id_tells_age(view.id, view.created_at)) {
    aged_at_.add_null();
  } else {
    aged_at_.add_time(view.created_at);
  }
}

PostgresParameters PostgresEventRows::take() && {
  PostgresParameters parameters;
  const auto add = [&parameters](PostgresType type, PostgresArray& values) {
    parameters.add_array(type, std::move(values));
  };
  add(PostgresType::uuid_array, user_id_);
  add(PostgresType::int8_array, sequence_);
  add(PostgresType::timestamptz_array, created_at_);
  add(PostgresType::int2_array, severity_);
  add(PostgresType::int2_array, status_);
  for (auto* uuids : {&id_, &system_id_, &operation_id_, &acted_upon_, &broadcast_owner_})
    add(PostgresType::uuid_array, *uuids);
  for (auto* texts : {&category_, &action_, &description_, &metadata_, &exact_body_})
    add(PostgresType::text_array, *texts);
  add(PostgresType::timestamptz_array, aged_at_);
  return parameters;
}

std::string postgres_event_json(const PostgresRows& rows, int row) {
  const bool broadcast = !rows.is_null(row, 2);
  auto json = rows.is_null(row, 12)
                  ? compose({.id = rows.uuid(row, 3),
                             .owner = rows.uuid(row, broadcast ? 2 : 1),
                             .system_id = rows.uuid(row, 4),
                             .operation_id = rows.uuid(row, 5),
                             .acted_upon = rows.uuid(row, 6),
                             .broadcast = broadcast,
                             .category = rows.text(row, 7),
                             .action = rows.text(row, 8),
                             .severity = static_cast<Severity>(rows.int2(row, 9) & 7),
                             .description = rows.text(row, 10),
                             .metadata = rows.text(row, 11)})
                  : std::string{rows.text(row, 12)};
  constexpr int state = postgres_event_column_count;
  const engine::EventState now{.status = static_cast<engine::Status>(rows.int2(row, state) & 1),
                               .updated_at = rows.time(row, state + 1),
                               .deleted_at = rows.is_null(row, state + 2)
                                                 ? std::nullopt
                                                 : std::optional{rows.time(row, state + 2)}};
  engine::append_event_tail(json, now, rows.time(row, 13),
                            static_cast<engine::Sequence>(rows.int8(row, 0)));
  return json;
}

}  // namespace carillon::persistence
