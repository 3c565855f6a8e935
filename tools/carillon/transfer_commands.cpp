// export, import: a store as lines of JSON, and back.

#include "carillon/persistence/open_store.hpp"
#include "carillon/persistence/transfer.hpp"
#include "tools/carillon/commands.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <system_error>

namespace carillon::client {
namespace {

using engine::Errc;
using persistence::TransferCounts;

std::string shown(const TransferCounts& counts) {
  return fmt::format("{} events, {} broadcasts, {} marks of broadcasts", counts.events,
                     counts.broadcasts, counts.marks);
}

int refuse(const std::string& why) {
  fmt::print(stderr, "carillon: {}\n", printable(why));
  return exit_refused;
}

/// Reads on from where it is, a line at a time.
class LineFile {
 public:
  explicit LineFile(std::istream& in) : in_{in} {}

  std::optional<std::string_view> next() {
    if (!std::getline(in_, line_)) return std::nullopt;
    std::string_view text{line_};
    if (text.ends_with('\r')) text.remove_suffix(1);
    return text;
  }
  [[nodiscard]] bool failed() const { return in_.bad(); }

 private:
  std::istream& in_;
  std::string line_;
};

int report(const persistence::ImportReport& report, const std::string& store) {
  fmt::print("imported into {}: {}; known already and left as they were: {}\n", store,
             shown(report.imported), shown(report.known));
  fmt::print("sequences are {}; the store has a new epoch\n",
             report.sequences_kept ? "those of the file" : "new ones, in the order of the file");
  if (report.bad_lines > 0) {
    fmt::print(stderr, "carillon: {} of {} lines were bad and left out\n", report.bad_lines,
               report.lines);
    return exit_refused;
  }
  if (!report.complete) {
    fmt::print(stderr,
               "carillon: the file is not whole: its last line is missing, or counts other lines "
               "than there are\n");
    return exit_refused;
  }
  return exit_success;
}

}  // namespace

int export_store(const TransferOptions& options) {
  persistence::ExportOptions wanted{.store = options.store};
  if (!options.user.empty()) {
    wanted.only_user = engine::parse_uuid(options.user);
    if (!wanted.only_user) {
      fmt::print(stderr, "carillon: --user must be a UUID\n");
      return exit_usage;
    }
  }
  const auto exported = persistence::export_store(wanted, [](std::string_view line) {
    return std::fwrite(line.data(), 1, line.size(), stdout) == line.size() &&
           std::fputc('\n', stdout) != EOF;
  });
  if (!exported) return refuse(exported.error().text());
  if (std::fflush(stdout) != 0)
    return refuse("The export can't be written: " + std::generic_category().message(errno));
  fmt::print(stderr, "carillon: exported {}\n", shown(*exported));
  return exit_success;
}

int import_store(const TransferOptions& options) {
  std::ifstream file;
  const bool from_input = options.file == "-";
  if (!from_input) {
    file.open(options.file, std::ios::binary);
    if (!file) return refuse(options.file + " can't be read");
  }
  LineFile lines{from_input ? std::cin : file};
  const auto imported = persistence::import_store(
      {.store = options.store, .keep_going = options.keep_going}, [&lines] { return lines.next(); },
      [&options](std::uint64_t line, const std::string& what) {
        fmt::print(stderr, "{}:{}: {}\n", options.file, line, printable(what));
      });
  if (lines.failed()) return refuse(options.file + " can't be read to its end");
  if (!imported) return refuse(imported.error().text());
  return report(*imported, persistence::shown_store_url(options.store));
}

}  // namespace carillon::client
