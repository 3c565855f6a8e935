#pragma once

#include "carillon/engine/cursor.hpp"
#include "carillon/engine/ids.hpp"
#include "carillon/persistence/store.hpp"

namespace carillon::persistence {

/// What a store is given when it is made: 48 random bits, and two random UUIDs.
[[nodiscard]] inline engine::Epoch new_epoch() noexcept {
  return engine::hash_uuid(engine::make_uuid_v4()) >> 16U;
}
[[nodiscard]] inline StoreIdentity new_identity() noexcept {
  return {.system_id = engine::make_uuid_v4(), .local_user = engine::make_uuid_v4()};
}

}  // namespace carillon::persistence
