#pragma once

#include <string>
#include <vector>

namespace carillon::loadgen {

/// One page with tables and plots of runs (to_json()), the first being the
/// baseline of the others. It needs nothing but itself: no network, no files.
/// Throws std::invalid_argument that names, by `names`, what is no run.
[[nodiscard]] std::string to_html(const std::vector<std::string>& runs,
                                  const std::vector<std::string>& names);

}  // namespace carillon::loadgen
