#include "persistence/src/counters.hpp"

#include "persistence/src/coding.hpp"

#include <algorithm>

namespace carillon::persistence {

void Counters::add(const Counters& other) noexcept {
  for (std::size_t i = 0; i < lane_count; ++i)
    lanes[i] += other.lanes[i];
  last = std::max(last, other.last);
}

void append_counters(std::string& out, const Counters& counters) {
  put_varint(out, counters.last);
  for (std::size_t i = 0; i < Counters::lane_count; ++i) {
    if (counters.lanes[i] == 0) continue;
    out.push_back(static_cast<char>(i));
    put_varint(out, zigzag(counters.lanes[i]));
  }
}

bool add_encoded(Counters& into, std::string_view encoded) noexcept {
  const auto last = take_varint(encoded);
  if (!last) return false;
  into.last = std::max(into.last, *last);
  while (!encoded.empty()) {
    const auto lane = static_cast<std::size_t>(static_cast<unsigned char>(encoded.front()));
    encoded.remove_prefix(1);
    const auto value = take_varint(encoded);
    if (!value || lane >= Counters::lane_count) return false;
    into.lanes[lane] += unzigzag(*value);
  }
  return true;
}

bool add_counters(std::string& out, std::string_view a, std::string_view b) {
  Counters sum;
  if (!add_encoded(sum, a) || !add_encoded(sum, b)) return false;
  append_counters(out, sum);
  return true;
}

}  // namespace carillon::persistence
