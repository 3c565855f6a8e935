#pragma once

// The directory and what it could have been: UUID → mailbox. Each contender has
//   Owner{contender}    one thread's right to insert and to erase, for a scope
//   Reader{contender}   one thread's right to find; null if there is no such user
// A thread is one or the other at a time, and is neither while it waits for another.

#include "carillon/engine/ids.hpp"
#include "engine/src/directory.hpp"
#include "engine/src/mailbox.hpp"

#include <boost/unordered/unordered_flat_map.hpp>
#include <urcu/urcu-memb.h>
#include <urcu/urcu-qsbr.h>
// Behind the flavours, as it asks.
#include <urcu/rculfhash.h>

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <shared_mutex>
#include <thread>
#include <utility>
#include <vector>

// The library exports it; the header declares only the flavour included first.
extern "C" const rcu_flavor_struct urcu_qsbr_flavor;

namespace bench {

using carillon::engine::hash_uuid;
using carillon::engine::UserId;
using carillon::engine::detail::Mailbox;
using carillon::engine::detail::MailboxTable;

using FlatMap = boost::unordered_flat_map<UserId, Mailbox*, std::hash<UserId>>;

/// The engine's own.
class OwnDirectory {
 public:
  explicit OwnDirectory(const MailboxTable& mailboxes) : mailboxes_{mailboxes} {}

  class Owner {
   public:
    explicit Owner(OwnDirectory& of) : of_{of} {}
    void insert(const Mailbox& mailbox) {
      of_.directory_.insert(mailbox, hash_uuid(mailbox.user()), of_.mailboxes_);
    }
    void erase(const Mailbox& mailbox) {
      of_.directory_.erase(mailbox, mailbox.generation(), hash_uuid(mailbox.user()));
    }

   private:
    OwnDirectory& of_;
  };

  class Reader {
   public:
    explicit Reader(const OwnDirectory& of) : of_{of} {}
    [[nodiscard]] Mailbox* find(const UserId& user) const noexcept {
      return of_.directory_.find(user, hash_uuid(user), of_.mailboxes_).mailbox;
    }

   private:
    const OwnDirectory& of_;
  };

 private:
  const MailboxTable& mailboxes_;
  carillon::engine::detail::Directory directory_;
};

/// Floor: nobody may write while anybody reads.
class UnlockedMap {
 public:
  explicit UnlockedMap(const MailboxTable& /*mailboxes*/) {}

  class Owner {
   public:
    explicit Owner(UnlockedMap& of) : of_{of} {}
    void insert(Mailbox& mailbox) { of_.map_.emplace(mailbox.user(), &mailbox); }
    void erase(const Mailbox& mailbox) { of_.map_.erase(mailbox.user()); }

   private:
    UnlockedMap& of_;
  };

  class Reader {
   public:
    explicit Reader(const UnlockedMap& of) : of_{of} {}
    [[nodiscard]] Mailbox* find(const UserId& user) const {
      const auto found = of_.map_.find(user);
      return found == of_.map_.end() ? nullptr : found->second;
    }

   private:
    const UnlockedMap& of_;
  };

 private:
  FlatMap map_;
};

/// 64 maps, each behind a shared_mutex.
class ShardedLock {
 public:
  explicit ShardedLock(const MailboxTable& /*mailboxes*/) {}

  class Owner {
   public:
    explicit Owner(ShardedLock& of) : of_{of} {}
    void insert(Mailbox& mailbox) {
      auto& stripe = of_.stripe_of(mailbox.user());
      const std::unique_lock lock{stripe.mutex};
      stripe.map.emplace(mailbox.user(), &mailbox);
    }
    void erase(const Mailbox& mailbox) {
      auto& stripe = of_.stripe_of(mailbox.user());
      const std::unique_lock lock{stripe.mutex};
      stripe.map.erase(mailbox.user());
    }

   private:
    ShardedLock& of_;
  };

  class Reader {
   public:
    explicit Reader(ShardedLock& of) : of_{of} {}
    [[nodiscard]] Mailbox* find(const UserId& user) {
      auto& stripe = of_.stripe_of(user);
      const std::shared_lock lock{stripe.mutex};
      const auto found = stripe.map.find(user);
      return found == stripe.map.end() ? nullptr : found->second;
    }

   private:
    ShardedLock& of_;
  };

 private:
  struct alignas(64) Stripe {
    std::shared_mutex mutex;
    FlatMap map;
  };
  [[nodiscard]] Stripe& stripe_of(const UserId& user) {
    return stripes_[(hash_uuid(user) >> 32U) % stripes_.size()];
  }

