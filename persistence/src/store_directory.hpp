#pragma once

#include "carillon/engine/result.hpp"

#include <cstdint>
#include <string>
#include <utility>

namespace carillon::persistence {

/// The file by which a store's directory is locked. It stays when the store is closed.
inline constexpr const char* store_lock_name = "carillon.lock";

/// A store's directory, made if absent and locked against a second store, in
/// this process or another, until destruction.
class StoreDirectory {
 public:
  [[nodiscard]] static engine::Result<StoreDirectory> open(const std::string& path);
  ~StoreDirectory();
  StoreDirectory(StoreDirectory&& other) noexcept
      : path_{std::move(other.path_)}, lock_{std::exchange(other.lock_, -1)} {}
  StoreDirectory(const StoreDirectory&) = delete;
  StoreDirectory& operator=(const StoreDirectory&) = delete;
  StoreDirectory& operator=(StoreDirectory&&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  /// Whether the disk takes `bytes` and syncs them: writes a file and removes it.
  [[nodiscard]] engine::Result<void> probe(std::uint64_t bytes) const;

 private:
  StoreDirectory(std::string path, int lock) noexcept : path_{std::move(path)}, lock_{lock} {}

  std::string path_;
  int lock_ = -1;
};

}  // namespace carillon::persistence
