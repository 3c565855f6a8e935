#pragma once

#include "tools/loadgen/publisher.hpp"

#include <memory>
#include <string>
#include <vector>

namespace carillon::loadgen {

/// Publishes many events in one request, as Carillon takes them: what is offered in one
/// turn of the loop leaves together. As JSON arrays, one at a time on a connection; or
/// as one request without an end whose lines are answered one by one.
[[nodiscard]] std::unique_ptr<PublishQueue> make_batch_publisher(Loop& loop,
                                                                 const PublishPlan& plan,
                                                                 const StampCodec& codec,
                                                                 PublisherHost& host,
                                                                 std::vector<Stream> streams,
                                                                 std::uint32_t connection,
                                                                 std::uint32_t window);

}  // namespace carillon::loadgen
