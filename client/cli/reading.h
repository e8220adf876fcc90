// Values as people read them: durations, sizes, shares and small objects in words. Programs take -o json,
// where nothing of this happens. Pure.
#pragma once

#include <string>
#include <string_view>

#include "client/cli/document.h"

namespace hirehall::cli {

// Keys of the broker say their unit; a reading says it in the value, and its name goes without.
std::string name_for_people(std::string_view key);
// One line, without control characters. `whole`: nothing is shortened, as there is room for it.
std::string reading(const Document& object, const std::string& key, bool whole);

// A task may have any bytes in its names, and an error may quote them; a terminal must not obey them.
// `lines`: line breaks stay.
std::string for_terminal(std::string text, bool lines);

std::string reading_of_ms(double ms);  // 1.2 ms, 4.5 s, 3 min 20 s, 5 d 2 h; negative, as in "not known": -
std::string reading_of_bytes(double bytes);  // 512 B, 1.5 MiB

}  // namespace hirehall::cli
