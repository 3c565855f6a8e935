#pragma once

#include "tests/support/postgres_server.hpp"

namespace carillon::testing {

/// The server of this test program, started by its first use.
PostgresServer& shared_postgres();

}  // namespace carillon::testing
