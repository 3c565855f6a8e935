#include "tools/loadgen/process_stats.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace carillon::loadgen {
namespace {

[[noreturn]] void refuse(pid_t pid) {
  throw std::runtime_error{
      fmt::format("--pid: there is no process {} whose /proc entry can be read", pid)};
}

// utime and stime are fields 14 and 15 of stat; the second field, a name in
// parentheses, may hold spaces.
double read_cpu_s(pid_t pid) {
  std::ifstream file{fmt::format("/proc/{}/stat", pid)};
  std::stringstream text;
  text << file.rdbuf();
  const auto line = text.str();
  const auto name_end = line.rfind(')');
  if (!file || name_end == std::string::npos) refuse(pid);
  std::istringstream fields{line.substr(name_end + 1)};
  std::string skipped;
  for (int field = 3; field < 14; ++field)
    fields >> skipped;
  double user_ticks = 0;
  double system_ticks = 0;
  if (!(fields >> user_ticks >> system_ticks)) refuse(pid);
  return (user_ticks + system_ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

ProcessStats read_process_stats(const std::vector<pid_t>& pids) {
  ProcessStats sum;
  for (const auto pid : pids) {
    sum.cpu_s += read_cpu_s(pid);
    std::ifstream file{fmt::format("/proc/{}/status", pid)};
    for (std::string name; file >> name;) {
      std::uint64_t kib = 0;
      if (name == "VmRSS:" && file >> kib) sum.resident_bytes += kib * 1024;
      if ((name == "RssAnon:" || name == "RssShmem:") && file >> kib)
        sum.anonymous_bytes += kib * 1024;
    }
  }
  return sum;
}

double own_cpu_s() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double own_wait_s() {
  std::ifstream file{"/proc/thread-self/schedstat"};
  double running_ns = 0;
  double waiting_ns = 0;
  return file >> running_ns >> waiting_ns ? waiting_ns / 1e9 : 0.0;
}

}  // namespace carillon::loadgen
