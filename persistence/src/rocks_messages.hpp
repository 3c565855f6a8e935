#pragma once

#include "carillon/engine/log.hpp"

#include <rocksdb/env.h>

#include <cstdarg>
#include <string>
#include <utility>

namespace carillon::persistence {

/// RocksDB's warnings and errors as lines of our log.
///
/// Instead of its own file LOG, which must not be: RocksDB 7.8 aborts the process when a line
/// of it follows one that the disk had no room for (EnvLogger goes on with a
/// WritableFileWriter that has seen an error; Debian builds RocksDB with its assertions).
///
/// Threads   Any.
class RocksMessages final : public rocksdb::Logger {
 public:
  /// `path`: of the store, which each line names.
  RocksMessages(engine::LogSink log, std::string path)
      : Logger{rocksdb::InfoLogLevel::WARN_LEVEL}, log_{std::move(log)}, path_{std::move(path)} {}

  void Logv(rocksdb::InfoLogLevel level, const char* format, va_list arguments) override;
  void Logv(const char* format, va_list arguments) override;
  void LogHeader(const char* format, va_list arguments) override;

 private:
  const engine::LogSink log_;
  const std::string path_;
};

}  // namespace carillon::persistence
