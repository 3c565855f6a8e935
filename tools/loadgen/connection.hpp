#pragma once

#include "tools/loadgen/poller.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::loadgen {

using Clock = std::chrono::steady_clock;

[[nodiscard]] inline std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
      .count();
}

/// What all connections of the one thread share. Bytes are read into one buffer,
/// so that an idle connection costs no buffer of its own.
struct Loop {
  boost::asio::io_context io{1};
  Poller poller{io};
  std::vector<char> read_buffer = std::vector<char>(std::size_t{256} * 1024);
  std::int64_t read_at_ns = 0;  ///< when the bytes that are being handled were read
};

/// A TCP connection that is read as soon as bytes are there.
///
/// Threads   The loop's thread.
/// Lifetime  Outlives the run of the loop: handlers hold `this`.
class Connection : private Pollable {
 public:
  explicit Connection(Loop& loop) : loop_{loop}, socket_{loop.io} {}
  virtual ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// `local`: the address to come from, where one has too few ports. Again after
  /// a close(), but not from within on_open() or on_bytes(), nor before on_open().
  void open(const boost::asio::ip::tcp::endpoint& remote,
            const std::optional<boost::asio::ip::address>& local);
  void close();
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] std::int64_t opened_ns() const { return opened_ns_; }

 protected:
  /// Sends at once what the socket takes, the rest when it can.
  void send(std::string_view bytes);
  [[nodiscard]] Loop& loop() { return loop_; }
  /// Ends the connection for a reason of ours; on_end() gets it.
  void fail(const std::string& why);

  virtual void on_open() = 0;
  /// May throw: the exception's text ends the connection.
  virtual void on_bytes(std::string_view bytes) = 0;
  /// Once, not after close().
  virtual void on_end(const std::string& why) = 0;

 private:
  void on_connected();
  void on_ready(bool writable) final;
  void read();
  void write_on();
  void fail_later(int error);

  Loop& loop_;
  boost::asio::ip::tcp::socket socket_;  // until it is connected
  int descriptor_ = -1;                  // from then on
  std::string unsent_;
  std::int64_t opened_ns_ = 0;
  bool closed_ = false;
};

}  // namespace carillon::loadgen
