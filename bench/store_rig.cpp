#include "bench/store_rig.hpp"

#include "bench/bench_support.hpp"
#include "carillon/persistence/open_store.hpp"
#include "engine/src/event_access.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <system_error>
#include <utility>

namespace bench {
namespace {

namespace fs = std::filesystem;
using namespace carillon::engine;
using carillon::persistence::open_store;
using carillon::persistence::Store;

/// Empty if it is not set.
std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody writes it
  return value == nullptr ? std::string{} : std::string{value};
}

/// Where stores lie; removed at the end unless somebody chose the place.
class Place {
 public:
  Place() {
    const auto chosen = environment("CARILLON_BENCH_STORE_DIR");
    if (!chosen.empty()) {
      path_ = chosen;
      fs::create_directories(path_);
      return;
    }
    auto pattern = (fs::temp_directory_path() / "carillon-bench-store-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) give_up("can't make a directory like " + pattern);
    path_ = pattern;
    temporary_ = true;
  }
  ~Place() {
    std::error_code ignored;
    if (temporary_) fs::remove_all(path_, ignored);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  [[nodiscard]] const fs::path& path() const noexcept { return path_; }

 private:
  fs::path path_;
  bool temporary_ = false;
};

const Place& place() {
  static const Place made;
  return made;
}

std::unique_ptr<Store> opened(const std::string& url) {
  auto store = open_store({.url = url});
  if (!store) give_up("can't open " + url + ": " + store.error().text());
  return std::move(*store);
}

/// Whose events a store is filled with.
enum class Filling : std::uint8_t { users, large_inboxes };

void append(Store& store, std::uint64_t rows, Filling filling) {
  EventSource source{store.origin().first_sequence};
  std::vector<LogEntry> batch;
  for (std::uint64_t done = 0; done < rows; done += batch.size()) {
    source.fill(batch, std::min<std::uint64_t>(fill_batch, rows - done));
    for (std::size_t i = 0; i < batch.size(); i += 100)
      batch[i] = source.of(busy_user);
    if (filling == Filling::large_inboxes)
      for (std::size_t i = 1; i < batch.size(); i += 2)
        batch[i] = source.of(large_user);
    if (const auto committed = store.commit(batch); !committed)
      give_up("can't fill the store: " + committed.error().text());
  }
}

/// A closed RocksDB with this many events, made once.
fs::path filled(std::uint64_t rows, Filling filling = Filling::users) {
  const auto* const kind = filling == Filling::users ? "rows_" : "large_inboxes_";
  const auto path = place().path() / (kind + std::to_string(rows));
  const auto done = fs::path{path} += ".filled";
  if (fs::exists(done)) return path;
  fs::remove_all(path);
  append(*opened("rocksdb:" + path.string()), rows, filling);
  std::ofstream{done}.put('\n');
  return path;
}

/// Of the other store: what this process has written is all that it holds.
std::unique_ptr<Store> other_with(std::uint64_t rows) {
  static std::uint64_t written = 0;
  auto store = opened(environment("CARILLON_BENCH_STORE"));
  if (rows > written) {
    append(*store, rows - written, Filling::users);
    store.reset();  // whoever appends next needs sequences behind those
    store = opened(environment("CARILLON_BENCH_STORE"));
  }
  written = std::max(written, rows);
  return store;
}

}  // namespace

void give_up(const std::string& reason) {
  std::fprintf(stderr, "%s\n", reason.c_str());
  std::exit(1);  // NOLINT(concurrency-mt-unsafe): the temporary directory is removed
}

bool other_store() {
  return !environment("CARILLON_BENCH_STORE").empty();
}

std::uint64_t rows_for_reads() {
  const auto text = environment("CARILLON_BENCH_STORE_ROWS");
  std::uint64_t rows = 10'000'000;
  if (text.empty()) return rows;
  if (std::from_chars(text.data(), text.data() + text.size(), rows).ec != std::errc{})
    give_up("CARILLON_BENCH_STORE_ROWS must be a number");
  return rows;
}

LogEntry EventSource::of(std::uint64_t user) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kinds{
      {{"pattern", "deploy"},
       {"pattern", "undeploy"},
       {"connection", "connect"},
       {"connection", "disconnect"},
       {"kubernetes", "discover"},
       {"filter", "create"},
       {"view", "update"},
       {"view", "delete"},
       {"workspace", "share"},
       {"user", "sign_in"},
       {"component", "evaluate"},
       {"component", "register"}}};
  constexpr std::string_view digits = "0123456789abcdef";
  const auto chance = random();
  const auto put_hex = [&digits](std::string& out, std::uint64_t value) {
    for (int shift = 60; shift >= 0; shift -= 4)
      out += digits[(value >> static_cast<unsigned>(shift)) & 15U];
  };
  description_ = "Design ";
  put_hex(description_, random());
  description_ += " was applied";
  metadata_ = R"({"name":")";
  put_hex(metadata_, random());
  metadata_ += R"(","ms":)" + std::to_string(chance % 1'000) + "}";

  const auto& kind = kinds[chance % kinds.size()];
  auto built = detail::EventAccess::create(
      pool_, {.id = make_uuid_v7(),
              .owner = user_number(user),
              .system_id = user_number(random_users + 1),
              .operation_id = make_uuid_v4(),
              .acted_upon = user_number(random_users + 2 + (chance >> 32U) % 1'000),
              .category = kind.first,
              .action = kind.second,
              .description_json = description_,
              .metadata_json = metadata_,
              .severity = all_severities[(chance >> 16U) % severity_count]});
  auto* event = detail::EventAccess::take(built);
  LogEntry entry;
  entry.sequence = next_sequence();
  detail::EventAccess::sequence(
      *event, entry.sequence,
      std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now()));
  entry.bytes = static_cast<std::uint32_t>(event->footprint_bytes());
  entry.event = EventRef::adopt(event);
  return entry;
}

void EventSource::fill(std::vector<LogEntry>& batch, std::size_t count) {
  batch.clear();
  for (std::size_t i = 0; i < count; ++i)
    batch.push_back(of_random_user());
}

StoreInUse::~StoreInUse() {
  store_.reset();
  std::error_code ignored;
  if (!directory_.empty()) fs::remove_all(directory_, ignored);
}

fs::path new_directory() {
  auto pattern = (place().path() / "in_use_XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) give_up("can't make a directory like " + pattern);
  return pattern;
}

fs::path copy_of(const fs::path& from) {
  // RocksDB never writes into a table file again, so a copy may share them.
  auto to = new_directory();
  for (const auto& entry : fs::directory_iterator{from}) {
    if (entry.path().extension() == ".sst") {
      fs::create_hard_link(entry.path(), to / entry.path().filename());
    } else if (entry.is_regular_file()) {
      fs::copy_file(entry.path(), to / entry.path().filename());
    }
  }
  return to;
}

fs::path closed_store_with(std::uint64_t rows) {
  return rows == 0 ? new_directory() : copy_of(filled(rows));
}

StoreInUse store_with(std::uint64_t rows) {
  if (other_store()) return {other_with(rows), {}};
  auto directory = closed_store_with(rows);
  return {opened("rocksdb:" + directory.string()), directory};
}

StoreInUse store_with_large_inboxes() {
  if (other_store()) {
    static bool written = false;
    auto store = opened(environment("CARILLON_BENCH_STORE"));
    if (!written) append(*store, rows_for_reads(), Filling::large_inboxes);
    written = true;
    return {std::move(store), {}};
  }
  const auto directory = copy_of(filled(rows_for_reads(), Filling::large_inboxes));
  return {opened("rocksdb:" + directory.string()), directory};
}

}  // namespace bench
