#include "tools/carillond/signals.hpp"

#include <csignal>
#include <initializer_list>

namespace carillon::carillond {
namespace {

sigset_t set_of(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals)
    sigaddset(&set, signal);
  return set;
}

}  // namespace

void block_signals() {
  const auto blocked = set_of({SIGTERM, SIGINT, SIGHUP});
  ::pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, nullptr);
}

int wait_for_signal() {
  const auto awaited = set_of({SIGTERM, SIGINT, SIGHUP});
  int signal = 0;
  ::sigwait(&awaited, &signal);
  return signal;
}

void die_on_next_signal() {
  // Their default action ends the process; only this thread may be chosen.
  const auto deadly = set_of({SIGTERM, SIGINT});
  ::pthread_sigmask(SIG_UNBLOCK, &deadly, nullptr);
}

}  // namespace carillon::carillond
