#include "carillon/persistence/transfer.hpp"

#include "persistence/src/import_line.hpp"
#include "persistence/src/import_target.hpp"
#include "persistence/src/offline_store.hpp"
#include "persistence/src/postgres_export.hpp"
#include "persistence/src/postgres_import.hpp"
#include "persistence/src/postgres_url.hpp"
#include "persistence/src/rocks_export.hpp"
#include "persistence/src/rocks_import.hpp"

#include <algorithm>
#include <exception>
#include <utility>

namespace carillon::persistence {
namespace {

using engine::Errc;
using engine::Error;
using engine::Result;

constexpr std::size_t items_of_a_batch = 1'000;

std::string path_of(const std::string& store) {
  constexpr std::string_view scheme = "rocksdb:";
  return store.starts_with(scheme) ? store.substr(scheme.size()) : store;
}

Result<std::unique_ptr<ImportTarget>> open_target(const std::string& store) {
  if (store == "memory:")
    return Error{Errc::invalid_argument,
                 "The store memory: ends with its process; import into rocksdb:PATH or "
                 "postgresql://…"};
  if (is_postgres_url(store)) return PostgresImport::open(store);
  return RocksImport::open(path_of(store));
}

/// One import from the first line to the last.
class Import {
 public:
  Import(const ImportOptions& options, const NextLine& next, const OnBadLine& on_bad_line)
      : options_{options}, next_{next}, on_bad_line_{on_bad_line} {}

  [[nodiscard]] Result<ImportReport> run() {
    if (auto begun = begin(); !begun) return begun.error();
    while (const auto line = next_()) {
      ++report_.lines;
      if (line->empty()) continue;
      if (auto done = take(*line); !done) return stop(done.error());
    }
    if (auto put = put_items(); !put) return stop(put.error());
    if (auto finished = target_->finish(); !finished) return finished.error();
    report_.complete = end_ && *end_ == found_ && report_.bad_lines == 0;
    return report_;
  }

 private:
  [[nodiscard]] Result<void> begin() {
    const auto line = next_();
    ++report_.lines;
    const auto first = line ? reader_.read(*line) : Result<ImportLine>{Errc::invalid_argument};
    if (!first || !std::holds_alternative<ExportHeader>(*first)) {
      const auto what = first || first.error().message.empty()
                            ? "is not the first line of an export ({\"carillon\":\"export\",…})"
                            : first.error().text();
      on_bad_line_(1, what);
      return Error{Errc::invalid_argument, "This is no export: line 1 " + what};
    }
    header_ = std::get<ExportHeader>(*first);
    auto target = open_target(options_.store);
    if (!target) return target.error();
    target_ = std::move(*target);
    const auto kept = target_->begin(header_);
    if (!kept) return kept.error();
    report_.sequences_kept = *kept;
    return {};
  }

  [[nodiscard]] Result<void> take(std::string_view text) {
    auto line = reader_.read(text);
    if (!line) return reject(report_.lines, line.error().text());
    if (end_) return reject(report_.lines, "comes behind the last line of the export");
    if (const auto* end = std::get_if<TransferCounts>(&*line)) {
      end_ = *end;
      return {};
    }
    if (std::holds_alternative<ExportHeader>(*line))
      return reject(report_.lines, "is the first line of another export: import that by itself");
    if (auto* event = std::get_if<ImportedEvent>(&*line)) {
      if (std::max(event->sequence, event->change.value_or(0)) > header_.last_sequence)
        return reject(report_.lines, "has a sequence above the lastSequence of line 1");
      const bool broadcast = event->event->audience() == engine::Audience::everyone;
      ++(broadcast ? found_.broadcasts : found_.events);
      items_.push_back({.line = report_.lines, .what = std::move(*event)});
    } else {
      auto& mark = std::get<ExportedMark>(*line);
      if (mark.change.value_or(0) > header_.last_sequence)
        return reject(report_.lines, "has a sequence above the lastSequence of line 1");
      ++found_.marks;
      items_.push_back({.line = report_.lines, .what = mark});
    }
    return items_.size() < items_of_a_batch ? Result<void>{} : put_items();
  }

  [[nodiscard]] Result<void> put_items() {
    if (items_.empty()) return {};
    const auto outcomes = target_->put(items_);
    if (!outcomes) return outcomes.error();
    Result<void> done;
    for (std::size_t i = 0; i < items_.size() && done; ++i)
      done = count(items_[i], (*outcomes)[i]);
    items_.clear();
    return done;
  }

  [[nodiscard]] Result<void> count(const ImportItem& item, ImportOutcome outcome) {
    if (outcome == ImportOutcome::no_broadcast)
      return reject(item.line,
                    "marks a broadcast that is neither in the store nor before it in the file");
    auto& counts = outcome == ImportOutcome::imported ? report_.imported : report_.known;
    const auto* event = std::get_if<ImportedEvent>(&item.what);
    if (event == nullptr) {
      ++counts.marks;
    } else {
      const bool broadcast = event->event->audience() == engine::Audience::everyone;
      ++(broadcast ? counts.broadcasts : counts.events);
    }
    return {};
  }

  [[nodiscard]] Result<void> reject(std::uint64_t line, const std::string& what) {
    ++report_.bad_lines;
    on_bad_line_(line, what);
    if (options_.keep_going) return {};
    return Error{Errc::invalid_argument,
                 "The import stopped at line " + std::to_string(line) + ", which " + what};
  }

  /// What came before the line that ended the import is kept, where that can be.
  [[nodiscard]] Error stop(const Error& reason) {
    if (reason.code == make_error_code(Errc::invalid_argument) &&
        !is_postgres_url(options_.store)) {
      if (!items_.empty()) static_cast<void>(target_->put(items_));
      static_cast<void>(target_->finish());
    }
    return reason;
  }

  const ImportOptions& options_;
  const NextLine& next_;
  const OnBadLine& on_bad_line_;
  ImportReader reader_;
  std::unique_ptr<ImportTarget> target_;
  ExportHeader header_;
  std::vector<ImportItem> items_;
  TransferCounts found_;
  std::optional<TransferCounts> end_;
  ImportReport report_;
};

}  // namespace

Result<SequenceShift> SequenceShift::choose(std::optional<engine::Sequence> known,
                                            bool empty,
                                            engine::Sequence reserved,
                                            engine::Sequence last_of_file) {
  SequenceShift shift;
  shift.offset = known ? *known : (empty ? 0 : reserved);
  if (last_of_file > engine::sequence_max - shift.offset)
    return Error{Errc::invalid_argument,
                 "The store has not enough sequences left for those of the file; import into an "
                 "empty one"};
  shift.reserved_until = std::max(reserved, shift.offset + last_of_file);
  return shift;
}

Result<TransferCounts> export_store(const ExportOptions& options, const WriteLine& write) {
  try {
    if (is_postgres_url(options.store)) return export_postgres(options, write);
    const auto opened = OfflineStore::open(path_of(options.store));
    if (!opened) return opened.error();
    if (auto known = opened->check_schema(); !known) return known.error();
    return export_rocks(*opened, options.only_user, write);
  } catch (const std::exception& thrown) {
    return Error{Errc::unavailable, std::string{"While exporting: "} + thrown.what()};
  }
}

Result<ImportReport> import_store(const ImportOptions& options,
                                  const NextLine& next,
                                  const OnBadLine& on_bad_line) {
  try {
    return Import{options, next, on_bad_line}.run();
  } catch (const std::exception& thrown) {
    return Error{Errc::unavailable, std::string{"While importing: "} + thrown.what()};
  }
}

}  // namespace carillon::persistence
