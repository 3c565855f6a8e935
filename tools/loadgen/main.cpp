#include "tools/loadgen/command_line.hpp"
#include "tools/loadgen/html_report.hpp"
#include "tools/loadgen/live_view.hpp"
#include "tools/loadgen/load_run.hpp"
#include "tools/loadgen/outcome.hpp"
#include "tools/loadgen/result.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

namespace carillon::loadgen {
namespace {

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file{path, std::ios::binary | std::ios::trunc};
  file << text;
  file.close();
  if (!file) throw std::runtime_error{fmt::format("cannot write '{}'", path)};
}

std::string read_file(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  if (!file) throw std::runtime_error{fmt::format("cannot read '{}'", path)};
  return {std::istreambuf_iterator<char>{file}, {}};
}

// The baselines first, so that this run is compared with them.
void write_report(const Options& options, const std::string& json) {
  std::vector<std::string> runs;
  for (const auto& path : options.baselines)
    runs.push_back(read_file(path));
  runs.push_back(json);
  auto names = options.baselines;
  names.emplace_back("this run");
  write_file(options.report, to_html(runs, names));
}

// One for each connection, and some for everything else.
void raise_descriptor_limit(const Options& options) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  const auto needed = std::uint64_t{options.users} *
                          (options.scenario == Scenario::ingest ? 0 : options.receivers) +
                      options.connections + 64;
  if (limit.rlim_cur < needed)
    throw std::invalid_argument{
        fmt::format("this run needs {} descriptors and the limit is {}; raise it (ulimit -n)",
                    needed, limit.rlim_cur)};
}

int run(const Options& options) {
  raise_descriptor_limit(options);
  std::signal(SIGPIPE, SIG_IGN);
  LiveView view{!options.quiet};
  const auto result = run_load(options, [&view](const Progress& progress) { view.show(progress); });
  std::fputs(to_text(options, result).c_str(), stdout);
  const auto json = to_json(options, result);
  if (!options.json.empty()) write_file(options.json, json);
  if (!options.report.empty()) write_report(options, json);
  return exit_code_of(options, result);
}

int run(const ReportOptions& options) {
  std::vector<std::string> runs;
  for (const auto& path : options.inputs)
    runs.push_back(read_file(path));
  write_file(options.out, to_html(runs, options.inputs));
  return exit_success;
}

}  // namespace
}  // namespace carillon::loadgen

int main(int argc, char** argv) {
  using namespace carillon::loadgen;
  try {
    const auto line = parse_command_line({argv + 1, argv + argc});
    if (!line.command) {
      std::fputs(line.text.c_str(), line.exit_code == exit_success ? stdout : stderr);
      return line.exit_code;
    }
    return std::visit([](const auto& options) { return run(options); }, *line.command);
  } catch (const Unreachable& error) {
    std::fputs(("carillon-loadgen: " + std::string{error.what()} + "\n").c_str(), stderr);
    return exit_unreachable;
  } catch (const std::exception& error) {
    std::fputs(("carillon-loadgen: " + std::string{error.what()} + "\n").c_str(), stderr);
    return exit_usage;
  }
}
