#pragma once

#include <cstdint>
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

/// REQUIRES that `kind` sorts behind those already there.
void append_kind(std::string& out, std::string_view kind, std::int64_t count);
/// Takes the first one off `encoded`; nullopt if the bytes make no sense. REQUIRES some.
[[nodiscard]] std::optional<KindCount> take_kind(std::string_view& encoded) noexcept;
/// The sum of both, without kinds that have become 0, behind `out`; false as above.
[[nodiscard]] bool add_kinds(std::string& out, std::string_view a, std::string_view b);

}  // namespace carillon::persistence
