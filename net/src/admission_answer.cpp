#include "net/src/admission_answer.hpp"

#include "net/src/error_envelope.hpp"

namespace carillon::net {

std::string refusal_bytes(Rejection rejection, std::string_view common_headers) {
  const bool of_address = rejection == Rejection::connections_per_address;
  const auto response = error_response(
      of_address ? 429 : 503, code::too_many_connections,
      of_address ? "Your address has as many connections open as it may: close one, or try again."
                 : "The server has as many connections open as it may: try again later.");
  std::string bytes;
  append_response(bytes, response, {.close = true}, common_headers);
  return bytes;
}

Response too_many_sessions_response(const Admission& admission) {
  return error_response(429, code::too_many_sessions,
                        "This user has as many streams open as it may (" +
                            std::to_string(admission.limits().sessions_per_user_max) +
                            "): close one, or try again.");
}

Response rate_limited_response(const Admission& admission,
                               bool service,
                               std::chrono::microseconds wait) {
  // Rounded up: who comes back then is let in.
  return error_response(429, code::rate_limited, rate_limit_text(admission, service), {},
                        std::chrono::ceil<std::chrono::seconds>(wait));
}

Response receiving_full_response() {
  return error_response(503, code::overloaded,
                        "The server holds as much of unfinished requests as it may: the rest is "
                        "not waited for, send it again later.");
}

std::string rate_limit_text(const Admission& admission, bool service) {
  const auto limits = admission.limits();
  const auto rate = service ? limits.service_publish_rate : limits.publish_rate;
  const auto burst = service ? limits.service_publish_burst : limits.publish_burst;
  return "You may publish " + std::to_string(rate) + " events a second, and " +
         std::to_string(burst) + " at once after a pause: nothing was kept, try again later.";
}

}  // namespace carillon::net
