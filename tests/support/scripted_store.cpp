#include "tests/support/scripted_store.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <map>
#include <set>
#include <string_view>
#include <utility>

namespace carillon::testing {

struct ScriptedStore::Record {
  engine::EventView view;  // its text views point into the strings below
  std::string category, action, description, body;
  std::map<engine::UserId, engine::EventState> states;  // a broadcast's: of each user
};

ScriptedStore::ScriptedStore() : worker_{[this] { run(); }} {
}

ScriptedStore::~ScriptedStore() {
  stop();
}

void ScriptedStore::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    commits_held_ = false;
    changed_.notify_all();
  }
  if (worker_.joinable()) worker_.join();
}

void ScriptedStore::hold_commits() {
  const std::lock_guard lock{mutex_};
  commits_held_ = true;
}

void ScriptedStore::release_commits() {
  const std::lock_guard lock{mutex_};
  commits_held_ = false;
  changed_.notify_all();
}

void ScriptedStore::hold_reads() {
  const std::lock_guard lock{mutex_};
  reads_held_ = true;
}

void ScriptedStore::release_reads() {
  const std::lock_guard lock{mutex_};
  reads_held_ = false;
  changed_.notify_all();
}

void ScriptedStore::fail_reads(std::optional<engine::Errc> error) {
  const std::lock_guard lock{mutex_};
  read_error_ = error;
}

void ScriptedStore::set_health(engine::InboxHealth health) {
  const std::lock_guard lock{mutex_};
  health_ = std::move(health);
}

bool ScriptedStore::wait_for_held(std::size_t entries) {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, std::chrono::seconds{20},
                           [&] { return appended_.size() >= entries; });
}

bool ScriptedStore::wait_for_reads(std::size_t reads) {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, std::chrono::seconds{20}, [&] { return reads_.size() >= reads; });
}

engine::LogOrigin ScriptedStore::origin() const noexcept {
  return {.epoch = epoch, .first_sequence = 1, .last_broadcast = 0};
}

void ScriptedStore::attach(engine::LogObserver& observer) noexcept {
  observer_ = &observer;
}

void ScriptedStore::append(engine::ShardIndex, std::span<engine::LogEntry> batch) noexcept {
  const std::lock_guard lock{mutex_};
  std::move(batch.begin(), batch.end(), std::back_inserter(appended_));
  changed_.notify_all();
}

void ScriptedStore::find(const engine::UserId& owner, const engine::EventId& id, FindDone done) {
  read([this, owner, id, done = std::move(done)](std::optional<engine::Errc> error) {
    if (error) return done(*error);
    const auto* const record = find_record(owner, id);
    done(record == nullptr ? std::optional<std::string>{} : std::optional{json_of(*record, owner)});
  });
}

void ScriptedStore::list(engine::ListQuery query, Done<engine::EventPage> done) {
  read([this, query = std::move(query), done = std::move(done)](std::optional<engine::Errc> error) {
    if (error) return done(*error);
    last_list = query;
    done(page_of(query));
  });
}

void ScriptedStore::get(const engine::UserId& user,
                        const engine::EventId& id,
                        Done<std::string> done) {
  read([this, user, id, done = std::move(done)](std::optional<engine::Errc> error) {
    if (error) return done(*error);
    const auto* const record = find_record(user, id);
    if (record == nullptr || is_deleted(*record, user)) return done(engine::Errc::not_found);
    done(json_of(*record, user));
  });
}

void ScriptedStore::aggregate(const engine::UserId& user, Done<engine::Aggregate> done) {
  read([this, user, done = std::move(done)](std::optional<engine::Errc> error) {
    if (error) return done(*error);
    engine::Aggregate sums;
    for (const auto* record : inbox_of(user)) {
      ++sums.total;
      ++sums.by_status[static_cast<std::size_t>(state_of(*record, user).status)];
      ++sums.by_severity[static_cast<std::size_t>(record->view.severity)];
      ++sums.by_category[record->category];
    }
    done(std::move(sums));
  });
}

void ScriptedStore::kinds(const engine::UserId& user, Done<std::vector<engine::Kind>> done) {
  read([this, user, done = std::move(done)](std::optional<engine::Errc> error) {
    if (error) return done(*error);
    std::set<engine::Kind> kinds;
    for (const auto* record : inbox_of(user))
      kinds.insert({record->category, record->action});
    done(std::vector<engine::Kind>{kinds.begin(), kinds.end()});
  });
}

engine::InboxHealth ScriptedStore::health() const {
  const std::lock_guard lock{mutex_};
  return health_;
}

void ScriptedStore::read(Read task) {
  const std::lock_guard lock{mutex_};
  reads_.push_back(std::move(task));
  changed_.notify_all();
}

