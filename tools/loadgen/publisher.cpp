#include "tools/loadgen/publisher.hpp"

#include "tools/loadgen/batch_publisher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace carillon::loadgen {

PublishQueue::PublishQueue(const PublishPlan& plan,
                           const StampCodec& codec,
                           PublisherHost& host,
                           std::vector<Stream> streams,
                           std::uint32_t connection,
                           std::uint32_t window)
    : plan_{plan},
      codec_{codec},
      host_{host},
      streams_{std::move(streams)},
      connection_{connection},
      window_{window} {
}

TemplateValues PublishQueue::first_values() const {
  return {.user = streams_.front().user_id,
          .user_index = streams_.front().user,
          .connection = connection_};
}

void PublishQueue::offer(std::int64_t intended_ns) {
  waiting_.push_back(intended_ns);
  send_next();
}

void PublishQueue::send_next() {
  while (!waiting_.empty() && in_flight_.size() < window_) {
    auto& stream = streams_[turn_];
    const Stamp stamp{.user = stream.user,
                      .stream = stream.index,
                      .number = stream.sent++,
                      .intended_ns = waiting_.front()};
    waiting_.pop_front();
    stamp_text_.clear();
    codec_.write(stamp, stamp_text_);
    if (plan_.answers()) in_flight_.push_back({stamp, turn_});
    transmit({.user = stream.user_id,
              .user_index = stream.user,
              .connection = connection_,
              .number = stamp.number,
              .stamp = stamp_text_,
              .padding = plan_.padding});
    turn_ = turn_ + 1 == streams_.size() ? 0 : turn_ + 1;
    if (!plan_.answers()) host_.answered(stamp, 200);
  }
}

void PublishQueue::take_answer(unsigned status) {
  if (in_flight_.empty()) throw std::runtime_error{"the server answered what nobody asked"};
  finish(0, status);
}

void PublishQueue::take_answer(const Stamp& stamp, unsigned status) {
  const auto found = std::find_if(in_flight_.begin(), in_flight_.end(), [&](const InFlight& event) {
    return event.stamp.user == stamp.user && event.stamp.number == stamp.number;
  });
  if (found != in_flight_.end())
    finish(static_cast<std::size_t>(std::distance(in_flight_.begin(), found)), status);
}

void PublishQueue::finish(std::size_t place, unsigned status) {
  const auto event = in_flight_[place];
  in_flight_.erase(in_flight_.begin() + static_cast<std::ptrdiff_t>(place));
  if (status < 200 || status > 299) streams_[event.stream].refused.push_back(event.stamp.number);
  host_.answered(event.stamp, status);
  send_next();
}

void PublishQueue::take_end(const std::string& why) {
  give_up();
  window_ = 0;  // nothing can be sent any more
  host_.publisher_ended(why);
}

std::uint64_t PublishQueue::drop_waiting() {
  const auto count = waiting_.size();
  waiting_.clear();
  return count;
}

void PublishQueue::give_up() {
  for (const auto& event : in_flight_)
    streams_[event.stream].unanswered.push_back(event.stamp.number);
  in_flight_.clear();
}

namespace {

class HttpPublisher final : public PublishQueue, private Connection {
 public:
  template <class... Arguments>
  explicit HttpPublisher(Loop& loop, Arguments&&... arguments)
      : PublishQueue{std::forward<Arguments>(arguments)...}, Connection{loop} {}

  void connect(const boost::asio::ip::tcp::endpoint& remote) override { open(remote, {}); }

 private:
  void transmit(const TemplateValues& values) override {
    body_.clear();
    plan_.body.append_to(body_, values);
    request_.clear();
    append_head(request_, plan_.method, plan_.url, plan_.headers, values);
    fmt::format_to(std::back_inserter(request_), "Content-Type: {}\r\nContent-Length: {}\r\n\r\n{}",
                   plan_.content_type, body_.size(), body_);
    send(request_);
  }

  void on_open() override { host_.publisher_ready(); }
  void on_end(const std::string& why) override { take_end(why); }
  void on_bytes(std::string_view bytes) override {
    carry_.feed(bytes, [this](std::string_view all) {
      return response_.feed_all(all, [this](unsigned status, bool keep_alive) {
        if (status >= 200) take_answer(status);
        if (!keep_alive)
          fail(fmt::format("the server closes its connection after an answer {}", status));
        return !closed();
      });
    });
  }

  ResponseReader response_{[](std::string_view) {}};
  Carry carry_;
  std::string body_;
  std::string request_;
};

class SocketPublisher final : public PublishQueue, private StreamClient {
 public:
  template <class... Arguments>
  explicit SocketPublisher(Loop& loop, Arguments&&... arguments)
      : PublishQueue{std::forward<Arguments>(arguments)...}, StreamClient{loop, true} {}

  void connect(const boost::asio::ip::tcp::endpoint& remote) override { open(remote, {}); }

 private:
  void transmit(const TemplateValues& values) override {
    body_.clear();
    plan_.body.append_to(body_, values);
    send_message(body_, plan_.binary);
  }

  [[nodiscard]] std::string opening_request(std::string_view key) const override {
    std::string request;
    append_upgrade(request, plan_.url, plan_.headers, plan_.subprotocol, key, first_values());
    return request;
  }
  void on_stream() override {
    for (const auto& message : plan_.messages)
      send_message(message.render(first_values()), plan_.binary);
    if (plan_.ready.empty()) become_ready();
  }
  void become_ready() {
    ready_ = true;
    host_.publisher_ready();
  }
  void on_end(const std::string& why) override { take_end(why); }
  void on_message(std::string_view message) override {
    if (!ready_) {
      if (message.find(plan_.ready) != std::string_view::npos) become_ready();
      return;
    }
    if (!plan_.answers() || message.find(plan_.answer) == std::string_view::npos) return;
    // An answer that is an error says so in all protocols that we know.
    const unsigned status = message.find(R"("error")") == std::string_view::npos ? 200 : 400;
    auto rest = message;
    if (const auto stamp = codec_.next(rest)) return take_answer(*stamp, status);
    // Without a stamp answers come in order, and several may share a message.
    for (auto at = message.find(plan_.answer); at != std::string_view::npos;
         at = message.find(plan_.answer, at + plan_.answer.size()))
      take_answer(status);
  }

  std::string body_;
  bool ready_ = false;
};

}  // namespace

std::unique_ptr<PublishQueue> make_publisher(Loop& loop,
                                             const PublishPlan& plan,
                                             const StampCodec& codec,
                                             PublisherHost& host,
                                             std::vector<Stream> streams,
                                             std::uint32_t connection,
                                             std::uint32_t window) {
  if (plan.url.websocket)
    return std::make_unique<SocketPublisher>(loop, plan, codec, host, std::move(streams),
                                             connection, window);
  if (plan.batches != Batches::none)
    return make_batch_publisher(loop, plan, codec, host, std::move(streams), connection, window);
  return std::make_unique<HttpPublisher>(loop, plan, codec, host, std::move(streams), connection,
                                         window);
}

}  // namespace carillon::loadgen
