#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace carillon::testing {

/// A client's end of a TCP connection to 127.0.0.1, as raw as a test needs it.
/// Every wait has a deadline; what fails throws, which fails the test.
class StreamSocket {
 public:
  static constexpr std::chrono::seconds deadline{20};

  /// `receive_bytes` bounds what the kernel takes while the test does not read.
  explicit StreamSocket(std::uint16_t port, int receive_bytes = 0);
  ~StreamSocket();
  StreamSocket(StreamSocket&& other) noexcept;
  StreamSocket& operator=(StreamSocket&&) = delete;
  StreamSocket(const StreamSocket&) = delete;
  StreamSocket& operator=(const StreamSocket&) = delete;

  void close();
  /// Closes with a reset instead of the orderly end.
  void reset();
  void finish_sending();

  void send(std::string_view bytes);

  /// Exactly `count` bytes; throws if the connection ends before.
  std::string read(std::size_t count);
  /// Up to and with `delimiter`.
  std::string read_until(std::string_view delimiter);
  /// All up to the end of the connection.
  std::string read_all();
  [[nodiscard]] bool at_end();

 private:
  [[nodiscard]] std::string_view buffered() const;
  std::string take(std::size_t count);
  // False at the end of the connection, orderly or not.
  bool fill();
  void wait(short events) const;

  int descriptor_;
  std::string buffer_;
  std::size_t begin_ = 0;
};

}  // namespace carillon::testing
