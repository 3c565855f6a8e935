#include "carillon/persistence/inbox_reader.hpp"

#include <utility>

namespace carillon::persistence {

using engine::Errc;
using engine::Error;
using engine::EventId;
using engine::UserId;

template <class T, class Read>
void InboxReader::run(Done<T> done, Read read) {
  // Kept here as well, because a refused task is dropped with what it holds.
  auto shared_done = std::make_shared<Done<T>>(std::move(done));
  const bool accepted = readers_.try_post(
      [this, shared_done, read = std::move(read)] { (*shared_done)(read(store_)); });
  if (!accepted)
    (*shared_done)(Error{Errc::unavailable, "Too many reads of the store are waiting; try again"});
}

void InboxReader::list(engine::ListQuery query, Done<engine::EventPage> done) {
  run(std::move(done),
      [query = std::move(query)](const Store& store) { return store.list(query); });
}

void InboxReader::get(const UserId& user, const EventId& id, Done<std::string> done) {
  run(std::move(done), [user, id](const Store& store) { return store.get(user, id); });
}

void InboxReader::aggregate(const UserId& user, Done<engine::Aggregate> done) {
  run(std::move(done), [user](const Store& store) { return store.aggregate(user); });
}

void InboxReader::kinds(const UserId& user, Done<std::vector<engine::Kind>> done) {
  run(std::move(done), [user](const Store& store) { return store.kinds(user); });
}

engine::InboxHealth InboxReader::health() const {
  auto health = writer_.health();
  return health.writable ? store_.health() : health;
}

}  // namespace carillon::persistence
