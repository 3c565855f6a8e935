#include "tools/loadgen/process_stats.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <ctime>
#include <fstream>
#include <stdexcept>
#include <string>

namespace carillon::loadgen {
namespace {

[[noreturn]] void refuse(pid_t pid) {
  throw std::runtime_error{
      fmt::format("--pid: there is no process {} whose figures can be read", pid)};
}

// In nanoseconds, where /proc/PID/stat has hundredths of a second.
double read_cpu_s(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) refuse(pid);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
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

unsigned processors_of(pid_t pid) {
  cpu_set_t processors;
  if (sched_getaffinity(pid, sizeof processors, &processors) != 0) return 1;
  return static_cast<unsigned>(CPU_COUNT(&processors));
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
