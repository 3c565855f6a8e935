#include "net/src/media_type.hpp"

#include "net/src/request.hpp"
#include "net/src/response.hpp"

#include <algorithm>

namespace carillon::net {
namespace {

/// Cuts off and returns what stands before the next `separator`.
std::string_view next_item(std::string_view& rest, char separator) noexcept {
  const auto end = std::min(rest.find(separator), rest.size());
  const auto item = trim(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return item;
}

/// Of the parameters of one media range: whether they hold `q=0`, `q=0.000` …
bool is_excluded(std::string_view parameters) noexcept {
  while (!parameters.empty()) {
    const auto parameter = next_item(parameters, ';');
    if (parameter.size() < 3 || !equal_ignoring_case(parameter.substr(0, 2), "q=")) continue;
    return parameter.substr(2).find_first_not_of("0.") == std::string_view::npos;
  }
  return false;
}

/// How exactly a range names the type: 0 not at all, 1 `*/*`, 2 `type/*`, 3 itself.
int specificity(std::string_view range, std::string_view type) noexcept {
  if (equal_ignoring_case(range, type)) return 3;
  if (range == "*/*") return 1;
  const auto slash = type.find('/');
  const bool any_subtype = range.size() == slash + 2 && range.ends_with("/*");
  return any_subtype && equal_ignoring_case(range.substr(0, slash), type.substr(0, slash)) ? 2 : 0;
}

struct Verdict {
  int specificity = 0;
  bool allowed = false;
};

Verdict judge(std::string_view accept, std::string_view type) noexcept {
  Verdict verdict;
  while (!accept.empty()) {
    auto parameters = next_item(accept, ',');
    const auto range = next_item(parameters, ';');
    const int found = specificity(range, type);
    if (found > verdict.specificity) verdict = {found, !is_excluded(parameters)};
  }
  return verdict;
}

}  // namespace

bool accepts(std::string_view accept, std::string_view type) noexcept {
  return trim(accept).empty() || judge(accept, type).allowed;
}

bool accepts_explicitly(std::string_view accept, std::string_view type) noexcept {
  const auto verdict = judge(accept, type);
  return verdict.specificity == 3 && verdict.allowed;
}

bool is_json(std::string_view content_type) noexcept {
  return equal_ignoring_case(next_item(content_type, ';'), json_type);
}

bool is_ndjson(std::string_view content_type) noexcept {
  return equal_ignoring_case(next_item(content_type, ';'), ndjson_type);
}

}  // namespace carillon::net
