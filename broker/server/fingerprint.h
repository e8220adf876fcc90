// Errors that differ in numbers, ids and quoted names only are one kind of trouble.
#pragma once

#include <string>
#include <string_view>

namespace hirehall::server {

// The text with what varies taken out: digits, long hexadecimal words and quoted parts become signs of their
// own.
std::string error_pattern(std::string_view message);
// Short and stable: of the type of the task, the code of the error and the pattern of its text.
std::string error_fingerprint(std::string_view type, std::string_view code, std::string_view message);

}  // namespace hirehall::server
