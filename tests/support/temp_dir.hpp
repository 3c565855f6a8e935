#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>

namespace carillon::testing {

/// A fresh folder of its own for a test, removed with all that is in it.
///
/// In memory (/dev/shm) where there is such a place with room, and TMPDIR says nothing
/// else: tests ask what is written and synced, not how long a disk takes for it. A
/// container often has 64 MiB there, less than one PostgreSQL.
class TempDir {
 public:
  TempDir() {
    auto pattern = (parent() / "carillon-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      throw std::runtime_error{"can't make a temporary folder like " + pattern};
    path_ = pattern;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] std::string operator/(const std::string& name) const {
    return (path_ / name).string();
  }

 private:
  static std::filesystem::path parent() {
    std::filesystem::path memory{"/dev/shm"};
    std::error_code unknown;
    constexpr std::uintmax_t room = std::uintmax_t{1} << 30U;
    const auto space = std::filesystem::space(memory, unknown);
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody writes the environment
    if (std::getenv("TMPDIR") == nullptr && !unknown && space.available >= room) return memory;
    return std::filesystem::temp_directory_path();
  }

  std::filesystem::path path_;
};

}  // namespace carillon::testing
