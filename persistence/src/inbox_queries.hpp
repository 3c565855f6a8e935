#pragma once

#include "carillon/engine/cursor.hpp"
#include "carillon/engine/inbox.hpp"
#include "carillon/engine/result.hpp"
#include "persistence/src/rows.hpp"

#include <optional>
#include <string>
#include <vector>

namespace carillon::persistence {

class ColumnsCache;

/// Store::list: from columns where the page would have to look at all of a large inbox.
[[nodiscard]] engine::Result<engine::EventPage> list_inbox(ColumnsCache& columns,
                                                           engine::Epoch epoch,
                                                           const engine::ListQuery& query);

/// The reads of Store, computed from rows of one moment. See store.hpp for what
/// they mean, README ("Cost of a read") for what they cost.
[[nodiscard]] engine::Result<std::string> read_event(const Rows& rows,
                                                     const engine::UserId& user,
                                                     const engine::EventId& id);
[[nodiscard]] engine::Result<std::optional<std::string>> read_published(const Rows& rows,
                                                                        const engine::UserId& owner,
                                                                        const engine::EventId& id);
[[nodiscard]] engine::Result<engine::Aggregate> read_aggregate(const Rows& rows,
                                                               const engine::UserId& user);
[[nodiscard]] engine::Result<std::vector<engine::Kind>> read_kinds(const Rows& rows,
                                                                   const engine::UserId& user);

}  // namespace carillon::persistence
