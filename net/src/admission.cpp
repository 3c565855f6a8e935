#include "net/src/admission.hpp"

#include <bit>
#include <random>
#include <utility>

namespace carillon::net {
namespace {

using std::chrono::microseconds;

// A1 relaxed, for every atomic here: limits and figures that stand for themselves
// and publish nothing. A limit that changes is in force for whoever reads it next.
constexpr auto relaxed = std::memory_order_relaxed;

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32U) | device();
}

// The finaliser of splitmix64.
std::uint64_t mix(std::uint64_t value) noexcept {
  value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  value = (value ^ (value >> 27U)) * 0x94D049BB133111EBULL;
  return value ^ (value >> 31U);
}

bool is_loopback(const asio::ip::address& address) noexcept {
  if (address.is_loopback()) return true;
  return address.is_v6() && address.to_v6().is_v4_mapped() &&
         asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).is_loopback();
}

}  // namespace

std::uint64_t address_key(const asio::ip::address& address) noexcept {
  std::uint64_t key = 0;
  if (address.is_v4()) {
    key = address.to_v4().to_uint();
  } else if (const auto v6 = address.to_v6(); v6.is_v4_mapped()) {
    key = asio::ip::make_address_v4(asio::ip::v4_mapped, v6).to_uint();
  } else {
    const auto bytes = v6.to_bytes();
    for (std::size_t i = 0; i < 8; ++i)
      key = (key << 8U) | bytes[i];
  }
  return key;
}

AdmissionPass::AdmissionPass(AdmissionPass&& other) noexcept
    : admission_{std::move(other.admission_)},
      address_{std::exchange(other.address_, nullptr)},
      session_{std::exchange(other.session_, nullptr)} {
}

AdmissionPass& AdmissionPass::operator=(AdmissionPass&& other) noexcept {
  if (this == &other) return *this;
  release();
  admission_ = std::move(other.admission_);
  address_ = std::exchange(other.address_, nullptr);
  session_ = std::exchange(other.session_, nullptr);
  return *this;
}

bool AdmissionPass::open_session(const engine::UserId& user) {
  if (!admission_ || session_ != nullptr) return true;
  session_ = admission_->sessions_.add(user, admission_->sessions_per_user_max_.load(relaxed));
  if (session_ == nullptr) admission_->count(Rejection::sessions_per_user);
  return session_ != nullptr;
}

void AdmissionPass::release() noexcept {
  if (!admission_) return;
  admission_->release(std::exchange(address_, nullptr), std::exchange(session_, nullptr));
  admission_.reset();
}

void Admission::Rate::store(std::uint64_t new_per_second, std::uint64_t new_burst) noexcept {
  per_second.store(new_per_second, relaxed);
  burst.store(new_burst, relaxed);
}

BucketRate Admission::Rate::load() const noexcept {
  return {.per_second = per_second.load(relaxed), .burst = burst.load(relaxed)};
}

Admission::Admission(const AdmissionLimits& limits) : start_{Clock::now()}, seed_{random_seed()} {
  set_limits(limits);
}

void Admission::set_limits(const AdmissionLimits& limits) noexcept {
  connections_max_.store(limits.connections_max, relaxed);
  connections_per_address_max_.store(limits.connections_per_address_max, relaxed);
  loopback_limited_.store(limits.loopback_limited, relaxed);
  sessions_per_user_max_.store(limits.sessions_per_user_max, relaxed);
  receiving_bytes_max_.store(limits.receiving_bytes_max, relaxed);
  accept_rate_.store(limits.accept_rate, limits.accept_burst);
  publish_rate_.store(limits.publish_rate, limits.publish_burst);
  service_publish_rate_.store(limits.service_publish_rate, limits.service_publish_burst);
}

AdmissionLimits Admission::limits() const noexcept {
  const auto accept = accept_rate_.load();
  const auto publish = publish_rate_.load();
  const auto service = service_publish_rate_.load();
  return {.connections_max = connections_max_.load(relaxed),
          .connections_per_address_max = connections_per_address_max_.load(relaxed),
          .loopback_limited = loopback_limited_.load(relaxed),
          .sessions_per_user_max = sessions_per_user_max_.load(relaxed),
          .receiving_bytes_max = receiving_bytes_max_.load(relaxed),
          .accept_rate = accept.per_second,
          .accept_burst = accept.burst,
          .publish_rate = publish.per_second,
          .publish_burst = publish.burst,
          .service_publish_rate = service.per_second,
          .service_publish_burst = service.burst};
}

