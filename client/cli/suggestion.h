#pragma once

#include <string>
#include <string_view>

namespace hirehall::cli {

// "task submit": what the words were probably meant to be; empty when nothing is near.
std::string suggested(std::string_view noun, std::string_view verb);

}  // namespace hirehall::cli
