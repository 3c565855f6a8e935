// Embedding Carillon: one user, one subscriber, one event. The README prints this.

#include "carillon/engine/broadcaster.hpp"

#include <iostream>

int main() {
  using namespace carillon::engine;

  const auto created = Broadcaster::create();
  if (!created) return 1;
  Broadcaster& broadcaster = **created;
  const UserId user = make_uuid_v7();

  int received = 0;  // counted on the shard's thread, which stop() joins
  const auto subscription = broadcaster.subscribe(user, [&received](const Event& event) {
    std::cout << event.json() << '\n';
    ++received;
  });

  auto event = broadcaster.event()
                   .from_user(user)
                   .with_category("pattern")
                   .with_action("deploy")
                   .with_severity(Severity::success)
                   .with_description("Pattern deployed")
                   .build();
  if (!event || broadcaster.publish(*event) != PublishStatus::accepted) return 1;

  broadcaster.stop();  // delivers what was accepted, then ends the subscription
  return received == 1 ? 0 : 1;
}
