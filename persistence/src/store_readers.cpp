#include "carillon/persistence/store_readers.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <algorithm>
#include <mutex>
#include <utility>

namespace carillon::persistence {

struct StoreReaders::Impl {
  explicit Impl(const StoreReadersOptions& options)
      : waiting_max{options.waiting_max}, pool{std::max<std::size_t>(options.threads, 1)} {}

  [[nodiscard]] bool accept(Task task, bool bounded);

  const std::size_t waiting_max;
  std::mutex mutex;  // over the next two
  std::size_t waiting = 0;
  bool stopped = false;
  boost::asio::thread_pool pool;
};

bool StoreReaders::Impl::accept(Task task, bool bounded) {
  const std::lock_guard lock{mutex};
  if (stopped || (bounded && waiting >= waiting_max)) return false;
  if (bounded) ++waiting;
  // Under the lock, so that stop() can't join between the check and the post.
  boost::asio::post(pool, [this, bounded, run = std::move(task)] {
    if (bounded) {
      const std::lock_guard started{mutex};
      --waiting;
    }
    run();
  });
  return true;
}

StoreReaders::StoreReaders(const StoreReadersOptions& options)
    : impl_{std::make_unique<Impl>(options)} {
}

StoreReaders::~StoreReaders() {
  stop();
}

bool StoreReaders::try_post(Task task) {
  return impl_->accept(std::move(task), /*bounded=*/true);
}

bool StoreReaders::post(Task task) {
  return impl_->accept(std::move(task), /*bounded=*/false);
}

void StoreReaders::stop() {
  {
    const std::lock_guard lock{impl_->mutex};
    impl_->stopped = true;
  }
  impl_->pool.join();
}

}  // namespace carillon::persistence
