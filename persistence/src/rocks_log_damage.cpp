#include "persistence/src/rocks_log_damage.hpp"

#include <charconv>
#include <cstdint>
#include <string_view>

namespace carillon::persistence {

std::string damaged_log(rocksdb::FileSystem& /*files*/,
                        const rocksdb::Status& refusal,
                        const std::string& /*path*/) {
  const auto text = refusal.ToString();
  constexpr std::string_view mark = "log number: ";
  std::uint64_t number = 0;
  if (const auto at = text.find(mark); at != std::string::npos)
    std::from_chars(text.data() + at + mark.size(), text.data() + text.size(), number);
  return number == 0 ? std::string{} : log_name(number);
}

}  // namespace carillon::persistence
