#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace carillon::persistence {

struct StoreReadersOptions {
  /// Reads under way at once. Two keep one waiting for the disk while another
  /// computes; more compete with the shards for the cores.
  std::size_t threads = 2;

  /// Reads that wait for a thread before further ones are refused.
  std::size_t waiting_max = 1024;
};

/// The threads on which a store is read, so that nobody else waits for the disk.
///
/// Role      One per store, shared by InboxReader and WriteBehind.
/// Threads   try_post, post: any thread. stop, destruction: one thread; tasks may
///           still be posted by others, and are refused.
/// Order     None: tasks start in the order of posting but overtake one another.
/// Bound     try_post refuses at `waiting_max` tasks not yet started; exact but
///           for tasks posted at the same moment. post is not counted against it:
///           its callers bound themselves (WriteBehind::find by publishing credit).
/// Progress  Posting takes a short lock, never waits for a task.
/// Lifetime  Everything that a task touches must outlive stop().
/// Invariant An accepted task runs exactly once, before stop() returns.
class StoreReaders {
 public:
  using Task = std::function<void()>;

  explicit StoreReaders(const StoreReadersOptions& options = {});
  ~StoreReaders();
  StoreReaders(const StoreReaders&) = delete;
  StoreReaders& operator=(const StoreReaders&) = delete;

  /// False if too many tasks wait or the readers stop; the task is then dropped.
  [[nodiscard]] bool try_post(Task task);
  /// False only if the readers stop.
  [[nodiscard]] bool post(Task task);

  /// Refuses further tasks, runs those that were accepted, joins. Idempotent.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace carillon::persistence