  std::array<Stripe, 64> stripes_;
};

// liburcu's flavours, with one name each for what a thread must do.
struct Qsbr {
  static constexpr unsigned calls_per_quiescence = 64;
  static const rcu_flavor_struct& flavor() { return urcu_qsbr_flavor; }
  static void register_thread() { urcu_qsbr_register_thread(); }
  static void unregister_thread() { urcu_qsbr_unregister_thread(); }
  static void read_lock() {}
  static void read_unlock() {}
  static void quiescent() { urcu_qsbr_quiescent_state(); }
  static void synchronize() { urcu_qsbr_synchronize_rcu(); }
};
struct Memb {
  static constexpr unsigned calls_per_quiescence = 0;
  static const rcu_flavor_struct& flavor() { return urcu_memb_flavor; }
  static void register_thread() { urcu_memb_register_thread(); }
  static void unregister_thread() { urcu_memb_unregister_thread(); }
  static void read_lock() { urcu_memb_read_lock(); }
  static void read_unlock() { urcu_memb_read_unlock(); }
  static void quiescent() {}
  static void synchronize() { urcu_memb_synchronize_rcu(); }
};

/// liburcu's lock-free table, which grows by itself. Memory of erased entries is
/// given back 64 at a time, after a grace period.
template <class Flavor>
class Lfht {
  /// Every thread that comes near the table must be known to liburcu.
  class Registered {
   public:
    explicit Registered(Lfht& of) : of_{of} { Flavor::register_thread(); }
    Registered(const Registered&) = delete;
    Registered& operator=(const Registered&) = delete;
    ~Registered() { Flavor::unregister_thread(); }

   protected:
    void count_call() {
      if constexpr (Flavor::calls_per_quiescence > 0)
        if (++calls_ % Flavor::calls_per_quiescence == 0) Flavor::quiescent();
    }
    Lfht& of_;

   private:
    unsigned calls_ = 0;
  };

 public:
  explicit Lfht(const MailboxTable& /*mailboxes*/)
      : table_{cds_lfht_new_flavor(
            1024, 1, 0, CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING, &Flavor::flavor(), nullptr)} {
    if (table_ == nullptr) throw std::bad_alloc{};
  }
  Lfht(const Lfht&) = delete;
  Lfht& operator=(const Lfht&) = delete;
  ~Lfht() {
    {
      const Owner everything{*this};
      Flavor::read_lock();
      cds_lfht_iter iter;
      for (cds_lfht_first(table_, &iter); iter.node != nullptr; cds_lfht_next(table_, &iter))
        if (cds_lfht_del(table_, iter.node) == 0) erased_.push_back(entry_of(iter.node));
      Flavor::read_unlock();
    }
    cds_lfht_destroy(table_, nullptr);
    give_back();
  }

  class Owner : Registered {
   public:
    using Registered::Registered;
    void insert(Mailbox& mailbox) {
      this->count_call();
      auto* entry = new Entry{.node = {}, .user = mailbox.user(), .mailbox = &mailbox};
      Flavor::read_lock();
      cds_lfht_add(this->of_.table_, hash_uuid(entry->user), &entry->node);
      Flavor::read_unlock();
    }
    void erase(const Mailbox& mailbox) {
      this->count_call();
      auto& of = this->of_;
      Flavor::read_lock();
      auto* node = of.lookup(mailbox.user());
      if (node != nullptr && cds_lfht_del(of.table_, node) == 0)
        of.erased_.push_back(entry_of(node));
      Flavor::read_unlock();
      if (of.erased_.size() < 64) return;
      Flavor::synchronize();
      of.give_back();
    }
  };

  class Reader : Registered {
   public:
    using Registered::Registered;
    [[nodiscard]] Mailbox* find(const UserId& user) {
      this->count_call();
      Flavor::read_lock();
      auto* node = this->of_.lookup(user);
      auto* mailbox = node == nullptr ? nullptr : entry_of(node)->mailbox;
      Flavor::read_unlock();
      return mailbox;
    }
  };

 private:
  struct Entry {
    cds_lfht_node node;  // first, so that its address is the entry's
    UserId user;
    Mailbox* mailbox;
  };

  static Entry* entry_of(cds_lfht_node* node) { return reinterpret_cast<Entry*>(node); }
  static int is_of(cds_lfht_node* node, const void* key) {
    return entry_of(node)->user == *static_cast<const UserId*>(key) ? 1 : 0;
  }
  [[nodiscard]] cds_lfht_node* lookup(const UserId& user) {
    cds_lfht_iter iter;
    cds_lfht_lookup(table_, hash_uuid(user), &is_of, &user, &iter);
    return iter.node;
  }
  void give_back() {
    for (auto* entry : erased_)
      delete entry;
    erased_.clear();
  }

  cds_lfht* table_;
  std::vector<Entry*> erased_;
};

/// Open addressing as the engine's, but a slot holds the mailbox's address, and a
/// replaced table is freed once every reader that may be in it has left: readers
/// announce themselves, which costs them one full barrier a lookup.
class EpochTable {
 public:
  explicit EpochTable(const MailboxTable& /*mailboxes*/)
      : owned_{std::make_unique<Table>(16)}, current_{owned_.get()} {}

  class Owner {
   public:
    explicit Owner(EpochTable& of) : of_{of} {}
    void insert(Mailbox& mailbox) { of_.insert(mailbox); }
    void erase(const Mailbox& mailbox) { of_.erase(mailbox); }

