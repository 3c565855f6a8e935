#include "net/src/accept_exhaustion.hpp"

#include "net/src/admission_answer.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>

namespace carillon::net {
namespace {

constexpr std::size_t answers_max = 1'000;
constexpr std::chrono::seconds log_interval{10};

int open_spare() noexcept {
  return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/// Answers and closes. What the client has sent so far is read first: closing
/// over it would reset the connection.
void answer_and_close(int connection, const std::string& answer) noexcept {
  std::array<char, 4'096> scratch;  // NOLINT(cppcoreguidelines-init-variables): filled by recv
  ::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
  ::shutdown(connection, SHUT_WR);
  for (int reads = 0; reads < 16; ++reads)
    if (::recv(connection, scratch.data(), scratch.size(), 0) <= 0) break;
  ::close(connection);
}

}  // namespace

AcceptExhaustion::AcceptExhaustion(NetContext& net) : net_{net}, spare_{open_spare()} {
}

AcceptExhaustion::~AcceptExhaustion() {
  if (spare_ >= 0) ::close(spare_);
}

void AcceptExhaustion::on_failed_accept(const error_code& ec, int listening) {
  const bool exhausted = ec == boost::system::errc::too_many_files_open ||
                         ec == boost::system::errc::too_many_files_open_in_system;
  log(ec, exhausted ? refuse_waiting(listening) : 0);
}

std::size_t AcceptExhaustion::refuse_waiting(int listening) {
  const auto answer = refusal_bytes(Rejection::descriptors, net_.server_header);
  std::size_t refused = 0;
  for (; refused < answers_max; ++refused) {
    if (spare_ < 0) spare_ = open_spare();
    if (spare_ < 0) break;  // taken by somebody else meanwhile
    ::close(std::exchange(spare_, -1));
    const int connection = ::accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (connection < 0) break;  // nobody waits
    net_.admission->count(Rejection::descriptors);
    answer_and_close(connection, answer);
  }
  if (spare_ < 0) spare_ = open_spare();
  return refused;
}

void AcceptExhaustion::log(const error_code& ec, std::size_t refused) {
  refused_unlogged_ += refused;
  const auto now = std::chrono::steady_clock::now();
  if (logged_at_ && now - *logged_at_ < log_interval) return;
  logged_at_ = now;
  const auto count = std::to_string(std::exchange(refused_unlogged_, 0));
  if (!net_.options.log) return;
  const std::array fields{engine::LogField{"reason", ec.message()},
                          engine::LogField{"answered_503", count}};
  net_.options.log(engine::LogLevel::error, "can't accept connections", fields);
}

}  // namespace carillon::net
