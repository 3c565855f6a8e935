#pragma once

namespace carillon::loadgen {

/// The text of `page.css` and `page.js`.
extern const char* const page_style;
extern const char* const page_script;

}  // namespace carillon::loadgen
