#include "tools/carillon/commands.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <functional>
#include <string>

namespace carillon::client {
namespace {

/// All options of all subcommands, and the one that was asked for.
struct CommandLine {
  Common common;
  PublishOptions publish;
  TailOptions tail;
  ListOptions list;
  MarkOptions mark;
  DeleteOptions remove;
  BackupOptions backup;
  VerifyOptions verify;
  TransferOptions transfer;
  std::function<int()> command;
};

void add_common(CLI::App& app, Common& common) {
  auto& endpoint = common.endpoint;
  app.add_option("--url", endpoint.url, "the server")
      ->envname("CARILLON_URL")
      ->capture_default_str();
  app.add_option("--token", endpoint.token, "bearer token")->envname("CARILLON_TOKEN");
  app.add_option("--user", endpoint.user, "act as this user (UUID), where the server allows it")
      ->envname("CARILLON_USER");
  app.add_option_function<std::string>(
         "--output",
         [&common](const std::string& word) {
           common.output = word == "json" ? Output::json : Output::table;
         },
         "for people, or for programs [table]")
      ->check(CLI::IsMember{{"table", "json"}});
}

void add_filter(CLI::App& app, FilterOptions& filter) {
  const auto repeated = [&app](const char* name, std::vector<std::string>& values,
                               const char* help) {
    app.add_option(name, values, help)->allow_extra_args(false);
  };
  repeated("--category", filter.categories, "only this category; may be repeated");
  repeated("--action", filter.actions, "only this action; may be repeated");
  repeated("--severity", filter.severities, "only this severity; may be repeated");
  repeated("--acted-upon", filter.acted_upon,
           "only events of this resource (UUID); may be repeated");
  app.add_option("--status", filter.status, "only read or unread events");
  app.add_option("--search", filter.search, "only events whose description contains this");
  app.add_option("--from", filter.from, "created at or after (RFC 3339)");
  app.add_option("--to", filter.to, "created before or at (RFC 3339)");
}

void add_publish(CLI::App& app, CommandLine& line) {
  auto& options = line.publish;
  auto* command = app.add_subcommand("publish", "publish one event");
  auto* fields = command->add_option_group("fields", "the event, field by field");
  auto* category = fields->add_option("--category", options.category, "snake_case, required");
  auto* action = fields->add_option("--action", options.action, "snake_case, required");
  category->needs(action);
  action->needs(category);
  for (auto* option : {
           fields->add_option("--severity", options.severity, "how bad it is")
               ->capture_default_str(),
           fields->add_option("--description", options.description, "for people"),
           fields->add_option("--metadata", options.metadata, "a JSON object"),
           fields->add_option("--acted-upon", options.acted_upon, "UUID of the resource"),
           fields->add_option("--owner", options.owner, "UUID of the user that it is for"),
           fields->add_option("--id", options.id, "UUID, so that a second try is no second event"),
       })
    option->needs(category);
  command->add_option("--file", options.file, "the event as JSON; - is standard input")
      ->excludes(category);
  command->add_flag("--async", options.async, "do not wait until it is durable");
  command->callback([&line] {
    if (line.publish.file.empty() && line.publish.category.empty())
      throw CLI::RequiredError{"--category and --action, or --file"};
    line.command = [&line] { return publish(line.common, line.publish); };
  });
}

void add_inbox_commands(CLI::App& app, CommandLine& line) {
  auto* listing = app.add_subcommand("list", "show a page of the inbox");
  add_filter(*listing, line.list.filter);
  listing->add_option("--page", line.list.page, "0 is the first")->capture_default_str();
  listing->add_option("--page-size", line.list.page_size, "a number, or all")
      ->capture_default_str();
  listing->add_option("--sort", line.list.sort, "created_at or updated_at")->capture_default_str();
  listing->add_option("--order", line.list.order, "asc or desc")->capture_default_str();
  listing->callback([&line] { line.command = [&line] { return list(line.common, line.list); }; });

  auto* marking = app.add_subcommand("mark", "mark events as read or unread");
  marking->add_option("ID", line.mark.ids, "the events")->required();
  marking->add_option("--status", line.mark.status, "read or unread")
      ->required()
      ->check(CLI::IsMember{{"read", "unread"}});
  marking->callback([&line] { line.command = [&line] { return mark(line.common, line.mark); }; });

  auto* deleting = app.add_subcommand("delete", "delete events");
  deleting->add_option("ID", line.remove.ids, "the events")->required();
  deleting->callback(
      [&line] { line.command = [&line] { return remove(line.common, line.remove); }; });
}

void add_tail(CLI::App& app, CommandLine& line) {
  auto* command = app.add_subcommand("tail", "show events as they come");
  add_filter(*command, line.tail.filter);
  command->add_option("--count", line.tail.count, "end after so many events; 0: never")
      ->capture_default_str();
  command->callback([&line] { line.command = [&line] { return tail(line.common, line.tail); }; });
}

void add_backup_commands(CLI::App& app, CommandLine& line) {
  auto& options = line.backup;
  auto* saving = app.add_subcommand("backup", "copy the RocksDB store of a server, while it runs");
  saving->add_option("DIR", options.backup, "new directory, as the server's machine names it: /…")
      ->required();
  saving
      ->add_option("--data-dir", options.data_dir,
                   "of a server that does not run: its data_dir, and no server is asked")
      ->envname("CARILLON_DATA_DIR");
  saving->callback(
      [&line] { line.command = [&line] { return backup(line.common, line.backup); }; });

  auto* restoring =
      app.add_subcommand("restore", "make a store from a backup, where there is none");
  restoring->add_option("DIR", options.backup, "directory of the backup")->required();
  restoring->add_option("--data-dir", options.data_dir, "of the server that shall have the store")
      ->envname("CARILLON_DATA_DIR")
      ->required();
  restoring->callback([&line] { line.command = [&line] { return restore(line.backup); }; });
}

void add_store_commands(CLI::App& app, CommandLine& line) {
  auto* verifying = app.add_subcommand("verify-store", "check a store, or a backup, row by row");
  verifying
      ->add_option(
          "STORE", line.verify.store,
          "directory of a store, a backup or a server that does not run, or postgresql://…")
      ->required();
  verifying->footer("Exit codes: 0 sound, 1 faults were found, 2 the store can't be opened.");
  verifying->callback([&line] { line.command = [&line] { return verify_store(line.verify); }; });

  auto& transfer = line.transfer;
  const auto add_store = [&transfer](CLI::App& command) {
    command
        .add_option("--store", transfer.store,
                    "rocksdb:PATH or a directory, without a server, or postgresql://…")
        ->envname("CARILLON_STORE")
        ->required();
  };
  auto* exporting =
      app.add_subcommand("export", "write a store to standard output, one JSON object a line");
  add_store(*exporting);
  exporting->add_option("--user", transfer.user, "only this user's inbox (UUID)");
  exporting
      ->add_option_function<std::string>(
          "--format", [](const std::string&) {}, "ndjson, the only one there is")
      ->check(CLI::IsMember{{"ndjson"}});
  exporting->callback([&line] { line.command = [&line] { return export_store(line.transfer); }; });

  auto* importing = app.add_subcommand("import", "put what was exported into a store");
  importing->add_option("FILE", transfer.file, "what export wrote; - is standard input")
      ->required();
  add_store(*importing);
  importing->add_flag("--keep-going", transfer.keep_going,
                      "leave bad lines out, naming each, instead of stopping at the first");
  importing->callback([&line] { line.command = [&line] { return import_store(line.transfer); }; });
}

int run(int argc, char** argv) {
  CommandLine line;
  CLI::App app{"Carillon's client: publishes, shows and changes a user's events.", "carillon"};
  app.set_version_flag("--version", "carillon " CARILLON_VERSION);
  app.footer("Exit codes: 0 done, 1 refused by the server, 2 wrong usage, 3 no answer.");
  app.require_subcommand(1);
  app.fallthrough();  // --url and its like may follow the subcommand
  add_common(app, line.common);
  add_publish(app, line);
  add_tail(app, line);
  add_inbox_commands(app, line);
  add_backup_commands(app, line);
  add_store_commands(app, line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& wish) {  // --help, --version
    return app.exit(wish);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "carillon: {} (--help shows the usage)\n", error.what());
    return exit_usage;
  }
  return line.command();
}

}  // namespace
}  // namespace carillon::client

int main(int argc, char** argv) {
  try {
    return carillon::client::run(argc, argv);
  } catch (const std::exception& error) {
    std::fputs(("carillon: " + std::string{error.what()} + "\n").c_str(), stderr);
    return carillon::client::exit_unreachable;
  }
}
