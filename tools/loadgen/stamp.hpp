#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::loadgen {

/// What an event carries through the server, whatever the server's format: a
/// text of fixed length without a character that JSON or a URL would escape.
struct Stamp {
  std::uint32_t user = 0;        ///< index of the user that it was published for
  std::uint32_t stream = 0;      ///< index of the publishing connection among that user's
  std::uint64_t number = 0;      ///< 0, 1, 2, … in its stream
  std::int64_t intended_ns = 0;  ///< when it should have been sent, steady clock
};

/// Writes and finds the stamps of one run; those of another run are not seen.
class StampCodec {
 public:
  explicit StampCodec(std::uint32_t run);

  void write(const Stamp& stamp, std::string& out) const;

  /// The first stamp in `text`; removes everything up to its end from `text`.
  [[nodiscard]] std::optional<Stamp> next(std::string_view& text) const;

 private:
  std::string mark_;
};

}  // namespace carillon::loadgen
