#pragma once

#include "carillon/engine/acknowledgement.hpp"

#include <utility>
#include <vector>

namespace carillon::engine::detail {

/// Collects acknowledgements and hands each sink its own in one call. One thread.
class AckBatch {
 public:
  void add(const AckRequest& request, Ack ack) {
    if (request.sink == nullptr) return;
    ack.token = request.token;
    entries_.push_back({request.sink, std::move(ack)});
  }

  void flush() noexcept {
    // Few sinks (one per network thread), many acks: one pass per sink.
    for (std::size_t first = 0; first < entries_.size(); ++first) {
      auto* sink = entries_[first].sink;
      if (sink == nullptr) continue;
      acks_.clear();
      for (std::size_t i = first; i < entries_.size(); ++i) {
        if (entries_[i].sink != sink) continue;
        acks_.push_back(std::move(entries_[i].ack));
        entries_[i].sink = nullptr;
      }
      sink->on_acks(acks_);
    }
    entries_.clear();
    acks_.clear();
  }

 private:
  struct Entry {
    AckSink* sink;
    Ack ack;
  };
  std::vector<Entry> entries_;
  std::vector<Ack> acks_;
};

}  // namespace carillon::engine::detail
