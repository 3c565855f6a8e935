#pragma once

#include "carillon/engine/ids.hpp"
#include "carillon/net/admission_limits.hpp"
#include "net/src/asio.hpp"
#include "net/src/count_table.hpp"
#include "net/src/rate_table.hpp"
#include "net/src/token_bucket.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace carillon::net {

class Admission;

/// What was over a limit; one counter each.
enum class Rejection : std::uint8_t {
  connections,              ///< connections_max
  connections_per_address,  ///< connections_per_address_max
  descriptors,              ///< the process has no descriptor left
  sessions_per_user,        ///< sessions_per_user_max
  publish_rate,             ///< publish_rate or service_publish_rate
  receiving_bytes,          ///< receiving_bytes_max
};
inline constexpr std::array<std::string_view, 6> rejection_names{
    "connections",  "connections_per_address", "descriptors", "sessions_per_user",
    "publish_rate", "receiving_bytes"};

/// A connection may hold so much of a request that is not whole whatever the others hold:
/// else one that sends a small event in two packets would pay for what others leave half sent.
inline constexpr std::size_t receiving_bytes_granted = std::size_t{4} * 1024;

struct UserHash {
  std::size_t operator()(const engine::UserId& user) const noexcept {
    return engine::hash_uuid(user);
  }
};
using AddressCounts = CountTable<std::uint64_t>;
using SessionCounts = CountTable<engine::UserId, UserHash>;

/// An admitted connection's place in the counts, and its session's. Goes with
/// the socket from owner to owner; the last one gives it back.
class AdmissionPass {
 public:
  AdmissionPass() = default;
  AdmissionPass(AdmissionPass&& other) noexcept;
  AdmissionPass& operator=(AdmissionPass&& other) noexcept;
  AdmissionPass(const AdmissionPass&) = delete;
  AdmissionPass& operator=(const AdmissionPass&) = delete;
  ~AdmissionPass() { release(); }

  /// The connection becomes a session of this user; false if it has as many as it may.
  [[nodiscard]] bool open_session(const engine::UserId& user);
  /// Idempotent.
  void release() noexcept;

 private:
  friend class Admission;

  std::shared_ptr<Admission> admission_;     // null: nothing to give back
  AddressCounts::Entry* address_ = nullptr;  // null: not counted
  SessionCounts::Entry* session_ = nullptr;  // null: no session
};

/// The limits of one server and what is counted against them.
///
/// Role      One per server, shared by its shards.
/// Threads   Any.
/// Progress  take_publish(), accept_pause() and hold_receiving() are lock-free and O(1).
///           Connections and sessions come and go under a mutex per stripe.
/// Bound     An entry per client address and per user with something open, and 1 MiB
///           for the buckets, however many users there have been.
/// Lifetime  Shared: passes may outlive the server, in handlers that never ran.
class Admission : public std::enable_shared_from_this<Admission> {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Admission(const AdmissionLimits& limits);

  void set_limits(const AdmissionLimits& limits) noexcept;
  [[nodiscard]] AdmissionLimits limits() const noexcept;

  /// A connection was accepted: fills `pass`, or says (and counts) why not.
  [[nodiscard]] std::optional<Rejection> admit(const tcp::socket& socket, AdmissionPass& pass);
  [[nodiscard]] std::optional<Rejection> admit(const asio::ip::address& address,
                                               AdmissionPass& pass);
  /// Whether accept_pause() can ask for a pause.
  [[nodiscard]] bool limits_accepting() const noexcept;
  /// Takes the token of one connection that waits to be accepted. Not 0: none
  /// was there; that is how long to wait.
  [[nodiscard]] std::chrono::microseconds accept_pause(Clock::time_point now = Clock::now());
  /// Takes a token per event. Not 0: nothing was taken, and the same publish will be
  /// admitted after this time, if nobody else publishes for this caller. Who is told so
  /// is counted by count(); a stream that waits is not refused.
  [[nodiscard]] std::chrono::microseconds take_publish(const engine::UserId& caller,
                                                       bool service,
                                                       std::uint64_t events,
                                                       Clock::time_point now = Clock::now());
  void count(Rejection rejection) noexcept;
  /// What a connection holds of requests that are not whole went from `before` to `now`
  /// bytes. False if it holds more than before and all hold more than they may: then it
  /// should give up what it holds. Counted in any case.
  [[nodiscard]] bool hold_receiving(std::size_t before, std::size_t now) noexcept;

  /// For metrics; each figure is exact on its own.
  struct Figures {
    std::uint64_t connections = 0;
    std::uint64_t addresses = 0;  ///< with open connections that are counted
    std::uint64_t users = 0;      ///< with open sessions
    std::uint64_t receiving_bytes = 0;
    std::array<std::uint64_t, rejection_names.size()> rejected_total{};
    std::uint64_t accept_pauses_total = 0;
    std::uint64_t untracked_total = 0;  ///< publishes admitted because no bucket was free
  };
  [[nodiscard]] Figures figures() const;

 private:
  friend class AdmissionPass;

  struct Rate {
    std::atomic<std::uint64_t> per_second{0};
    std::atomic<std::uint64_t> burst{0};

    void store(std::uint64_t new_per_second, std::uint64_t new_burst) noexcept;
    [[nodiscard]] BucketRate load() const noexcept;
  };

  [[nodiscard]] BucketTicks ticks(Clock::time_point now) const noexcept;
  [[nodiscard]] bool is_counted(const asio::ip::address& address) const noexcept;
  void release(AddressCounts::Entry* address, SessionCounts::Entry* session) noexcept;

  const Clock::time_point start_;
  const std::uint64_t seed_;  // nobody outside can choose users that share a bucket

  // The limits.
  std::atomic<std::uint64_t> connections_max_{0};
  std::atomic<std::uint64_t> connections_per_address_max_{0};
  std::atomic<bool> loopback_limited_{false};
  std::atomic<std::uint64_t> sessions_per_user_max_{0};
  std::atomic<std::uint64_t> receiving_bytes_max_{0};
  Rate accept_rate_;
  Rate publish_rate_;
  Rate service_publish_rate_;

  // What is counted.
  std::atomic<std::uint64_t> connections_{0};
  std::atomic<std::uint64_t> receiving_bytes_{0};
  AddressCounts addresses_;
  SessionCounts sessions_;
  TokenBucket accepts_;
  RateTable publishes_;
  std::array<std::atomic<std::uint64_t>, rejection_names.size()> rejected_{};
  std::atomic<std::uint64_t> accept_pauses_{0};
  std::atomic<std::uint64_t> untracked_{0};
};

/// The part of an address that is counted: an IPv4 address, mapped into IPv6 or
/// not, or the first 64 bits of an IPv6 address. (IPv4's keys are those
/// of ::/32, which the IETF keeps for itself.)
[[nodiscard]] std::uint64_t address_key(const asio::ip::address& address) noexcept;

}  // namespace carillon::net