void ScriptedStore::run() {
  std::unique_lock lock{mutex_};
  for (;;) {
    changed_.wait(lock, [this] {
      return stopping_ || (!appended_.empty() && !commits_held_) ||
             (!reads_.empty() && !reads_held_);
    });
    if (!appended_.empty() && !commits_held_) {
      auto batch = std::exchange(appended_, {});
      lock.unlock();
      commit(batch);
      lock.lock();
    } else if (!reads_.empty() && (!reads_held_ || stopping_)) {
      auto task = std::move(reads_.front());
      reads_.pop_front();
      const auto error = read_error_;
      lock.unlock();
      task(error);
      lock.lock();
    } else if (stopping_) {
      return;
    }
  }
}

void ScriptedStore::commit(std::vector<engine::LogEntry>& batch) {
  for (auto& entry : batch) {
    if (entry.event) keep(*entry.event);
    if (entry.change) apply(*entry.change);
    last_sequence_ = std::max(last_sequence_, entry.sequence);
  }
  observer_->on_committed(batch);
}

void ScriptedStore::keep(const engine::Event& event) {
  auto record = std::make_unique<Record>();
  record->view = event.view();
  record->category = event.category();
  record->action = event.action();
  record->description = event.view().description_json;
  record->body = event.view().body_json;
  record->view.category = record->category;
  record->view.action = record->action;
  record->view.description_json = record->description;
  record->view.body_json = record->body;
  records_.push_back(std::move(record));
}

void ScriptedStore::apply(engine::Change& change) {
  const auto is_meant = [&](const Record& record) {
    if (!change.ids.empty())
      return std::find(change.ids.begin(), change.ids.end(), record.view.id) != change.ids.end();
    const auto bound =
        change.up_to ? (record.view.audience == engine::Audience::everyone ? change.up_to->broadcast
                                                                           : change.up_to->user)
                     : change.sequence;
    return record.view.sequence <= bound &&
           (!change.filter ||
            change.filter->matches(record.view, state_of(record, change.user).status));
  };
  for (auto* record : inbox_of(change.user)) {
    if (!is_meant(*record)) continue;
    auto state = state_of(*record, change.user);
    state.updated_at = change.at;
    if (change.kind == engine::Change::Kind::remove) {
      state.deleted_at = change.at;
    } else {
      state.status = change.status;
    }
    record->states[change.user] = state;
    change.affected.push_back(record->view.id);
  }
}

engine::EventState ScriptedStore::state_of(const Record& record, const engine::UserId& user) {
  const auto found = record.states.find(user);
  if (found != record.states.end()) return found->second;
  return {record.view.initial_status, record.view.created_at, std::nullopt};
}

bool ScriptedStore::is_deleted(const Record& record, const engine::UserId& user) {
  return state_of(record, user).deleted_at.has_value();
}

std::string ScriptedStore::json_of(const Record& record, const engine::UserId& user) {
  auto json = record.body;
  engine::append_event_tail(json, state_of(record, user), record.view.created_at,
                            record.view.sequence);
  return json;
}

std::vector<ScriptedStore::Record*> ScriptedStore::inbox_of(const engine::UserId& user) const {
  std::vector<Record*> inbox;
  for (const auto& record : records_) {
    const bool heard =
        record->view.audience == engine::Audience::everyone || record->view.owner == user;
    if (heard && !is_deleted(*record, user)) inbox.push_back(record.get());
  }
  return inbox;
}

const ScriptedStore::Record* ScriptedStore::find_record(const engine::UserId& user,
                                                        const engine::EventId& id) const {
  for (const auto& record : records_) {
    const bool heard =
        record->view.audience == engine::Audience::everyone || record->view.owner == user;
    if (heard && record->view.id == id) return record.get();
  }
  return nullptr;
}

engine::EventPage ScriptedStore::page_of(const engine::ListQuery& query) const {
  engine::EventPage page;
  page.page = query.page;
  page.page_size = query.page_size;
  page.cursor = {epoch, {last_sequence_, last_sequence_}};
  std::vector<Record*> found;
  for (auto* record : inbox_of(query.user)) {
    const auto status = state_of(*record, query.user).status;
    if (status == query.filter.status.value_or(engine::Status::unread))
      ++page.count_by_severity[static_cast<std::size_t>(record->view.severity)];
    if (!query.filter.matches(record->view, status)) continue;
    if (status == engine::Status::read) ++page.read_count;
    found.push_back(record);
  }
  page.total_count = found.size();
  const bool descending = query.before || (query.descending && !query.after);
  if (descending) std::reverse(found.begin(), found.end());
  auto skip = query.page * query.page_size;
  for (const auto* record : found) {
    const auto sequence = record->view.sequence;
    if (query.after && sequence <= query.after->user) continue;
    if (query.before && sequence >= query.before->user) continue;
    if (skip > 0) {
      --skip;
      continue;
    }
    if (page.events.size() == query.page_size) break;
    page.events.push_back(json_of(*record, query.user));
    if (query.after || query.before) page.cursor.position = {sequence, sequence};
  }
  return page;
}

}  // namespace carillon::testing
