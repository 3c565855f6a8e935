#include "tools/loadgen/batch_publisher.hpp"

#include "tools/loadgen/connection.hpp"
#include "tools/loadgen/response_reader.hpp"
#include "tools/loadgen/wire.hpp"

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <iterator>
#include <utility>

namespace carillon::loadgen {
namespace {

/// A connection that collects what it transmits until the loop's turn is over.
class TurnPublisher : public PublishQueue, protected Connection {
 public:
  template <class... Arguments>
  explicit TurnPublisher(Loop& loop, Arguments&&... arguments)
      : PublishQueue{std::forward<Arguments>(arguments)...}, Connection{loop} {}

  void connect(const boost::asio::ip::tcp::endpoint& remote) override { open(remote, {}); }

 protected:
  /// Sends what add() collected, if it may be sent now.
  virtual void flush() = 0;
  virtual void add(const TemplateValues& values) = 0;
  virtual void on_response_end(unsigned status) = 0;

  void on_end(const std::string& why) override { take_end(why); }
  void on_bytes(std::string_view bytes) override {
    carry_.feed(bytes, [this](std::string_view all) {
      return response_.feed_all(all, [this](unsigned status, bool keep_alive) {
        if (status >= 200) on_response_end(status);
        if (!keep_alive)
          fail(fmt::format("the server closes its connection after an answer {}", status));
        return !closed();
      });
    });
  }

  void transmit(const TemplateValues& values) override {
    add(values);
    if (std::exchange(flush_due_, true)) return;
    boost::asio::post(loop().io, [this] {
      flush_due_ = false;
      if (!closed()) flush();
    });
  }

  void begin_request(std::string& out) const {
    append_head(out, plan_.method, plan_.url, plan_.headers, first_values());
    fmt::format_to(std::back_inserter(out), "Content-Type: {}\r\n", plan_.content_type);
  }
  virtual void on_body(std::string_view) {}

  ResponseReader response_{[this](std::string_view body) { on_body(body); }};

 private:
  Carry carry_;
  bool flush_due_ = false;
};

class ArrayPublisher final : public TurnPublisher {
 public:
  using TurnPublisher::TurnPublisher;

 private:
  void on_open() override { host_.publisher_ready(); }
  void add(const TemplateValues& values) override {
    body_ += body_.empty() ? '[' : ',';
    plan_.body.append_to(body_, values);
    ++collected_;
  }
  void flush() override {
    if (sent_ > 0 || collected_ == 0) return;
    body_ += ']';
    request_.clear();
    begin_request(request_);
    fmt::format_to(std::back_inserter(request_), "Content-Length: {}\r\n\r\n", body_.size());
    request_ += body_;
    body_.clear();
    sent_ = std::exchange(collected_, 0);
    send(request_);
  }
  void on_response_end(unsigned status) override {
    for (auto answers = std::exchange(sent_, 0); answers > 0; --answers)
      take_answer(status);
    flush();
  }

  std::string body_;
  std::string request_;
  std::size_t collected_ = 0;
  std::size_t sent_ = 0;
};

class LinePublisher final : public TurnPublisher {
 public:
  using TurnPublisher::TurnPublisher;

 private:
  void on_open() override {
    std::string request;
    begin_request(request);
    request += "Transfer-Encoding: chunked\r\n\r\n";
    send(request);
    host_.publisher_ready();
  }
  void add(const TemplateValues& values) override {
    plan_.body.append_to(lines_, values);
    lines_ += '\n';
  }
  void flush() override {
    if (lines_.empty()) return;
    chunk_.clear();
    fmt::format_to(std::back_inserter(chunk_), "{:x}\r\n{}\r\n", lines_.size(), lines_);
    lines_.clear();
    send(chunk_);
  }
  void on_body(std::string_view body) override {
    if (response_.status() > 299) return;
    results_.feed(body, [this](std::string_view all) {
      std::size_t taken = 0;
      for (;;) {
        const auto end = all.find('\n', taken);
        if (end == std::string_view::npos) return taken;
        const auto line = all.substr(taken, end - taken);
        taken = end + 1;
        take_answer(line.find(R"("error":)") == std::string_view::npos ? 200 : 400);
      }
    });
  }
  void on_response_end(unsigned status) override {
    fail(fmt::format("the server ended the stream with status {}", status));
  }

  std::string lines_;
  std::string chunk_;
  Carry results_;
};

}  // namespace

std::unique_ptr<PublishQueue> make_batch_publisher(Loop& loop,
                                                   const PublishPlan& plan,
                                                   const StampCodec& codec,
                                                   PublisherHost& host,
                                                   std::vector<Stream> streams,
                                                   std::uint32_t connection,
                                                   std::uint32_t window) {
  if (plan.batches == Batches::lines)
    return std::make_unique<LinePublisher>(loop, plan, codec, host, std::move(streams), connection,
                                           window);
  return std::make_unique<ArrayPublisher>(loop, plan, codec, host, std::move(streams), connection,
                                          window);
}

}  // namespace carillon::loadgen
