#pragma once

#include "carillon/engine/acknowledgement.hpp"
#include "carillon/net/server_options.hpp"
#include "net/src/response.hpp"
#include "net/src/response_queue.hpp"

#include <string>

namespace carillon::net {

/// The answer to a publish or a change, once the engine has acknowledged it.
/// A published event's JSON is borrowed from the event, not copied.
class AckAnswer {
 public:
  /// All arguments must outlive it; `headers` is scratch space.
  AckAnswer(const ResponseSlot& slot,
            engine::Ack& ack,
            const ServerOptions& options,
            std::string& headers);

  [[nodiscard]] const ResponseView& view() const noexcept { return view_; }

 private:
  void answer_publish(const ResponseSlot& slot,
                      engine::Ack& ack,
                      const ServerOptions& options,
                      std::string& headers);
  void answer_change(const ResponseSlot& slot, const engine::Change& change);
  void own(Response response);

  Response owned_;
  ResponseView view_;
};

}  // namespace carillon::net
