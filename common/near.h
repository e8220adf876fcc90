// Which known word a mistyped one may mean.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace hirehall {

// Letters to add, drop or change until one is the other.
std::size_t edits_between(std::string_view a, std::string_view b);

// The nearest of them when it is near enough to be meant; nullptr otherwise.
const std::string* nearest(std::string_view word, std::span<const std::string> known);

}  // namespace hirehall