   private:
    EpochTable& of_;
  };

  class Reader {
   public:
    explicit Reader(EpochTable& of)
        : of_{of}, epoch_{of.announcements_.at(of.readers_++ % 64).in} {}
    [[nodiscard]] Mailbox* find(const UserId& user) {
      // seq_cst: the owner, which replaces the table and then looks for readers,
      // either sees this announcement or is seen to have replaced it.
      epoch_.store(of_.epoch_.load(std::memory_order_acquire), std::memory_order_seq_cst);
      const auto hash = hash_uuid(user);
      const auto& table = *of_.current_.load(std::memory_order_seq_cst);
      Mailbox* found = nullptr;
      for (std::size_t at = hash & table.mask;; at = (at + 1) & table.mask) {
        const auto entry = table.slots[at].load(std::memory_order_acquire);
        if (entry == 0) break;
        if (entry == tombstone || entry >> address_bits != fragment_of(hash)) continue;
        auto* mailbox = mailbox_of(entry);
        if (mailbox->user() != user) continue;
        found = mailbox;
        break;
      }
      epoch_.store(0, std::memory_order_release);
      return found;
    }

   private:
    EpochTable& of_;
    std::atomic<std::uint64_t>& epoch_;
  };

 private:
  // A slot: the address in the low 48 bits, sixteen bits of the hash above.
  static constexpr unsigned address_bits = 48;
  static constexpr std::uint64_t tombstone = 1;
  struct Table {
    explicit Table(std::size_t count)
        : mask{count - 1}, slots{std::make_unique<std::atomic<std::uint64_t>[]>(count)} {}
    const std::size_t mask;
    std::unique_ptr<std::atomic<std::uint64_t>[]> slots;
  };
  struct Retired {
    std::unique_ptr<Table> table;
    std::uint64_t epoch;  // readers that announced an earlier one may be in it
  };
  struct alignas(64) Announcement {
    std::atomic<std::uint64_t> in{0};  // 0: not reading
  };

  static std::uint64_t fragment_of(std::uint64_t hash) { return hash >> address_bits; }
  static Mailbox* mailbox_of(std::uint64_t entry) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the slot packs both
    return reinterpret_cast<Mailbox*>(entry & ((std::uint64_t{1} << address_bits) - 1));
  }
  static std::uint64_t entry_of(const Mailbox& mailbox, std::uint64_t hash) {
    return (fragment_of(hash) << address_bits) | reinterpret_cast<std::uintptr_t>(&mailbox);
  }

  void insert(const Mailbox& mailbox) {
    const auto slots = owned_->mask + 1;
    if ((used_ + 1) * 4 > slots * 3) replace((live_ + 1) * 2 > slots ? slots * 2 : slots);
    const auto hash = hash_uuid(mailbox.user());
    if (place(*owned_, hash, entry_of(mailbox, hash))) ++used_;
    ++live_;
  }
  void erase(const Mailbox& mailbox) {
    const auto hash = hash_uuid(mailbox.user());
    const auto entry = entry_of(mailbox, hash);
    auto at = hash & owned_->mask;
    while (owned_->slots[at].load(std::memory_order_relaxed) != entry)
      at = (at + 1) & owned_->mask;
    owned_->slots[at].store(tombstone, std::memory_order_release);
    --live_;
  }
  /// True if the slot was empty, false if it held a tombstone.
  static bool place(Table& table, std::uint64_t hash, std::uint64_t entry) {
    for (std::size_t at = hash & table.mask;; at = (at + 1) & table.mask) {
      const auto old = table.slots[at].load(std::memory_order_relaxed);
      if (old != 0 && old != tombstone) continue;
      table.slots[at].store(entry, std::memory_order_release);
      return old == 0;
    }
  }
  void replace(std::size_t slots) {
    auto table = std::make_unique<Table>(slots);
    for (std::size_t at = 0; at <= owned_->mask; ++at) {
      const auto entry = owned_->slots[at].load(std::memory_order_relaxed);
      if (entry == 0 || entry == tombstone) continue;
      place(*table, hash_uuid(mailbox_of(entry)->user()), entry);
    }
    current_.store(table.get(), std::memory_order_seq_cst);
    const auto epoch = epoch_.fetch_add(1, std::memory_order_seq_cst) + 1;
    retired_.push_back({.table = std::exchange(owned_, std::move(table)), .epoch = epoch});
    used_ = live_;
    std::erase_if(retired_, [this](const Retired& old) {
      for (const auto& reader : announcements_) {
        const auto in = reader.in.load(std::memory_order_seq_cst);
        if (in != 0 && in < old.epoch) return false;
      }
      return true;
    });
  }

  std::array<Announcement, 64> announcements_;
  std::atomic<std::size_t> readers_{0};
  std::unique_ptr<Table> owned_;
  std::atomic<Table*> current_;
  std::atomic<std::uint64_t> epoch_{1};
  std::vector<Retired> retired_;
  std::size_t live_ = 0;
  std::size_t used_ = 0;
};

}  // namespace bench
