#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::persistence {

/// The kinds of one user as one row of bytes: "category NUL action" and a signed number of
/// events each, ascending by text. What a commit adds to such a row has the same form.
struct KindCount {
  std::string_view kind;
  std::int64_t count = 0;
};

/// Sums of kinds, by "category NUL action".
using KindSums = std::map<std::string, std::int64_t, std::less<>>;

/// REQUIRES that `kind` sorts behind those already there.
void append_kind(std::string& out, std::string_view kind, std::int64_t count);
/// Takes the first one off `encoded`; nullopt if the bytes make no sense. REQUIRES some.
[[nodiscard]] std::optional<KindCount> take_kind(std::string_view& encoded) noexcept;
/// The sum of both, without kinds that have become 0, behind `out`; false as above.
[[nodiscard]] bool add_kinds(std::string& out, std::string_view a, std::string_view b);
/// The row, or addition to it, that says these.
void append_kinds(std::string& out, const KindSums& kinds);
void add_kind(KindSums& into, std::string_view kind, std::int64_t count);
/// Adds a row to `into`; false as above.
[[nodiscard]] bool add_kinds(KindSums& into, std::string_view row);

}  // namespace carillon::persistence
