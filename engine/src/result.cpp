#include "carillon/engine/result.hpp"

namespace carillon::engine {
namespace {

class EngineCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "carillon.engine"; }

  [[nodiscard]] std::string message(int condition) const override {
    switch (static_cast<Errc>(condition)) {
      case Errc::invalid_argument:
        return "an argument breaks the documented rule";
      case Errc::not_found:
        return "there is no such event in this inbox";
      case Errc::closed:
        return "stopping or stopped";
      case Errc::unavailable:
        return "the store can't serve this now; try again later";
      case Errc::corrupt:
        return "the stored data contradict themselves";
      case Errc::locked:
        return "somebody else has the store open";
      case Errc::io:
        return "the operating system refused a read or a write";
      case Errc::unsupported_version:
        return "written by another version of the schema";
      case Errc::unsupported:
        return "this kind of store has no such thing";
      case Errc::history_gone:
        return "the history does not reach back to this cursor any more";
    }
    return "unknown error";
  }
};

}  // namespace

const std::error_category& error_category() noexcept {
  static const EngineCategory category;
  return category;
}

}  // namespace carillon::engine