std::optional<Rejection> Admission::admit(const tcp::socket& socket, AdmissionPass& pass) {
  // Without a limit per address nobody has to ask the kernel for it.
  if (connections_per_address_max_.load(relaxed) == 0) return admit(asio::ip::address{}, pass);
  error_code ec;
  const auto peer = socket.remote_endpoint(ec);  // fails if it has gone already
  return admit(peer.address(), pass);
}

std::optional<Rejection> Admission::admit(const asio::ip::address& address, AdmissionPass& pass) {
  const auto most = connections_max_.load(relaxed);
  if (connections_.fetch_add(1, relaxed) >= most && most != 0) {
    connections_.fetch_sub(1, relaxed);
    count(Rejection::connections);
    return Rejection::connections;
  }
  AddressCounts::Entry* counted = nullptr;
  if (is_counted(address)) {
    counted = addresses_.add(address_key(address), connections_per_address_max_.load(relaxed));
    if (counted == nullptr) {
      connections_.fetch_sub(1, relaxed);
      count(Rejection::connections_per_address);
      return Rejection::connections_per_address;
    }
  }
  pass.release();
  pass.admission_ = shared_from_this();
  pass.address_ = counted;
  return std::nullopt;
}

bool Admission::is_counted(const asio::ip::address& address) const noexcept {
  if (address.is_unspecified()) return false;  // not asked for, or gone
  if (connections_per_address_max_.load(relaxed) == 0) return false;
  return loopback_limited_.load(relaxed) || !is_loopback(address);
}

void Admission::release(AddressCounts::Entry* address, SessionCounts::Entry* session) noexcept {
  sessions_.remove(session);
  addresses_.remove(address);
  connections_.fetch_sub(1, relaxed);
}

BucketTicks Admission::ticks(Clock::time_point now) const noexcept {
  return std::chrono::duration_cast<BucketTicks>(now - start_);
}

bool Admission::limits_accepting() const noexcept {
  return accept_rate_.load().per_second != 0;
}

microseconds Admission::accept_pause(Clock::time_point now) {
  const auto rate = accept_rate_.load();
  if (rate.per_second == 0) return microseconds{0};
  const auto wait = accepts_.take(ticks(now), 1, rate);
  if (wait.count() != 0) accept_pauses_.fetch_add(1, relaxed);
  return wait;
}

microseconds Admission::take_publish(const engine::UserId& caller,
                                     bool service,
                                     std::uint64_t events,
                                     Clock::time_point now) {
  const auto rate = service ? service_publish_rate_.load() : publish_rate_.load();
  if (rate.per_second == 0) return microseconds{0};
  // A service caller's bucket is not that of the user of the same id.
  const auto [high, low] = std::bit_cast<std::array<std::uint64_t, 2>>(caller.bytes);
  const auto hash = mix(mix(high ^ (service ? ~seed_ : seed_)) ^ low);
  const auto taken = publishes_.take(hash, ticks(now), events, rate);
  if (taken.untracked) untracked_.fetch_add(1, relaxed);
  return taken.wait;
}

void Admission::count(Rejection rejection) noexcept {
  rejected_[static_cast<std::size_t>(rejection)].fetch_add(1, relaxed);
}

bool Admission::hold_receiving(std::size_t before, std::size_t now) noexcept {
  // Modulo 2^64: the sum is never negative.
  const auto others = receiving_bytes_.fetch_add(now - before, relaxed) - before;
  if (now <= before || now <= receiving_bytes_granted) return true;
  const auto most = receiving_bytes_max_.load(relaxed);
  return most == 0 || others + now <= most;
}

Admission::Figures Admission::figures() const {
  Figures figures;
  figures.connections = connections_.load(relaxed);
  figures.addresses = addresses_.keys();
  figures.users = sessions_.keys();
  figures.receiving_bytes = receiving_bytes_.load(relaxed);
  for (std::size_t i = 0; i < rejected_.size(); ++i)
    figures.rejected_total[i] = rejected_[i].load(relaxed);
  figures.accept_pauses_total = accept_pauses_.load(relaxed);
  figures.untracked_total = untracked_.load(relaxed);
  return figures;
}

}  // namespace carillon::net
