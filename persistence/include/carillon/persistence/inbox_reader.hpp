#pragma once

#include "carillon/engine/inbox.hpp"
#include "carillon/persistence/store.hpp"
#include "carillon/persistence/store_readers.hpp"
#include "carillon/persistence/write_behind.hpp"

namespace carillon::persistence {

/// Answers inbox reads from a store, on its reader threads.
///
/// Role      What `net` gets as engine::Inbox; one per store.
/// Threads   All methods: any thread. `done` runs on a reader thread; if the read
///           is refused, on the calling thread before the call returns.
/// Order     None among reads; each sees what was acknowledged before it began.
/// Bound     StoreReadersOptions::waiting_max, then Errc::unavailable.
/// Progress  Never waits for the disk.
/// Lifetime  Store, readers and write-behind outlive it and every read under way:
///           stop the readers first.
/// Invariant `done` runs exactly once.
class InboxReader final : public engine::Inbox {
 public:
  InboxReader(const Store& store, StoreReaders& readers, const WriteBehind& writer) noexcept
      : store_{store}, readers_{readers}, writer_{writer} {}

  void list(engine::ListQuery query, Done<engine::EventPage> done) override;
  void get(const engine::UserId& user, const engine::EventId& id, Done<std::string> done) override;
  void aggregate(const engine::UserId& user, Done<engine::Aggregate> done) override;
  void kinds(const engine::UserId& user, Done<std::vector<engine::Kind>> done) override;

  /// Not writable while commits fail.
  [[nodiscard]] engine::InboxHealth health() const override;

 private:
  template <class T, class Read>
  void run(Done<T> done, Read read);

  const Store& store_;
  StoreReaders& readers_;
  const WriteBehind& writer_;
};

}  // namespace carillon::persistence
