#include "persistence/src/rocks_log_tail.hpp"

#include "persistence/src/coding.hpp"
#include "persistence/src/rocks_log_format.hpp"

#include <algorithm>
#include <cstddef>

namespace carillon::persistence {
namespace {

constexpr std::size_t sector_bytes = 512;  // what a disk writes whole or not at all
// A batch as RocksDB writes it: sequence 8, count 4, little endian, and its writes. A note
// has tag 3 and a length.
constexpr std::size_t sequence_bytes = 8;
constexpr std::size_t batch_header_bytes = 12;
constexpr char note_tag = 3;
constexpr char note_mark = 'u';
constexpr std::size_t note_bytes = 1 + 8;
constexpr std::size_t start_bytes = batch_header_bytes + 2 + note_bytes;

bool is_zeros(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

/// What a batch's first `start_bytes` say, or all of it if it is shorter.
struct BatchStart {
  std::uint64_t sequence;
  std::uint64_t count;
  std::optional<std::uint64_t> unsynced_from;
};

std::optional<BatchStart> read_start(std::string_view batch) {
  if (batch.size() < batch_header_bytes) return {};
  BatchStart start{.sequence = little_endian(batch.substr(0, sequence_bytes)),
                   .count = little_endian(batch.substr(sequence_bytes, 4)),
                   .unsynced_from = {}};
  batch.remove_prefix(batch_header_bytes);
  if (batch.size() >= 2 + note_bytes && batch[0] == note_tag &&
      batch[1] == static_cast<char>(note_bytes) && batch[2] == note_mark)
    start.unsynced_from = get_fixed<8>(batch.data() + 3);
  return start;
}

bool is_known(LogRecordType type) {
  return type >= LogRecordType::whole && type <= LogRecordType::ends;
}

class Walk {
 public:
  explicit Walk(std::string_view log) : log_{log} {}

  LogTail run() {
    while (step()) {
    }
    const auto rest = log_.substr(tail_.end);
    tail_.is_blank = is_zeros(rest);
    tail_.durable = max_of_whole_;
    tail_.vouched = vouched_of_whole_;
    if (!tail_.is_blank) look_behind();
    return tail_;
  }

 private:
  [[nodiscard]] std::size_t left_in_block(std::size_t at) const {
    return std::min(log_block_bytes - at % log_block_bytes, log_.size() - at);
  }

  /// True while all is well.
  bool step() {
    if (at_ >= log_.size()) return false;
    const auto block = log_.substr(at_, left_in_block(at_));
    if (block.size() < log_header_bytes) {
      if (at_ + block.size() == log_.size()) return false;
      at_ += block.size();
      return true;
    }
    const auto bytes = log_record_bytes(block);
    const auto record = block.substr(0, bytes);
    if (bytes > block.size() || log_record_type(record) == LogRecordType::blank ||
        !has_its_checksum(record)) {
      tail_.is_torn = lacks_a_sector(at_, record.size());
      return false;
    }
    return take(record);
  }

  bool take(std::string_view record) {
    const auto type = log_record_type(record);
    const bool begins = type == LogRecordType::whole || type == LogRecordType::begins;
    if (!is_known(type) || begins == within_) return false;
    if (begins) start_.clear();
    add_to_start(record);
    at_ += record.size();
    within_ = type == LogRecordType::begins || type == LogRecordType::goes_on;
    if (within_) return true;
    const auto start = read_start(start_);
    if (!start) return false;
    tail_.end = at_;
    tail_.next_sequence = start->sequence + start->count;
    note(*start, max_of_whole_, vouched_of_whole_);
    return true;
  }

  void add_to_start(std::string_view record) {
    start_ += record.substr(log_header_bytes, start_bytes - start_.size());
  }

  static void note(const BatchStart& start, std::optional<std::uint64_t>& durable, bool& vouched) {
    durable = std::max(durable.value_or(0), start.unsynced_from.value_or(start.sequence));
    vouched = vouched || !start.unsynced_from;
  }

  /// Whether some sector's part of these bytes is zeros.
  [[nodiscard]] bool lacks_a_sector(std::size_t at, std::size_t bytes) const {
    for (const auto end = at + bytes; at < end;) {
      const auto next = std::min(end, (at / sector_bytes + 1) * sector_bytes);
      if (is_zeros(log_.substr(at, next - at))) return true;
      at = next;
    }
    return false;
  }

  /// Looks for beginnings of batches behind what is not whole. Where that is damaged its
  /// length says nothing, so a record may begin at any byte.
  void look_behind() {
    for (auto at = at_; at + log_header_bytes < log_.size();) {
      const auto record = record_at(at);
      const auto start = start_at(at, record);
      if (!start) {
        ++at;
        continue;
      }
      note(*start, tail_.durable_behind, tail_.vouched_behind);
      note(*start, tail_.durable, tail_.vouched);
      at += record.size();
    }
  }

  /// The sound record there; empty if there is none.
  [[nodiscard]] std::string_view record_at(std::size_t at) const {
    const auto block = log_.substr(at, left_in_block(at));
    if (block.size() < log_header_bytes || !is_known(log_record_type(block))) return {};
    const auto bytes = log_record_bytes(block);
    if (bytes > block.size()) return {};
    const auto record = block.substr(0, bytes);
    return has_its_checksum(record) ? record : std::string_view{};
  }

  /// Of the batch that this record begins; none if it begins none, or if too little of it is
  /// there to say: then it is not whole, and no more than what comes before it.
  std::optional<BatchStart> start_at(std::size_t at, std::string_view record) {
    if (record.empty()) return {};
    const auto type = log_record_type(record);
    if (type != LogRecordType::whole && type != LogRecordType::begins) return {};
    start_.clear();
    add_to_start(record);
    if (type == LogRecordType::begins && start_.size() < start_bytes) {
      const auto next = (at / log_block_bytes + 1) * log_block_bytes;
      const auto rest = next < log_.size() ? record_at(next) : std::string_view{};
      if (rest.empty()) return {};
      add_to_start(rest);
    }
    return read_start(start_);
  }

  const std::string_view log_;
  LogTail tail_;
  std::size_t at_ = 0;   // the next record,
  bool within_ = false;  // which goes on with a batch
  std::string start_;    // of that batch
  std::optional<std::uint64_t> max_of_whole_;
  bool vouched_of_whole_ = false;
};

}  // namespace

std::string unsynced_note(std::uint64_t first_sequence) {
  std::string note(1, note_mark);
  put_fixed<8>(note, first_sequence);
  return note;
}

LogTail find_tail(std::string_view log) {
  return Walk{log}.run();
}

rocksdb::Status find_ends(rocksdb::FileSystem& files, std::vector<LogFile>& logs) {
  std::vector<LogTail> tails;
  for (const auto& log : logs) {
    std::string bytes;
    if (auto read = rocksdb::ReadFileToString(&files, log.path, &bytes); !read.ok()) return read;
    tails.push_back(find_tail(bytes));
  }
  // From the newest on: what the newer logs say of the ones before.
  bool vouched = false;
  std::optional<std::uint64_t> durable;
  for (auto i = logs.size(); i-- > 0;) {
    const auto& tail = tails[i];
    const auto durable_behind = std::max(durable, tail.durable_behind);
    const bool was_durable =
        vouched || tail.vouched_behind ||
        (tail.next_sequence && durable_behind && *tail.next_sequence < *durable_behind);
    if (tail.is_blank || (tail.is_torn && !was_durable)) logs[i].bytes = tail.end;
    vouched = vouched || tail.vouched;
    durable = std::max(durable, tail.durable);
  }
  return {};
}

rocksdb::Status trim_logs(rocksdb::FileSystem& files, std::vector<LogFile>& logs) {
  auto ends = logs;
  if (auto found = find_ends(files, ends); !found.ok()) return found;
  for (std::size_t i = 0; i < logs.size(); ++i)
    if (ends[i].bytes < logs[i].bytes)
      if (auto cut = cut_log(files, ends[i].path, ends[i].bytes); !cut.ok()) return cut;
  std::erase_if(ends, [](const LogFile& log) { return log.bytes == 0; });
  logs = std::move(ends);
  return {};
}

}  // namespace carillon::persistence
