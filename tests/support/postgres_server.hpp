#pragma once

#include "tests/support/temp_dir.hpp"

#include <fcntl.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace carillon::testing {

/// A PostgreSQL of its own in a temporary directory, on a Unix socket only, as an
/// unprivileged user. It ends with this object, or with the process however that
/// ends. Without fsync: no machine crashes here, and a server that was killed would
/// sync each of its thousand files before it answers again.
/// CARILLON_POSTGRES_BIN names another directory of programs.
class PostgresServer {
 public:
  PostgresServer() {
    if (::geteuid() == 0) {
      const auto* nobody = ::getpwnam("nobody");
      if (nobody == nullptr || ::chown(dir_.path().c_str(), nobody->pw_uid, nobody->pw_gid) != 0)
        throw std::runtime_error{"can't give a directory to the user nobody"};
    }
    const auto initdb = spawn({bin() + "/initdb", "--pgdata=" + data(), "--no-sync", "--auth=trust",
                               "--username=carillon", "--encoding=UTF8", "--locale=C.UTF-8"});
    if (wait_for(initdb) != 0) throw std::runtime_error{"initdb failed, see above"};
    start();
  }
  ~PostgresServer() {
    if (process_ > 0) stop(SIGQUIT);
  }
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  void start() {
    process_ = spawn({bin() + "/postgres", "-D", data(), "-k", socket_dir(), "-c",
                      "listen_addresses=", "-c", "shared_buffers=32MB", "-c", "fsync=off", "-c",
                      "max_connections=50", "-c", "logging_collector=off", "-c",
                      "dynamic_shared_memory_type=mmap", "-c", "log_min_messages=panic"});
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    while (PQping(url("postgres").c_str()) != PQPING_OK) {
      if (std::chrono::steady_clock::now() > deadline)
        throw std::runtime_error{"PostgreSQL does not start"};
      std::this_thread::sleep_for(std::chrono::milliseconds{5});  // it announces itself to nobody
    }
  }
  /// SIGQUIT: at once, without a checkpoint, as a crash does. SIGINT: in order.
  void stop(int signal) {
    ::kill(process_, signal);
    wait_for(process_);
    process_ = -1;
  }

  [[nodiscard]] std::string url(const std::string& database) const {
    std::string host;
    for (const char c : socket_dir())
      host += c == '/' ? std::string{"%2F"} : std::string(1, c);
    return "postgresql://carillon@/" + database + "?host=" + host;
  }
  /// A new database; its URL.
  std::string make_database() {
    const auto name = "test_" + std::to_string(++databases_);
    execute("postgres", "CREATE DATABASE " + name);
    return url(name);
  }

  /// Runs SQL; the first column of the first row, or nothing.
  std::string execute(const std::string& database, const std::string& sql) const {
    return execute_at(url(database), sql);
  }
  static std::string execute_at(const std::string& url, const std::string& sql) {
    const std::unique_ptr<PGconn, decltype(&PQfinish)> connection{PQconnectdb(url.c_str()),
                                                                  &PQfinish};
    const std::unique_ptr<PGresult, decltype(&PQclear)> result{
        PQexec(connection.get(), sql.c_str()), &PQclear};
    const auto status = PQresultStatus(result.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
      throw std::runtime_error{sql + ": " + PQerrorMessage(connection.get())};
    return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : std::string{};
  }

 private:
  static std::string bin() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody writes the environment
    const char* given = std::getenv("CARILLON_POSTGRES_BIN");
    return given != nullptr ? given : "/usr/lib/postgresql/15/bin";
  }
  [[nodiscard]] std::string data() const { return dir_ / "data"; }
  [[nodiscard]] std::string socket_dir() const { return dir_.path().string(); }

  /// PostgreSQL refuses to run as root.
  static pid_t spawn(std::vector<std::string> command) {
    if (::geteuid() == 0)
      command.insert(command.begin(), {"setpriv", "--reuid=nobody", "--regid=nogroup",
                                       "--clear-groups", "--pdeathsig=QUIT", "--"});
    std::vector<char*> arguments;
    for (auto& word : command)
      arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const auto process = ::fork();
    if (process != 0) return process;
    ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
    const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    ::dup2(nothing, STDIN_FILENO);
    ::dup2(nothing, STDOUT_FILENO);  // initdb's chatter; faults go to standard error
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  static int wait_for(pid_t process) {
    int status = 0;
    while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
  }

  TempDir dir_;
  pid_t process_ = -1;
  int databases_ = 0;
};

}  // namespace carillon::testing
