#include "carillon/persistence/open_store.hpp"
#include "carillon/persistence/verify_store.hpp"
#include "tools/carillon/commands.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace carillon::client {
namespace {

constexpr const char* advice = "restore a backup (carillon restore); nothing was changed";

}  // namespace

int verify_store(const VerifyOptions& options) {
  const auto shown = persistence::shown_store_url(options.store);
  const auto begun = std::chrono::steady_clock::now();
  const auto found =
      persistence::verify_store(options.store, [](const persistence::StoreFault& fault) {
        fmt::print("{} {}\n", fault.where, printable(fault.what));
      });
  if (!found) {
    fmt::print(stderr, "carillon: {}\n", printable(found.error().text()));
    return exit_unopened;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  const auto events = found->events + found->broadcasts;
  fmt::print(
      "{}: {} events of {} users ({} of them deleted), {} broadcasts, {} marks of broadcasts, "
      "{:.1f} MB; {:.1f} s, {:.0f} events/s\n",
      shown, found->events, found->users, found->deleted, found->broadcasts, found->marks,
      static_cast<double>(found->bytes) / 1e6, took.count(),
      static_cast<double>(events) / std::max(took.count(), 1e-3));
  if (!found->unchecked.empty()) fmt::print("not checked: {}\n", fmt::join(found->unchecked, "; "));
  if (found->faults == 0) {
    fmt::print("sound\n");
    return exit_success;
  }
  fmt::print("{} faults: {}\n", found->faults, advice);
  return exit_refused;
}

}  // namespace carillon::client
