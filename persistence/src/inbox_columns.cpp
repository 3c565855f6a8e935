#include "persistence/src/inbox_columns.hpp"

#include "carillon/engine/event_parser.hpp"

#include <algorithm>
#include <cstring>

namespace carillon::persistence {
namespace {

using engine::EventState;
using engine::EventView;
using engine::Sequence;
using engine::Status;
using engine::Uuid;

constexpr std::uint32_t first_rows = 64;  // of a chunk; doubles until it is full
constexpr std::size_t first_text_bytes = 1024;
constexpr std::size_t chunk_text_bytes_max = std::size_t{1} << 30U;

template <class T>
void copy_rows(const std::unique_ptr<T[]>& from, std::unique_ptr<T[]>& to, std::size_t rows) {
  std::copy_n(from.get(), rows, to.get());
}

void copy_bits(const RowBits& from, RowBits& to, std::size_t rows) {
  for (std::size_t i = 0; i < RowBits::words_for(rows); ++i)
    to.set_word(i, from.word(i));
}

std::shared_ptr<StateColumns> copy_of(const Chunk& chunk, std::uint32_t capacity) {
  auto copy = std::make_shared<StateColumns>(capacity);
  copy_rows(chunk.states->updated_at, copy->updated_at, chunk.rows);
  copy_bits(chunk.states->alive, copy->alive, chunk.rows);
  copy_bits(chunk.states->read, copy->read, chunk.rows);
  return copy;
}

std::size_t bytes_of(const Chunk& chunk) {
  constexpr std::size_t uuid_entry = sizeof(Uuid);
  const std::size_t row = sizeof(Sequence) + 2 * sizeof(std::int64_t) + 4 * sizeof(std::uint16_t) +
                          sizeof(std::uint32_t);
  const auto bits = (engine::severity_count + 2) * RowBits::words_for(chunk.events->capacity) * 8;
  const auto& words = *chunk.vocabulary;
  std::size_t kinds = 0;
  for (const auto& kind : words.kinds)
    kinds += sizeof(kind) + kind.category.capacity() + kind.action.capacity();
  return sizeof(Chunk) + row * chunk.events->capacity + bits + chunk.text->capacity + kinds +
         uuid_entry *
             (words.acted_upon.capacity() + words.system_ids.capacity() + words.owners.capacity());
}

}  // namespace

EventColumns::EventColumns(std::uint32_t rows)
    : capacity{rows},
      sequence{std::make_unique_for_overwrite<Sequence[]>(rows)},
      created_at{std::make_unique_for_overwrite<std::int64_t[]>(rows)},
      kind{std::make_unique_for_overwrite<std::uint16_t[]>(rows)},
      acted_upon{std::make_unique_for_overwrite<std::uint16_t[]>(rows)},
      system_id{std::make_unique_for_overwrite<std::uint16_t[]>(rows)},
      owner{std::make_unique_for_overwrite<std::uint16_t[]>(rows)},
      text_end{std::make_unique_for_overwrite<std::uint32_t[]>(rows)} {
  severity.reserve(engine::severity_count);
  for (std::size_t i = 0; i < engine::severity_count; ++i)
    severity.emplace_back(rows);
}

StateColumns::StateColumns(std::uint32_t rows)
    : updated_at{std::make_unique_for_overwrite<std::int64_t[]>(rows)}, alive{rows}, read{rows} {
}

std::optional<std::uint32_t> Chunk::find(Sequence sequence) const noexcept {
  const auto* begin = events->sequence.get();
  const auto* end = begin + rows;
  const auto* found = std::lower_bound(begin, end, sequence);
  if (found == end || *found != sequence) return std::nullopt;
  return static_cast<std::uint32_t>(found - begin);
}

bool InboxColumns::append(const EventView& event) {
  if (!chunks_.empty() && chunks_.back()->last_sequence() >= event.sequence) return false;
  std::string decoded;
  append_searched(decoded, event.description_json);

  auto& chunk = open_chunk(decoded.size());
  const auto row = chunk.rows;
  auto& events = *chunk.events;
  const auto created = microseconds(event.created_at);
  events.sequence[row] = event.sequence;
  events.created_at[row] = created;
  events.kind[row] = kind_number(event);
  events.acted_upon[row] =
      uuid_number(event.acted_upon, numbers_.acted_upon, &Vocabulary::acted_upon);
  events.system_id[row] =
      uuid_number(event.system_id, numbers_.system_ids, &Vocabulary::system_ids);
  events.owner[row] = uuid_number(event.owner, numbers_.owners, &Vocabulary::owners);
  events.severity[static_cast<std::size_t>(event.severity)].set(row, true);
  append_text(chunk, decoded);
  events.text_end[row] = chunk.text_bytes;
  chunk.states->updated_at[row] = created;
  chunk.states->alive.set(row, true);
  chunk.states->read.set(row, event.initial_status == Status::read);
  chunk.created.include(created);
  chunk.updated.include(created);
  ++chunk.rows;
  ++rows_;
  return true;
}

Chunk& InboxColumns::open_chunk(std::size_t text_bytes) {
  if (chunks_.empty() || chunks_.back()->rows == chunk_rows_ ||
      chunks_.back()->text_bytes + text_bytes > chunk_text_bytes_max)
    begin_chunk();
  auto& chunk = writable(chunks_.size() - 1);
  if (chunk.rows == chunk.events->capacity) {
    grow(chunk);
    own_.back().states = true;
  }
  return chunk;
}

void InboxColumns::begin_chunk() {
  if (!chunks_.empty()) {
    // Full: what was allocated ahead is given back.
    auto& full = writable(chunks_.size() - 1);
    auto fitting = std::make_shared<ChunkText>(full.text_bytes);
    std::copy_n(full.text->bytes.get(), full.text_bytes, fitting->bytes.get());
    full.text = std::move(fitting);
    count_bytes(chunks_.size() - 1);
  }
  const auto rows = std::min(first_rows, chunk_rows_);
  auto chunk = std::make_shared<Chunk>();
  chunk->events = std::make_shared<EventColumns>(rows);
  chunk->states = std::make_shared<StateColumns>(rows);
  chunk->vocabulary = std::make_shared<Vocabulary>();
  chunk->text = std::make_shared<ChunkText>(first_text_bytes);
  touched_.push_back(chunks_.size());
  chunks_.push_back(std::move(chunk));
  own_.push_back({.chunk = true, .states = true, .vocabulary = true});
  chunk_bytes_.push_back(0);
  numbers_ = {};
}

void InboxColumns::count_bytes(std::size_t index) {
  const auto bytes = bytes_of(*chunks_[index]);
  bytes_ = bytes_ - chunk_bytes_[index] + bytes;
  chunk_bytes_[index] = bytes;
}

void InboxColumns::grow(Chunk& chunk) const {
  const auto capacity = std::min(chunk.events->capacity * 2, chunk_rows_);
  auto events = std::make_shared<EventColumns>(capacity);
  const auto& from = *chunk.events;
  copy_rows(from.sequence, events->sequence, chunk.rows);
  copy_rows(from.created_at, events->created_at, chunk.rows);
  copy_rows(from.kind, events->kind, chunk.rows);
  copy_rows(from.acted_upon, events->acted_upon, chunk.rows);
  copy_rows(from.system_id, events->system_id, chunk.rows);
  copy_rows(from.owner, events->owner, chunk.rows);
  copy_rows(from.text_end, events->text_end, chunk.rows);
  for (std::size_t i = 0; i < engine::severity_count; ++i)
    copy_bits(from.severity[i], events->severity[i], chunk.rows);
  chunk.states = copy_of(chunk, capacity);
  chunk.events = std::move(events);
}

Chunk& InboxColumns::writable(std::size_t index) {
  if (!own_[index].chunk) {
    chunks_[index] = std::make_shared<Chunk>(*chunks_[index]);
    own_[index].chunk = true;
    touched_.push_back(index);
  }
  return *chunks_[index];
}

StateColumns& InboxColumns::writable_states(std::size_t index) {
  auto& chunk = writable(index);
  if (!own_[index].states) {
    chunk.states = copy_of(chunk, chunk.events->capacity);
    own_[index].states = true;
  }
  return *chunk.states;
}

Vocabulary& InboxColumns::writable_vocabulary() {
  auto& chunk = *chunks_.back();
  if (!own_.back().vocabulary) {
    chunk.vocabulary = std::make_shared<Vocabulary>(*chunk.vocabulary);
    own_.back().vocabulary = true;
  }
  return *chunk.vocabulary;
}

std::uint16_t InboxColumns::kind_number(const EventView& event) {
  kind_text_.assign(event.category);
  kind_text_ += '\0';
  kind_text_ += event.action;
  const auto known = numbers_.kinds.find(kind_text_);
  if (known != numbers_.kinds.end()) return known->second;
  auto& kinds = writable_vocabulary().kinds;
  const auto number = static_cast<std::uint16_t>(kinds.size());
  kinds.push_back({.category = std::string{event.category}, .action = std::string{event.action}});
  numbers_.kinds.emplace(kind_text_, number);
  return number;
}

std::uint16_t InboxColumns::uuid_number(const Uuid& uuid,
                                        std::unordered_map<Uuid, std::uint16_t>& numbers,
                                        std::vector<Uuid> Vocabulary::*values) {
  const auto known = numbers.find(uuid);
  if (known != numbers.end()) return known->second;
  auto& list = writable_vocabulary().*values;
  const auto number = static_cast<std::uint16_t>(list.size());
  list.push_back(uuid);
  numbers.emplace(uuid, number);
  return number;
}

void InboxColumns::append_text(Chunk& chunk, std::string_view text) {
  const auto wanted = chunk.text_bytes + text.size();
  if (wanted > chunk.text->capacity) {
    auto larger = std::make_shared<ChunkText>(std::max(wanted, chunk.text->capacity * 2));
    std::copy_n(chunk.text->bytes.get(), chunk.text_bytes, larger->bytes.get());
    chunk.text = std::move(larger);
  }
  std::copy_n(text.data(), text.size(), chunk.text->bytes.get() + chunk.text_bytes);
  chunk.text_bytes = static_cast<std::uint32_t>(wanted);
}

std::optional<std::pair<std::size_t, std::uint32_t>> InboxColumns::find(Sequence sequence) const {
  const auto behind = std::upper_bound(
      chunks_.begin(), chunks_.end(), sequence,
      [](Sequence wanted, const auto& chunk) { return wanted < chunk->first_sequence(); });
  if (behind == chunks_.begin()) return std::nullopt;
  const auto at = std::prev(behind);
  const auto row = (*at)->find(sequence);
  if (!row) return std::nullopt;
  return std::pair{static_cast<std::size_t>(at - chunks_.begin()), *row};
}

void InboxColumns::set_state(Sequence event, const EventState& state) {
  const auto place = find(event);
  if (!place) {
    mark(event, state);
    return;
  }
  const auto [index, row] = *place;
  auto& states = writable_states(index);
  const auto updated = microseconds(state.updated_at);
  states.updated_at[row] = updated;
  states.alive.set(row, !state.deleted_at);
  states.read.set(row, state.status == Status::read);
  chunks_[index]->updated.include(updated);
}

void InboxColumns::forget(Sequence event) {
  const auto place = find(event);
  if (!place) return;
  writable_states(place->first).alive.set(place->second, false);
  ++forgotten_;
}

void InboxColumns::mark(Sequence event, const EventState& state) {
  if (!own_marks_) {
    marks_ = marks_ ? std::make_shared<std::vector<Mark>>(*marks_)
                    : std::make_shared<std::vector<Mark>>();
    own_marks_ = true;
  }
  const auto at =
      std::lower_bound(marks_->begin(), marks_->end(), event,
                       [](const Mark& mark, Sequence wanted) { return mark.sequence < wanted; });
  if (at != marks_->end() && at->sequence == event) {
    at->state = state;
  } else {
    marks_->insert(at, {.sequence = event, .state = state});
  }
}

std::shared_ptr<const ColumnsView> InboxColumns::publish() {
  if (view_ && touched_.empty() && !own_marks_) return view_;
  for (const auto index : touched_) {
    count_bytes(index);
    own_[index] = {};
  }
  touched_.clear();
  own_marks_ = false;
  auto view = std::make_shared<ColumnsView>();
  view->chunks.assign(chunks_.begin(), chunks_.end());
  view->marks = marks_;
  view_ = std::move(view);
  return view_;
}

void append_searched(std::string& out, std::string_view description_json) {
  const auto begun = out.size();
  if (description_json.find('\\') == std::string_view::npos) {
    out += description_json;
  } else {
    out += engine::unescape_json(description_json);
  }
  std::transform(out.begin() + static_cast<std::ptrdiff_t>(begun), out.end(),
                 out.begin() + static_cast<std::ptrdiff_t>(begun), ascii_lower);
}

}  // namespace carillon::persistence
