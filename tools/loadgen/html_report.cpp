#include "tools/loadgen/html_report.hpp"

#include "tools/loadgen/report/page_parts.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <cstddef>
#include <stdexcept>

namespace carillon::loadgen {
namespace {

void check(const std::string& run, const std::string& name) {
  simdjson::dom::parser parser;
  std::string_view tool;
  const simdjson::padded_string text{run};
  if (parser.parse(text)["tool"].get(tool) != simdjson::SUCCESS || tool != "carillon-loadgen")
    throw std::invalid_argument{
        fmt::format("'{}' holds no result of carillon-loadgen (--json writes one)", name)};
}

// Inside a script element "</script" would end it; "<" is the same to JSON as its escape.
void append_escaped(std::string& out, const std::string& json) {
  for (const char c : json) {
    if (c == '<')
      out += "\\u003c";
    else
      out += c;
  }
}

}  // namespace

std::string to_html(const std::vector<std::string>& runs, const std::vector<std::string>& names) {
  std::string page = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<style>\n{1}</style></head><body><h1>{0}</h1><div id=\"page\"></div>\n",
      "carillon-loadgen", page_style);
  for (std::size_t number = 0; number < runs.size(); ++number) {
    check(runs[number], names[number]);
    page += R"(<script type="application/json" class="run">)";
    append_escaped(page, runs[number]);
    page += "</script>\n";
  }
  return page + fmt::format("<script>\n{}</script></body></html>\n", page_script);
}

}  // namespace carillon::loadgen
